// The SQLite adapter: one connection, reads at once, writes in group commits. The only file that knows node:sqlite.
import { resolve } from 'node:path'
import type { StatementSync } from 'node:sqlite'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../model/store.ts'
import { StoreUnavailable } from '../../model/store.ts'
import type { BatchDriver } from '../batch.ts'
import { createBatch, drive } from '../batch.ts'
import { migrate } from '../migrate.ts'
import type { Query, Row, Sql, Statement, Unit } from '../sql.ts'
import { sqlStore } from '../sql_store.ts'
import { asStoreError, closedSentence, lockedSentence, unlessBusy } from './sqlite_error.ts'
import type { SqliteOptions } from './sqlite_file.ts'
import { claimFile, createFile } from './sqlite_file.ts'
import type { LogFile } from './sqlite_log.ts'
import { openLogFile } from './sqlite_log.ts'
import type { View } from './sqlite_view.ts'
import { holdState, readView } from './sqlite_view.ts'

/** The Store in one SQLite file, which several processes may open. Rejects with StoreUnavailable, one sentence that names file and mend. */
export const openSqliteStore = async (options: SqliteOptions): Promise<Store> => sqlStore(await openSqlite(options))

/** The same database, for what else shares its transactions. */
export const openSqlite = async (options: SqliteOptions): Promise<Sql> => {
  const place = options.file === MEMORY ? MEMORY : resolve(options.file)
  let connection: Connection | undefined
  try {
    if (place !== MEMORY) createFile(place)
    connection = connect(place)
    await useWriteAheadLog(connection)
    if (options.maxPages !== undefined) connection.db.exec(`PRAGMA max_page_count = ${Math.trunc(options.maxPages)}`)
    await prepareSchema(connection)
    return sqlOver(connection, flushInTheBackground(connection))
  } catch (error) {
    if (connection?.db.isOpen) connection.db.close()
    throw asStoreError(error, place)
  }
}

const MEMORY = ':memory:'

/** Milliseconds to wait for a lock that another process holds. */
const PATIENCE = 5000
const PAUSE = 10

interface Connection {
  readonly place: string
  readonly db: DatabaseSync
  /** One prepared statement per SQL text; the texts are constants, so this stays small. */
  readonly prepared: Map<string, StatementSync>
}

const connect = (place: string): Connection => {
  return { place, db: new DatabaseSync(place, { timeout: 0, enableForeignKeyConstraints: true }), prepared: new Map() }
}

/** Asks again, without blocking the event loop, while another process is in the way. */
const patiently = async ({ place }: Connection, attempt: () => boolean): Promise<void> => {
  for (let waited = 0; !attempt(); waited += PAUSE) {
    if (waited >= PATIENCE) throw new StoreUnavailable(lockedSentence(place))
    await pause(PAUSE)
  }
}

