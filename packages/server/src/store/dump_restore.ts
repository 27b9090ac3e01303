// A dump into a database, as one unit with the audit row that says so: all of it or nothing. Owns what makes a database empty, not the dump's form.
import type { Act, AuditEntry } from '../model/audit.ts'
import type { DumpSummary } from './dump_count.ts'
import { DumpError } from './dump_error.ts'
import { readDump, schemaVersion } from './dump_lines.ts'
import type { DumpTable } from './dump_tables.ts'
import { DUMP_TABLES } from './dump_tables.ts'
import type { InsertRows } from './rows.ts'
import { insertRows } from './rows.ts'
import type { Unit } from './sql.ts'
import { ask, query, statement } from './sql.ts'
import { appendAudit } from './tables/audit.ts'
import { acted } from './tables/change.ts'
import { lastAuditNumber } from './tables/counters.ts'

export interface RestoreOptions {
  /** Its lines from the start: called again if the unit is run again. */
  readonly lines: () => Iterator<string, void>
  /** What is there goes first; else a database that holds anything is refused. */
  readonly replace: boolean
  /** Epoch seconds at which every family of refresh tokens is revoked; undefined: they stay as they were. */
  readonly revokeRefreshAt?: number | undefined
  readonly progress: (table: string, rows: number) => void
  readonly act: Act
  /** What its audit row says beside what was restored: of where it came. */
  readonly source: AuditEntry['detail']
}

export interface Restored {
  readonly summary: DumpSummary
  /** What the counters must be now, by name. */
  readonly counters: ReadonlyMap<string, number>
}

/** @throws DumpError, and then nothing is stored */
export function* restoreDump({ lines, replace, revokeRefreshAt, progress, act, source }: RestoreOptions): Unit<Restored> {
  const replaced = replace ? yield* ask(lastAuditNumber) : 0
  yield* makeRoom(replace)
  const rows = readDump(lines(), yield* ask(schemaVersion))
  const inserts = new Map<string, InsertRows>()
  let step = rows.next()
  for (let count = 0, name = ''; !step.done; step = rows.next()) {
    const { table, columns, rows: bunch } = step.value
    const insert = inserts.get(table.name) ?? insertInto(table, columns)
    inserts.set(table.name, insert)
    yield* insert(bunch)
    count = table.name === name ? count + bunch.length : bunch.length
    name = table.name
    progress(name, count)
  }
  if (revokeRefreshAt !== undefined) yield statement('UPDATE refresh_families SET revoked_at = ? WHERE revoked_at IS NULL', revokeRefreshAt)
  const summary = step.value
  const detail = {
    ...source,
    rows: summary.tables.reduce((sum, one) => sum + one.rows, 0),
    taken: summary.head.created,
    program: summary.head.program,
    ...(summary.newestAudit && { newestAudit: summary.newestAudit.sequence }),
    // Of the trail that went: who reads this one knows that there was another, and how long it was.
    ...(replaced > 0 && { replacedAudit: replaced }),
    ...(revokeRefreshAt !== undefined && { refreshRevoked: true }),
  }
  yield* appendAudit([acted(act, '', '', 'state.restored', detail)])
  return { summary, counters: raised(summary, { audit: 1 }) }
}

/** Those of the dump, and what the restore itself has added to them. */
function raised({ counters }: DumpSummary, by: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(Array.from(counters, ([name, value]) => [name, value + (by[name] ?? 0)]))
}

/** What a new database has: the counters at nought. */
const COUNTERS = 'counters'

function* makeRoom(replace: boolean): Unit<void> {
  for (const { name } of DUMP_TABLES.toReversed()) {
    if (name === COUNTERS) continue
    if (replace) yield statement(`DELETE FROM ${name}`)
    else if (yield* ask(query(statement(`SELECT 1 AS found FROM ${name} LIMIT 1`), (found: readonly unknown[]) => found.length > 0))) {
      throw new DumpError('The database is not empty: restore into a new one, or say --replace to put the backup in its place.')
    }
  }
}

function insertInto({ name, key }: DumpTable, columns: readonly string[]): InsertRows {
  const tail = name === COUNTERS ? `ON CONFLICT (${columns.slice(0, key).join(', ')}) DO UPDATE SET value = excluded.value` : ''
  return insertRows(`INSERT INTO ${name} (${columns.join(', ')})`, columns.length, tail)
}
