// The Ledger as rows: what was used, what counted, and forgetting it. Owns no charge (tables/charges.ts).
import type { Ledger, UsageRow } from '../../model/ledger.ts'
import type { Sql, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { usedOf, windowKey } from './charges.ts'

/** Closing the Sql ends it. */
export const sqlLedger = (sql: Sql): Ledger => ({
  used: (meter, start) => sql.read(usedOf(meter, start)),
  breakdown: (meter, start, limit) => sql.read(query(statement(BREAKDOWN, ...windowKey(meter, start), limit), each(toUsageRow))),
  sweep: (before) => sweep(sql, before),
})

const BREAKDOWN = `SELECT day, address, user_agent, units FROM ledger
  WHERE account = ? AND meter = ? AND window_start = ? AND day <> '' AND units > 0
  ORDER BY units DESC, day, address, user_agent LIMIT ?`

/** Windows that one transaction forgets. */
const CHUNK = 100

const SWEEP = `DELETE FROM ledger WHERE (account, meter, window_start) IN
  (SELECT account, meter, window_start FROM ledger WHERE window_end < ? ORDER BY window_end, account, meter, window_start LIMIT ?)`

const sweep = async (sql: Sql, before: number): Promise<number> => {
  let removed = 0
  let changed: number
  do {
    changed = await sql.write(function* (): Unit<number> {
      return yield statement(SWEEP, before, CHUNK)
    })
    removed += changed
  } while (changed > 0)
  return removed
}

const toUsageRow = (row: { day: string; address: string; user_agent: string; units: number }): UsageRow => ({
  day: row.day,
  address: row.address,
  userAgent: row.user_agent,
  units: row.units,
})
