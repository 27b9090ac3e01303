// Between a database and a dump's file: writes one, restores one, and tells how far it has come. Owns no command and no format.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { whyUnreadable } from '../config/secret.ts'
import type { DatabaseSettings } from '../model/database.ts'
import { StoreUnavailable } from '../model/store.ts'
import { openSql } from '../server/open_store.ts'
import type { DumpSummary } from '../store/dump_count.ts'
import { DumpError } from '../store/dump_error.ts'
import { SALT_BYTES, writeDumpFile } from '../store/dump_file.ts'
import { writeDump } from '../store/dump_lines.ts'
import type { Sql } from '../store/sql.ts'
import type { Io } from './command.ts'
import { UsageError } from './command.ts'
import { isoTime, table } from './listing.ts'
import { version } from './version.ts'

/** Lets the work with a database and a dump fail in one sentence. */
export async function withSql<T>(settings: DatabaseSettings, use: (sql: Sql) => Promise<T>): Promise<T> {
  try {
    const sql = await openSql(settings)
    try {
      return await use(sql)
    } finally {
      await sql.close()
    }
  } catch (error) {
    throw error instanceof StoreUnavailable || error instanceof DumpError ? new UsageError(error.message) : error
  }
}

export interface Written extends DumpSummary {
  /** Size of the file. */
  readonly bytes: number
}

/** @param write takes bytes, and resolves when more may come. @param key null: readable by anybody */
export function dumpTo(sql: Sql, key: Uint8Array | null, write: (bytes: Uint8Array) => Promise<void>, io: Io): Promise<Written> {
  const file = writeDumpFile(write, key && { key, salt: randomBytes(SALT_BYTES) })
  const about = { created: isoTime(Math.floor(Date.now() / 1000)), program: `countersign ${version()}` }
  return sql.snapshot(async (read) => {
    const summary = await writeDump(read, about, file.line, progressOn(io, 'written'))
    return { ...summary, bytes: await file.end() }
  })
}

/** Whole and durable, or not there; never in the place of another file. */
export async function dumpToFile(sql: Sql, key: Uint8Array | null, path: string, io: Io): Promise<Written> {
  const unfinished = `${path}.unfinished`
  const file = openOrRefuse(unfinished, 'wx', '--out')
  try {
    const written = await dumpTo(sql, key, async (bytes) => writeWhole(file, bytes), io)
    fsyncSync(file)
    putInPlace(unfinished, path)
    syncFolder(dirname(path))
    return written
  } catch (error) {
    rmSync(unfinished, { force: true })
    throw systemSentence(error, path)
  } finally {
    closeSync(file)
  }
}

/** By a second name, which unlike renaming fails where somebody was quicker; not every file system has them. */
function putInPlace(unfinished: string, path: string): void {
  try {
    linkSync(unfinished, path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') throw error
    renameSync(unfinished, path)
  }
  rmSync(unfinished, { force: true })
}

/** The report of a drill: what was in it, table by table. */
export function report({ head, tables, newestAudit, counters }: DumpSummary): string {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0)
  return [
    table(
      ['TABLE', 'ROWS', 'SHA-256'],
      tables.map((one) => [one.name, `${one.rows}`, one.digest.slice(0, 16)]),
    ),
    `${rows} rows; taken ${head.created} by ${head.program}, schema ${head.schema}\n`,
    `newest audit entry: ${newestAudit ? `number ${newestAudit.sequence}, ${isoTime(newestAudit.at)}` : 'none'}\n`,
    `configuration: revision ${counters.get('revision') ?? 0}\n`,
  ].join('')
}

/** What takes longer than two seconds says how far it is. */
const QUIET_MS = 2000

export function progressOn({ err }: Io, done: string): (name: string, rows: number) => void {
  let next = Date.now() + QUIET_MS
  return (name, rows) => {
    if (Date.now() < next) return
    next = Date.now() + QUIET_MS
    err(`${name}: ${rows} rows ${done}\n`)
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

export function openOrRefuse(path: string, flags: 'r' | 'wx', option: string): number {
  try {
    return openSync(path, flags, 0o600)
  } catch (error) {
    throw systemSentence(error, path, option)
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function systemSentence(error: unknown, path: string, option = '--out'): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error
  if (error.code === 'EEXIST') return new UsageError(`${path} is there already: move it away or name another with ${option}.`)
  if (error.code === 'ENOSPC') return new UsageError(`There is no space left for ${path}: free some on its disk.`)
  const why = option === '--in' ? whyUnreadable(error) : 'cannot be written'
  return new UsageError(`${path} ${why}: name another with ${option}.`)
}
