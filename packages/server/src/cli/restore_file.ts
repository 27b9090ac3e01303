// From a dump's file into a database: restores it, compares what is there then, or only reads it. Owns no command and no format.
import { closeSync, readSync } from 'node:fs'
import type { AuditEntry } from '../model/audit.ts'
import { seesLife } from '../server/nodes.ts'
import type { DumpSummary } from '../store/dump_count.ts'
import { DumpError } from '../store/dump_error.ts'
import { dumpFileLines } from '../store/dump_file.ts'
import { digestTables, readDump } from '../store/dump_lines.ts'
import type { Restored } from '../store/dump_restore.ts'
import { restoreDump } from '../store/dump_restore.ts'
import type { Sql } from '../store/sql.ts'
import { nodeTable } from '../store/tables/nodes.ts'
import { actOfCommand } from './at_rest.ts'
import { openOrRefuse, progressOn } from './backup_file.ts'
import type { Io } from './command.ts'
import { UsageError } from './command.ts'

export interface RestoreChoice {
  readonly replace: boolean
  readonly revokeRefresh: boolean
  readonly revokeAccess: boolean
  /** For the audit row. */
  readonly source: AuditEntry['detail']
}

/** All or nothing, and compared with the dump afterwards. */
export async function restoreFrom(sql: Sql, path: string, key: Uint8Array | null, choice: RestoreChoice, io: Io): Promise<DumpSummary> {
  const file = openOrRefuse(path, 'r', '--in')
  try {
    await refuseLive(sql)
    const { replace, revokeRefresh, revokeAccess, source } = choice
    const act = actOfCommand()
    const revokeRefreshAt = revokeRefresh ? act.at : undefined
    const lines = () => dumpFileLines(readerFrom(file), key)
    const progress = progressOn(io, 'restored')
    const restored = await sql.write(() => restoreDump({ lines, replace, revokeRefreshAt, revokeAccess, progress, act, source }))
    await sql.flush()
    await compare(sql, restored, choice, io)
    return restored.summary
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

/** What the engine gives back is what the dump said, but for what the restore itself was to change. */
async function compare(sql: Sql, { summary, counters }: Restored, { revokeRefresh, revokeAccess }: RestoreChoice, io: Io): Promise<void> {
  const found = await sql.snapshot((read) => digestTables(read, progressOn(io, 'compared'), summary))
  const changed = ['counters', ...(revokeRefresh ? ['refresh_families'] : []), ...(revokeAccess ? ['revocations'] : [])]
  for (const { name, rows, digest } of summary.tables) {
    const now = found.tables.find((one) => one.name === name)
    if (now === undefined || (now.digest !== digest && !changed.includes(name))) throw differs(name)
    // Of revocations there may be more.
    if (now.rows < rows || (now.rows > rows && !changed.includes(name))) throw differs(name)
  }
  for (const [name, value] of counters) if (found.counters.get(name) !== value) throw differs('counters')
}

function differs(name: string): DumpError {
  return new DumpError(`The table ${name} is not as the backup says after it was restored: do not use this database, and report it.`)
}

async function refuseLive(sql: Sql): Promise<void> {
  // It would go on with what it remembers of the old state, and write that among the new.
  if (await seesLife(nodeTable(sql)))
    throw new DumpError('A server runs on this database: stop every one of them first, and start them again afterwards.')
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
