// Reads of one state of a SQLite database: a view is opened, read from, and closed whatever happens. Knows no driver.
import type { Query, SnapshotRead } from '../sql.ts'
import { asStoreError } from './sqlite_error.ts'

export interface View {
  readonly place: string
  readonly read: <T>(asked: Query<T>) => T
  readonly close: () => void
}

export const readView = async <T>(open: () => View, place: string, act: (read: SnapshotRead) => Promise<T>): Promise<T> => {
  let view: View | undefined
  try {
    const opened = open()
    view = opened
    return await act(async (asked) => opened.read(asked))
  } catch (error) {
    throw asStoreError(error, place)
  } finally {
    view?.close()
  }
}

/** What is needed of a connection: the driver itself is sqlite.ts's. */
interface Database {
  prepare(sql: string): { get(): unknown }
  exec(sql: string): void
  serialize(): Uint8Array
  deserialize(bytes: Uint8Array): void
}

/** `view` is a new connection to the same file; or, if there is none, gets a copy of `memory`. */
export const holdState = (view: Database, memory: Database | undefined): void => {
  if (memory !== undefined) {
    view.deserialize(memory.serialize())
    return
  }
  view.exec('PRAGMA busy_timeout = 5000; PRAGMA query_only = 1; BEGIN')
  // The transaction begins with its first read.
  view.prepare('SELECT COUNT(*) FROM sqlite_schema').get()
}
