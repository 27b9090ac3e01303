// Between a database and a dump's file: writes one, restores one, and tells how far it has come. Owns no command and no format.
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { whyUnreadable } from '../config/secret.ts'
import type { DatabaseSettings } from '../model/database.ts'
import { StoreUnavailable } from '../model/store.ts'
import { BEAT_MS } from '../server/nodes.ts'
import { openSql } from '../server/open_store.ts'
import type { DumpSummary } from '../store/dump_count.ts'
import { DumpError } from '../store/dump_error.ts'
import { dumpFileLines, SALT_BYTES, writeDumpFile } from '../store/dump_file.ts'
import { digestTables, readDump, writeDump } from '../store/dump_lines.ts'
import { restoreDump } from '../store/dump_restore.ts'
import type { Sql } from '../store/sql.ts'
import { nodeTable } from '../store/tables/nodes.ts'
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

export interface RestoreChoice {
  readonly replace: boolean
  readonly revokeRefresh: boolean
}

/** All or nothing, and compared with the dump afterwards. */
export async function restoreFrom(sql: Sql, path: string, key: Uint8Array | null, choice: RestoreChoice, io: Io): Promise<DumpSummary> {
  const file = openOrRefuse(path, 'r', '--in')
  try {
    await refuseLive(sql)
    const revokeRefreshAt = choice.revokeRefresh ? Math.floor(Date.now() / 1000) : undefined
    const lines = () => dumpFileLines(readerFrom(file), key)
    const progress = progressOn(io, 'restored')
    const summary = await sql.write(() => restoreDump({ lines, replace: choice.replace, revokeRefreshAt, progress }))
    await sql.flush()
    await compare(sql, summary, choice.revokeRefresh, io)
    return summary
  } finally {
    closeSync(file)
  }
}

/** Reads a file to its end and stores nothing. */
export function verifyFile(path: string, key: Uint8Array | null, io: Io): DumpSummary {
  const file = openOrRefuse(path, 'r', '--in')
  const progress = progressOn(io, 'verified')
  try {
    const rows = readDump(dumpFileLines(readerFrom(file), key), Number.MAX_SAFE_INTEGER)
    let count = 0
    let step = rows.next()
    for (; !step.done; step = rows.next()) {
      count += step.value.rows.length
      progress(step.value.table.name, count)
    }
    return step.value
  } catch (error) {
    throw error instanceof DumpError ? new UsageError(error.message) : error
  } finally {
    closeSync(file)
  }
}

/** The report of a drill: what was in it, table by table. */
export function report({ head, tables, newestAudit, revision }: DumpSummary): string {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0)
  return [
    table(
      ['TABLE', 'ROWS', 'SHA-256'],
      tables.map((one) => [one.name, `${one.rows}`, one.digest.slice(0, 16)]),
    ),
    `${rows} rows; taken ${head.created} by ${head.program}, schema ${head.schema}\n`,
    `newest audit entry: ${newestAudit ? `number ${newestAudit.sequence}, ${isoTime(newestAudit.at)}` : 'none'}\n`,
    `configuration: revision ${revision}\n`,
  ].join('')
}

/** What the engine gives back is what the dump said. With `--revoke-refresh` the families differ, as was asked. */
async function compare(sql: Sql, { head, tables }: DumpSummary, revoked: boolean, io: Io): Promise<void> {
  const found = await sql.snapshot((read) => digestTables(read, progressOn(io, 'compared'), head))
  for (const { name, rows, digest } of tables) {
    const now = found.find((one) => one.name === name)
    if (now?.rows === rows && (now.digest === digest || (revoked && name === 'refresh_families'))) continue
    throw new DumpError(`The table ${name} is not as the backup says after it was restored: do not use this database, and report it.`)
  }
}

/** What takes longer than two seconds says how far it is. */
const QUIET_MS = 2000

function progressOn({ err }: Io, done: string): (name: string, rows: number) => void {
  let next = Date.now() + QUIET_MS
  return (name, rows) => {
    if (Date.now() < next) return
    next = Date.now() + QUIET_MS
    err(`${name}: ${rows} rows ${done}\n`)
  }
}

/** Its nodes are watched for longer than two signs of life are apart. */
async function refuseLive(sql: Sql): Promise<void> {
  const nodes = nodeTable(sql)
  const before = (await nodes.look()).nodes
  if (before.length === 0) return
  await pause(2 * BEAT_MS)
  const moved = (await nodes.look()).nodes.some(({ id, beat }) => before.find((one) => one.id === id)?.beat !== beat)
  // It would go on with what it remembers of the old state, and write that among the new.
  if (moved) throw new DumpError('A server runs on this database: stop every one of them first, and start them again afterwards.')
}

const READ_BYTES = 1024 * 1024

/** From the start of the file, and its own place in it. */
function readerFrom(file: number): (length: number) => Uint8Array {
  let position = 0
  let buffer = Buffer.alloc(0)
  return (length) => {
    while (buffer.length < length) {
      const more = Buffer.allocUnsafe(Math.max(READ_BYTES, length - buffer.length))
      const bytes = readSync(file, more, 0, more.length, position)
      if (bytes === 0) break
      position += bytes
      buffer = Buffer.concat([buffer, more.subarray(0, bytes)])
    }
    const taken = buffer.subarray(0, length)
    buffer = buffer.subarray(length)
    return taken
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

function openOrRefuse(path: string, flags: 'r' | 'wx', option: string): number {
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
