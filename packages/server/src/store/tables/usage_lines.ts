// Lines of the bill, read page by page in the order of their keys, and forgotten in steps.
import type { UsageFilter, UsageLine } from '../../model/metering.ts'
import type { Query, Sql, SqlValue, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'

const KEY = 'hour, realm_id, client_id, api_key_id, api_id, route'
const ANSWERS = 'answers_1xx, answers_2xx, answers_3xx, answers_4xx, answers_5xx, answers_none'
const REST = 'bytes_in, bytes_out, milliseconds'

// A line whose requests were all taken back is none.
const TOLD = `requests + units + ${ANSWERS.replaceAll(', ', ' + ')} + ${REST.replaceAll(', ', ' + ')} > 0`

const SELECT = `SELECT ${KEY}, requests, units, ${ANSWERS}, ${REST} FROM usage_hours WHERE hour < ? AND ${TOLD}`

/** One text for each choice of filters. One client's lines are found by its index, all others in the order of the table. */
export const usageLines = (filter: UsageFilter, after: UsageLine | null, limit: number): Query<UsageLine[]> => {
  const { from, to, realmId, clientId } = filter
  const given: SqlValue[] = [to]
  let text = SELECT
  const choose = (condition: string, ...values: SqlValue[]): void => {
    text += ` AND ${condition}`
    given.push(...values)
  }
  const ofOne = realmId !== undefined && clientId !== undefined
  if (ofOne) choose('realm_id = ? AND client_id = ?', realmId, clientId)
  // The concatenation keeps the planner from the index by client, whose order is another.
  else if (realmId !== undefined) choose("realm_id || '' = ?", realmId)
  else if (clientId !== undefined) choose("client_id || '' = ?", clientId)
  const key = ofOne ? 'hour, api_key_id, api_id, route' : KEY
  if (after === null || after.hour < from) choose('hour >= ?', from)
  else choose(`(${key}) > (${key.replaceAll(/\w+/g, '?')})`, ...(ofOne ? placeOfOne(after) : place(after)))
  return query(statement(`${text} ORDER BY ${key} LIMIT ?`, ...given, limit), each(toLine))
}

const place = ({ hour, realmId, clientId, apiKeyId, apiId, route }: UsageLine): SqlValue[] => [
  hour,
  realmId,
  clientId,
  apiKeyId,
  apiId,
  route,
]
const placeOfOne = ({ hour, apiKeyId, apiId, route }: UsageLine): SqlValue[] => [hour, apiKeyId, apiId, route]

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
