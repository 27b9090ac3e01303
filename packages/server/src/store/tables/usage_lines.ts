// Lines of the bill, read page by page in the order of their keys, and forgotten in steps.
import type { UsageFilter, UsageLine } from '../../model/metering.ts'
import type { Query, Sql, SqlValue, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'

const KEY = 'hour, realm_id, client_id, api_key_id, api_id, route'
const ANSWERS = 'answers_1xx, answers_2xx, answers_3xx, answers_4xx, answers_5xx, answers_none'
const REST = 'bytes_in, bytes_out, milliseconds'

// A line whose requests were all taken back is none.
const TOLD = `requests + units + ${ANSWERS.replaceAll(', ', ' + ')} + ${REST.replaceAll(', ', ' + ')} > 0`

const COLUMNS = `${KEY}, requests, units, ${ANSWERS}, ${REST}`

export const usageLines = async (sql: Sql, filter: UsageFilter, after: UsageLine | null, limit: number): Promise<readonly UsageLine[]> => {
  const { realmId, clientId } = filter
  if (realmId === undefined || clientId === undefined) return sql.read(linesOfAll(filter, after, limit))
  return linesOfClient(sql, { ...filter, realmId, clientId }, after, limit)
}

/** In the order of the table. One text for each choice of filters. */
const linesOfAll = ({ from, to, realmId, clientId }: UsageFilter, after: UsageLine | null, limit: number): Query<UsageLine[]> => {
  const given: SqlValue[] = [to]
  let text = `SELECT ${COLUMNS} FROM usage_hours WHERE hour < ? AND ${TOLD}`
  const choose = (condition: string, ...values: SqlValue[]): void => {
    text += ` AND ${condition}`
    given.push(...values)
  }
  if (realmId !== undefined) choose('realm_id = ?', realmId)
  if (clientId !== undefined) choose('client_id = ?', clientId)
  if (after === null || after.hour < from) choose('hour >= ?', from)
  else choose(`(${KEY}) > (${KEY.replaceAll(/\w+/g, '?')})`, ...place(after))
  return query(statement(`${text} ORDER BY ${KEY} LIMIT ?`, ...given, limit), each(toLine))
}

interface OfClient extends UsageFilter {
  readonly realmId: string
  readonly clientId: string
}

const DAY = 86_400

/** In longer and longer steps: a busy client's lines are near, a quiet one's far between. */
const linesOfClient = async (sql: Sql, filter: OfClient, after: UsageLine | null, limit: number): Promise<readonly UsageLine[]> => {
  const lines: UsageLine[] = []
  const behind = after === null || after.hour < filter.from ? { ...NOTHING, hour: filter.from - 1 } : after
  let from = Math.max(behind.hour, filter.from)
  for (let span = DAY; from < filter.to && lines.length < limit; span *= 2) {
    const step = { ...filter, from, to: Math.min(from + span, filter.to) }
    lines.push(...(await sql.read(linesOfStep(step, behind, limit - lines.length))))
    from = step.to
  }
  return lines
}

/** Of a line that may be there: behind it, every line of the next hour is. */
const NOTHING = { apiKeyId: '', apiId: '', route: '' }

// From one hour that has lines to the next, and in each straight to the client's: an index by client would be a second page for every line
// that is new. The order of the join is by hand; where the page begins is told in two parts, which no planner takes for a range of all clients.
const STEP = `WITH RECURSIVE hours (hour) AS (
    SELECT MIN(hour) FROM usage_hours WHERE hour >= ? AND hour < ?
    UNION ALL
    SELECT (SELECT MIN(u.hour) FROM usage_hours u WHERE u.hour > hours.hour AND u.hour < ?) FROM hours WHERE hours.hour IS NOT NULL)
  SELECT ${COLUMNS.replace('hour', 'u.hour')} FROM hours CROSS JOIN usage_hours u
  WHERE u.hour = hours.hour AND u.realm_id = ? AND u.client_id = ? AND ${TOLD}
    AND (u.hour > ? OR (u.api_key_id, u.api_id, u.route) > (?, ?, ?))
  ORDER BY hours.hour, u.api_key_id, u.api_id, u.route LIMIT ?`

const linesOfStep = (
  { from, to, realmId, clientId }: OfClient,
  { hour, apiKeyId, apiId, route }: Pick<UsageLine, 'hour' | 'apiKeyId' | 'apiId' | 'route'>,
  limit: number,
): Query<UsageLine[]> => query(statement(STEP, from, to, to, realmId, clientId, hour, apiKeyId, apiId, route, limit), each(toLine))

const place = ({ hour, realmId, clientId, apiKeyId, apiId, route }: UsageLine): SqlValue[] => [
  hour,
  realmId,
  clientId,
  apiKeyId,
  apiId,
  route,
]

/** Rows one statement removes, so that no sweep holds the write lock for long. */
const CHUNK = 1000

const SWEEP = `DELETE FROM usage_hours WHERE (${KEY}) IN (SELECT ${KEY} FROM usage_hours WHERE hour < ? ORDER BY ${KEY} LIMIT ?)`

/** Hours that begin before. Rows removed. */
export const sweepUsage = async (sql: Sql, before: number): Promise<number> => {
  let removed = 0
  let changed: number
  do {
    changed = await sql.write(function* (): Unit<number> {
      return yield statement(SWEEP, before, CHUNK)
    })
    removed += changed
  } while (changed === CHUNK)
  return removed
}

interface Row {
  readonly hour: number
  readonly realm_id: string
  readonly client_id: string
  readonly api_key_id: string
  readonly api_id: string
  readonly route: string
  readonly requests: number
  readonly units: number
  readonly answers_1xx: number
  readonly answers_2xx: number
  readonly answers_3xx: number
  readonly answers_4xx: number
  readonly answers_5xx: number
  readonly answers_none: number
  readonly bytes_in: number
  readonly bytes_out: number
  readonly milliseconds: number
}

const toLine = (row: Row): UsageLine => ({
  hour: row.hour,
  realmId: row.realm_id,
  clientId: row.client_id,
  apiKeyId: row.api_key_id,
  apiId: row.api_id,
  route: row.route,
  requests: row.requests,
  units: row.units,
  answers: {
    '1xx': row.answers_1xx,
    '2xx': row.answers_2xx,
    '3xx': row.answers_3xx,
    '4xx': row.answers_4xx,
    '5xx': row.answers_5xx,
    none: row.answers_none,
  },
  bytesIn: row.bytes_in,
  bytesOut: row.bytes_out,
  milliseconds: row.milliseconds,
})
