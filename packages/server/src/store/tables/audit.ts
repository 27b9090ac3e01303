// The audit trail as rows: numbered without gaps, appended last in the unit of what they record, forgotten from the front.
import type { Audit, AuditEntry, AuditFilter, AuditRow } from '../../model/audit.ts'
import { gather } from '../gather.ts'
import { insertRows } from '../rows.ts'
import type { Query, Sql, SqlValue, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { lastAuditNumber, raiseAudit } from './counters.ts'

export const auditTable = (sql: Sql): Audit => {
  const append = gather(sql, function* (entries: readonly AuditEntry[]): Unit<readonly true[]> {
    yield* appendAudit(entries)
    return entries.map(() => true)
  })
  return {
    append: async (entry) => {
      await append(entry)
    },
    read: async (filter) => {
      const { clientId, realmId } = filter
      if (clientId !== undefined) return rowsInBlocks(sql, filter, FROM_CLIENT, clientId)
      return realmId === undefined ? sql.read(rowsOf(filter)) : rowsInBlocks(sql, filter, FROM_REALM, realmId)
    },
    last: () => sql.read(lastAuditNumber),
    sweep: (before) => sweep(sql, before),
  }
}

/** Part of a unit, and its last part: the numbers stay locked until the commit. */
export function* appendAudit(entries: readonly AuditEntry[]): Unit<void> {
  if (entries.length === 0) return
  yield raiseAudit(entries.length)
  yield* INSERT(entries.map((entry, n) => values(entries.length - 1 - n, entry)))
}

const COLUMNS = 'sequence, at, realm_id, client_id, event, made_by, address, detail'
const TYPES = ['BIGINT', 'BIGINT', 'TEXT', 'TEXT', 'TEXT', 'TEXT', 'TEXT', 'TEXT']
const GIVEN = TYPES.slice(1).map((_, n) => `given.column${n + 2}`)

// The engine numbers the rows by the counter that the unit has just raised. If the number came here first, its row would be locked all the way
// there and back, and every other node would wait so long.
const INSERT = insertRows(
  `INSERT INTO audit_rows (${COLUMNS}) SELECT counters.value - given.column1, ${GIVEN.join(', ')} FROM (`,
  TYPES.length,
  ") AS given LEFT JOIN counters ON counters.name = 'audit'",
  TYPES,
)

const LONGEST_NAME = 256
const LONGEST_ADDRESS = 64
const LONGEST_DETAIL = 4096

/** @param behind how many of its unit come after it */
const values = (behind: number, { at, realmId, clientId, event, by, address, detail }: AuditEntry): SqlValue[] => [
  behind,
  at,
  bounded(realmId, LONGEST_NAME),
  bounded(clientId, LONGEST_NAME),
  event,
  bounded(by, LONGEST_NAME),
  bounded(address, LONGEST_ADDRESS),
  written(detail),
]

/** A refusal tells of what strangers sent. PostgreSQL has no NUL in a text. */
const bounded = (text: string, longest: number): string => {
  const cut = text.length > longest ? text.slice(0, longest) : text
  return cut.includes('\0') ? cut.replaceAll('\0', '') : cut
}

const written = (detail: AuditEntry['detail']): string => {
  const text = JSON.stringify(detail)
  return text.length > LONGEST_DETAIL ? JSON.stringify({ omitted: `${text.length} characters` }) : text
}

/** One text for each choice of filters; `beside` is what `from` asks for beside the number. */
const rowsOf = (filter: AuditFilter, from = FROM_ALL, beside: readonly SqlValue[] = []): Query<AuditRow[]> => {
  const { after, limit, realmId, event, since } = filter
  const given: SqlValue[] = [...beside, after]
  let text = from
  const choose = (condition: string, value: SqlValue | undefined): void => {
    if (value === undefined) return
    text += ` AND ${condition}`
    given.push(value)
  }
  // What FROM_REALM asks for itself.
  choose("realm_id || '' = ?", from === FROM_REALM ? undefined : realmId)
  choose('event = ?', event)
  choose('at >= ?', since)
  return query(statement(`${text} ORDER BY sequence LIMIT ?`, ...given, limit), each(toRow))
}

const FROM_ALL = `SELECT ${COLUMNS} FROM audit_rows WHERE sequence > ?`

/** Rows that share a place in the indexes by client and by realm. */
const BLOCK = 1024
const MOST_BLOCKS = 1024

// The order of the join is the index's, by hand: a block, then whose rows in it; the concatenation above keeps the planner from the other
// index. An index over an expression has no affinity, and SQLite uses it only in comparison with what has none either: hence `+ 0`.
const fromBlocks = (whose: string): string => `WITH RECURSIVE blocks (block) AS
    (SELECT CAST(? AS BIGINT) UNION ALL SELECT block + 1 FROM blocks WHERE block < CAST(? AS BIGINT))
  SELECT ${COLUMNS} FROM blocks CROSS JOIN audit_rows WHERE sequence / ${BLOCK} = block + 0 AND ${whose} = ? AND sequence > ?`
const FROM_CLIENT = fromBlocks('client_id')
const FROM_REALM = fromBlocks('realm_id')

/** In steps of more and more blocks: the rows of a busy client or realm are near, a quiet one's far between. */
const rowsInBlocks = async (sql: Sql, filter: AuditFilter, from: string, whose: string): Promise<readonly AuditRow[]> => {
  const rows: AuditRow[] = []
  const last = await sql.read(lastAuditNumber)
  let blocks = 1
  for (let block = Math.floor(filter.after / BLOCK); block * BLOCK <= last && rows.length < filter.limit; block += blocks) {
    if (rows.length === 0) blocks = Math.min(blocks * 2, MOST_BLOCKS)
    const rest = { ...filter, limit: filter.limit - rows.length }
    rows.push(...(await sql.read(rowsOf(rest, from, [block, block + blocks - 1, whose]))))
  }
  return rows
}

/** Rows one statement removes, so that no sweep holds the write lock for long. */
const CHUNK = 1000

// Only from the front, so that what is left has no gap: rows of different processes may be a little out of the order of their times.
const FRONT = 'SELECT sequence, at FROM audit_rows ORDER BY sequence LIMIT ?'
const SWEEP = `DELETE FROM audit_rows WHERE sequence IN (SELECT f.sequence FROM (${FRONT}) f)
  AND sequence < COALESCE((SELECT MIN(k.sequence) FROM (${FRONT}) k WHERE k.at >= ?), ${Number.MAX_SAFE_INTEGER})`

const sweep = async (sql: Sql, before: number): Promise<number> => {
  let removed = 0
  let changed: number
  do {
    changed = await sql.write(function* (): Unit<number> {
      return yield statement(SWEEP, CHUNK, CHUNK, before)
    })
    removed += changed
  } while (changed === CHUNK)
  return removed
}

interface Row {
  readonly sequence: number
  readonly at: number
  readonly realm_id: string
  readonly client_id: string
  readonly event: string
  readonly made_by: string
  readonly address: string
  readonly detail: string
}

const toRow = (row: Row): AuditRow => ({
  sequence: row.sequence,
  at: row.at,
  by: row.made_by,
  realmId: row.realm_id,
  // Written from an AuditEntry by this file only.
  event: row.event as AuditRow['event'],
  clientId: row.client_id,
  address: row.address,
  detail: JSON.parse(row.detail) as AuditRow['detail'],
})