const useWriteAheadLog = async (connection: Connection): Promise<void> => {
  const { db, place } = connection
  await patiently(connection, () => {
    const mode = unlessBusy(() => db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'])
    if (mode === undefined || mode === 'wal' || place === MEMORY) return mode !== undefined
    throw new StoreUnavailable(`${place} is on a file system that cannot hold a shared database: choose a data folder on a local disk.`)
  })
  db.exec(
    `PRAGMA synchronous = FULL; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = ${CHECKPOINT}; PRAGMA journal_size_limit = ${MOST_LOG}; ${WAIT_NOT}`,
  )
}

/**
 * Pages in the log before it is written back, 16 MB: four times SQLite's default. A page that many commits changed meanwhile is
 * written back once, and each time costs a flush.
 */
const CHECKPOINT = 4000
/** Bytes: what a log that grew while a backup was read is cut back to when it begins anew. */
const MOST_LOG = 32 * 1024 * 1024

/** A commit that nothing more need be done for. */
const DURABLE = Promise.resolve()

/**
 * From here on the log is flushed after each commit as `synchronous = FULL` does it, and as durably, but by fdatasync beside the event loop:
 * SQLite's own flush would hold up every request that is read meanwhile. NORMAL leaves it the flushes around writing the log back.
 */
const flushInTheBackground = ({ db, place }: Connection): LogFile | undefined => {
  if (place === MEMORY) return undefined
  const log = openLogFile(`${place}-wal`, place)
  db.exec('PRAGMA synchronous = NORMAL')
  return log
}

const prepareSchema = async (connection: Connection): Promise<void> => {
  const driver = batchDriver(connection)
  const transact = async (act: () => void): Promise<void> => {
    await patiently(connection, () => driver.begin(false))
    try {
      act()
      driver.commit()
    } catch (error) {
      driver.rollback()
      throw error
    }
  }
  await transact(() => claimFile(connection))
  await migrate({
    types: { text: 'TEXT', integer: 'INTEGER', table: 'STRICT', narrowTable: 'STRICT, WITHOUT ROWID' },
    place: connection.place,
    ask: (asked) => read(connection, asked),
    transact: (unit) => transact(() => drive(driver, unit())),
  })
  connection.prepared.clear()
  // What undoes one statement of many rows would be a file beyond 64 kB. Not before: a new index is sorted in one.
  connection.db.exec('PRAGMA temp_store = MEMORY')
}

const sqlOver = (connection: Connection, log: LogFile | undefined): Sql => {
  const { db, place } = connection
  const flush = (): Promise<void> => log?.flush() ?? DURABLE
  const batch = createBatch({ ...batchDriver(connection), flush }, PATIENCE, lockedSentence(place))
  let closed: Promise<void> | undefined

  const refuseIfClosed = (): void => {
    if (closed !== undefined) throw new StoreUnavailable(closedSentence(place))
  }
  /** Queued behind every write asked for so far, whose own callers hear how those went. */
  const finish = async (): Promise<void> => {
    await batch.write(nothing).catch(() => undefined)
    db.close()
    log?.close()
  }

  return {
    read: async (asked) => {
      refuseIfClosed()
      return read(connection, asked)
    },
    write: async (unit) => {
      refuseIfClosed()
      return batch.write(unit)
    },
    commit: async (unit) => {
      refuseIfClosed()
      return batch.commit(unit)
    },
    flush: async () => {
      refuseIfClosed()
      await flush()
    },
    snapshot: async (act) => {
      refuseIfClosed()
      return await readView(() => viewOf(connection), place, act)
    },
    close: () => (closed ??= finish()),
    isClosed: () => closed !== undefined,
  }
}

function* nothing(): Unit<void> {
  // Its place in the queue is all that matters.
}

/** A connection that sees what there is now, and nothing of what comes; in memory, where there is one connection, a copy of it all. */
const viewOf = ({ db, place }: Connection): View => {
  const view = connect(place)
  holdState(view.db, place === MEMORY ? db : undefined)
  return { place, read: (asked) => read(view, asked), close: () => view.db.close() }
}

const read = <T>(connection: Connection, asked: Query<T>): T => {
  // The tables select text and integers only.
  const select = (): Row[] => prepare(connection, asked.sql).all(...asked.params) as Row[]
  let rows: Row[]
  try {
    rows = unlessBusy(select) ?? patientlySelect(connection, select)
  } catch (error) {
    throw asStoreError(error, connection.place)
  }
  return asked.read(rows)
}

/** Another process recovers the log of one that was killed: the only time that a reader has to wait. */
const patientlySelect = ({ db }: Connection, select: () => Row[]): Row[] => {
  db.exec(WAIT)
  try {
    return select()
  } finally {
    db.exec(WAIT_NOT)
  }
}

const run = (connection: Connection, { sql, params, read: give }: Statement): number => {
  const prepared = prepare(connection, sql)
  if (give === undefined) return Number(prepared.run(...params).changes)
  const rows = prepared.all(...params) as Row[]
  give(rows)
  return rows.length
}

const prepare = ({ db, prepared }: Connection, sql: string): StatementSync => {
  const known = prepared.get(sql)
  if (known !== undefined) return known
  const made = db.prepare(sql)
  prepared.set(sql, made)
  return made
}

const batchDriver = (connection: Connection): BatchDriver => {
  const { db, place } = connection
  const attempt = <T>(act: () => T): T => {
    try {
      return act()
    } catch (error) {
      throw asStoreError(error, place)
    }
  }
  return {
    begin: (wait) => {
      // Not waiting is the rule, and is set once: a PRAGMA for each batch would cost as much as its BEGIN.
      if (wait) db.exec(WAIT)
      try {
        return attempt(() => unlessBusy(() => prepare(connection, 'BEGIN IMMEDIATE').run()) !== undefined)
      } finally {
        if (wait) db.exec(WAIT_NOT)
      }
    },
    run: (asked) => attempt(() => run(connection, asked)),
    commit: () => attempt(() => void prepare(connection, 'COMMIT').run()),
    flush: () => DURABLE,
    rollback: () => {
      // After some errors SQLite has rolled back by itself.
      if (!db.isTransaction) return
      try {
        db.exec('ROLLBACK')
      } catch {
        // What a failed ROLLBACK leaves open, the next BEGIN reports.
      }
    },
  }
}

const WAIT = `PRAGMA busy_timeout = ${PATIENCE}`
const WAIT_NOT = 'PRAGMA busy_timeout = 0'
