// A dump into a database, as one unit with the audit row that says so: all of it or nothing. Owns what makes a database empty, not the dump's form.
import type { Act, AuditEntry } from '../model/audit.ts'
import { clientRevocation } from '../model/token.ts'
import type { DumpSummary } from './dump_count.ts'
import { DumpError } from './dump_error.ts'
import { readDump, schemaVersion } from './dump_lines.ts'
import type { DumpTable } from './dump_tables.ts'
import { DUMP_TABLES } from './dump_tables.ts'
import type { InsertRows } from './rows.ts'
import { insertRows } from './rows.ts'
import type { Unit } from './sql.ts'
import { ask, query, statement } from './sql.ts'
import { cutAllClients } from './tables/access_tokens.ts'
import { appendAudit } from './tables/audit.ts'
import { acted } from './tables/change.ts'
import { counters, startNumbersAt } from './tables/counters.ts'

export interface RestoreOptions {
  /** Its lines from the start: called again if the unit is run again. */
  readonly lines: () => Iterator<string, void>
  /** What is there goes first; else a database that holds anything is refused. */
  readonly replace: boolean
  /** Epoch seconds at which every family of refresh tokens is revoked; undefined: they stay as they were. */
  readonly revokeRefreshAt?: number | undefined
  /** Whether every client loses the access tokens that it has been issued so far. */
  readonly revokeAccess: boolean
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
export function* restoreDump({ lines, replace, revokeRefreshAt, revokeAccess, progress, act, source }: RestoreOptions): Unit<Restored> {
  const before = yield* ask(counters)
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
  const summary = step.value
  const number = neverGiven([...before.values(), ...summary.counters.values()], act.at)
  yield startNumbersAt(number)
  if (revokeRefreshAt !== undefined) yield statement('UPDATE refresh_families SET revoked_at = ? WHERE revoked_at IS NULL', revokeRefreshAt)
  const cuts = revokeAccess ? yield* cutAllClients(clientRevocation('', '', act.at).expiresAt) : 0
  const [replaced = 0, audit = replaced] = [before.get('audit'), summary.counters.get('audit')]
  const revoked = { ...(revokeRefreshAt !== undefined && { refreshRevoked: true }), ...(revokeAccess && { accessRevoked: true }) }
  // Of the trail that went: who reads this one knows that there was another, and how long it was.
  const detail = { ...source, ...saidOf(summary), ...(replaced > 0 && { replacedAudit: replaced }), ...revoked }
  yield* appendAudit([acted(act, '', '', 'state.restored', detail)])
  const now = { audit: audit + 1, revision: number, revocation: number + cuts }
  return { summary, counters: new Map(Object.entries(now)) }
}

function saidOf({ head, tables, newestAudit }: DumpSummary): AuditEntry['detail'] {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0)
  return { rows, taken: head.created, program: head.program, ...(newestAudit && { newestAudit: newestAudit.sequence }) }
}

/** More than are given between a backup and its restore: at a thousand revocations a second it takes four months. */
const LEAP = 10_000_000_000
/** More than are given on an average second. */
const EACH_SECOND = 100_000
/** Guards read so many digits of a client's generation. */
const LARGEST = 999_999_999_999_999

/**
 * A number of changes and revocations that was given to nobody. Since the dump was taken, numbers were given that it knows nothing of, and
 * tokens name them as their client's generation: were one given again, the end of a client that has it would miss those tokens. By the time,
 * since one dump may be restored several times; ahead of all that is known, since clocks are set. docs/decisions/0031.
 * @param known those of the dump, and of what was here. @param at epoch seconds
 */
function neverGiven(known: readonly number[], at: number): number {
  const number = Math.max(Math.max(...known) + LEAP, at * EACH_SECOND)
  if (number <= LARGEST - LEAP) return number
  throw new DumpError(
    "The backup has numbers that no server gives, or this machine's clock is centuries ahead: mend the clock, or use another copy.",
  )
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
