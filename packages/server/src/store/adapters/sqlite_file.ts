// The database's file and folder, made for their owner alone, and marked as ours.
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { StoreUnavailable } from '../../model/store.ts'
import { notOursSentence } from './sqlite_error.ts'

export interface SqliteOptions {
  /** A path, or `:memory:`. A missing file is created for its owner only, and so is a missing folder. */
  readonly file: string
  /** Most pages of 4096 bytes the file may have: a full disk to try things with. */
  readonly maxPages?: number
}

/** Made before SQLite gets to it, since SQLite would take the umask's mode; its -wal and -shm files take the mode from the file. */
export const createFile = (place: string): void => {
  createFolder(dirname(place))
  closeSync(openSync(place, 'a', 0o600))
}

/** From the top down, one by one: Node's own `recursive` never ends where the file system answers ENOENT to mkdir, as /proc does. */
const createFolder = (folder: string): void => {
  if (existsSync(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) createFolder(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Another process that starts at the same time may have been faster.
    if (!existsSync(folder)) throw error
  }
}

/** What is needed of a connection: the driver itself is sqlite.ts's. */
interface Database {
  prepare(sql: string): { get(): Readonly<Record<string, unknown>> | undefined }
  exec(sql: string): void
}

/** Marks an empty file as ours, and refuses one that is somebody else's database. */
export const claimFile = ({ db, place }: { readonly db: Database; readonly place: string }): void => {
  const mark = db.prepare('PRAGMA application_id').get()?.['application_id']
  if (mark === APPLICATION_ID) return
  const { tables } = db.prepare('SELECT COUNT(*) AS tables FROM sqlite_schema').get() ?? {}
  if (mark !== 0 || tables !== 0) throw new StoreUnavailable(notOursSentence(place))
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
}

/** `CtSn`, as `file` and SQLite's own tools show it. */
const APPLICATION_ID = 0x4374536e
