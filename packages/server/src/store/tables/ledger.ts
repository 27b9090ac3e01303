// The Ledger as rows: one a window with what was used, decided by one conditional upsert, and one a day and origin with what it was used
// for. Owns no definition of windows (model/window.ts) and no transaction: charges share that of the turn's other writes.
import type { Charge, ChargeOrigin, Ledger, Meter, Receipt, Refusal, UsageRow } from '../../model/ledger.ts'
import type { Query, Sql, SqlValue, Unit } from '../sql.ts'
import { ask, each, query, statement } from '../sql.ts'

/** Closing the Sql ends it. A charge whose members make no sense is the caller's mistake: RangeError. */
export const sqlLedger = (sql: Sql): Ledger => ({
  charge: async (charge) => {
    refuseNonsense(charge)
    return sql.write(() => take(charge))
  },
  refund: ({ charge }) => sql.write(() => giveBack(charge)),
  used: (meter, start) => sql.read(usedOf(meter, start)),
  breakdown: (meter, start, limit) => sql.read(query(statement(BREAKDOWN, ...windowKey(meter, start), limit), each(toUsageRow))),
  sweep: (before) => sweep(sql, before),
})

/** Different origins counted apart in one day of one window. A caller picks his user agent: without a bound he could fill the disk. */
const MOST_ORIGINS = 200
/** Address and user agent of the row that takes what comes beyond. */
const OTHER = 'other'
const LONGEST_ADDRESS = 64
const LONGEST_USER_AGENT = 200

const refuseNonsense = ({ units, limit, span, now }: Charge): void => {
  if (!Number.isSafeInteger(units) || units < 1) throw new RangeError(`A charge is of whole units, at least one, and not of ${units}.`)
  if (limit !== null && (!Number.isSafeInteger(limit) || limit < 0)) throw new RangeError(`A limit is a whole number, and not ${limit}.`)
  if (!(span.start <= now && now < span.end)) throw new RangeError(`The window from ${span.start} to ${span.end} does not hold ${now}.`)
}

// The row of the window is written first: its lock puts all other writes to the window and its usage in order.
const TAKE = `INSERT INTO ledger_windows (account, meter, window_start, used, window_end) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (account, meter, window_start) DO UPDATE SET used = ledger_windows.used + excluded.used
    WHERE ledger_windows.used + excluded.used <= ?
  RETURNING used, window_end`

const WINDOW = 'account = ? AND meter = ? AND window_start = ?'
const ORIGIN = `${WINDOW} AND day = ? AND address = ? AND user_agent = ?`

const USED = `SELECT used FROM ledger_windows WHERE ${WINDOW}`

const PROLONG = `UPDATE ledger_windows SET window_end = ? WHERE ${WINDOW} AND window_end < ?`

const GIVE_BACK = `UPDATE ledger_windows SET used = used - ? WHERE ${WINDOW} AND used >= ?`

const RETURN = `UPDATE ledger_windows SET used = used + ? WHERE ${WINDOW}`

const COUNT_KNOWN = `UPDATE ledger_usage SET units = units + ? WHERE ${ORIGIN}`

// Rows are only ever added, so an origin has no row of its own once the others share one: a refund finds the row its charge went to, and
// asking for the shared row first saves counting the day's rows. The casts tell PostgreSQL what the placeholders of a SELECT list are.
const COUNT_NEW = `INSERT INTO ledger_usage (units, account, meter, window_start, day, address, user_agent)
  SELECT CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)
  WHERE NOT EXISTS (SELECT 1 FROM ledger_usage WHERE ${ORIGIN})
    AND (SELECT COUNT(*) FROM ledger_usage WHERE ${WINDOW} AND day = ?) < ?`

const COUNT_OTHER = `INSERT INTO ledger_usage (units, account, meter, window_start, day, address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (account, meter, window_start, day, address, user_agent) DO UPDATE SET units = ledger_usage.units + excluded.units`

const UNCOUNT = `UPDATE ledger_usage SET units = units - ? WHERE ${ORIGIN} AND units >= ?`

const BREAKDOWN = `SELECT day, address, user_agent, units FROM ledger_usage WHERE ${WINDOW} AND units > 0
  ORDER BY units DESC, day, address, user_agent LIMIT ?`

function* take(charge: Charge): Unit<Receipt | Refusal> {
  const { meter, span, units } = charge
  // Sums stay whole numbers that JavaScript can hold, without a limit too.
  const limit = charge.limit ?? Number.MAX_SAFE_INTEGER
  // What is more than a whole window holds need not be tried.
  const taken = units <= limit ? yield* ask(takenOf(charge, limit)) : undefined
  if (taken === undefined) return { charged: false, used: yield* ask(usedOf(meter, span.start)) }
  // A plan changed to longer windows, and this one starts at the same instant: it must not be swept before its new end. Not part of
  // every charge, since writing the column costs a page of its index.
  if (taken.window_end < span.end) yield statement(PROLONG, span.end, ...windowKey(meter, span.start), span.end)
  yield* count(charge)
  return { charged: true, charge, used: taken.used }
}

const takenOf = ({ meter, span, units }: Charge, limit: number): Query<TakenRow | undefined> =>
  query(statement(TAKE, ...windowKey(meter, span.start), units, span.end, limit), (rows: readonly TakenRow[]) => rows[0])

const usedOf = (meter: Meter, start: number): Query<number> =>
  query(statement(USED, ...windowKey(meter, start)), (rows: readonly { used: number }[]) => rows[0]?.used ?? 0)

function* count(charge: Charge): Unit<void> {
  const own = originKey(charge)
  if ((yield statement(COUNT_KNOWN, charge.units, ...own)) > 0) return
  const others = othersKey(charge)
  if ((yield statement(COUNT_NEW, charge.units, ...own, ...others, ...dayKey(charge), MOST_ORIGINS)) > 0) return
  yield statement(COUNT_OTHER, charge.units, ...others)
}

/** All or nothing: what the window gives back and what its usage gives back stay equal. */
function* giveBack(charge: Charge): Unit<void> {
  const { meter, span, units } = charge
  const key = windowKey(meter, span.start)
  if ((yield statement(GIVE_BACK, units, ...key, units)) === 0) return
  if ((yield statement(UNCOUNT, units, ...originKey(charge), units)) > 0) return
  if ((yield statement(UNCOUNT, units, ...othersKey(charge), units)) > 0) return
  yield statement(RETURN, units, ...key)
}

const windowKey = ({ account, name }: Meter, start: number): [string, string, number] => [account, name, start]
const dayKey = ({ meter, span, origin }: Charge): SqlValue[] => [...windowKey(meter, span.start), origin.day]
const othersKey = (charge: Charge): SqlValue[] => [...dayKey(charge), OTHER, OTHER]
const originKey = (charge: Charge): SqlValue[] => [
  ...dayKey(charge),
  bounded(charge.origin.address, LONGEST_ADDRESS),
  bounded(charge.origin.userAgent, LONGEST_USER_AGENT),
]

/** PostgreSQL has no NUL in a text. */
const bounded = (text: string, longest: number): string => text.slice(0, longest).replaceAll('\0', '')

/** Windows that one transaction forgets. */
const CHUNK = 100

const ENDED = `(account, meter, window_start) IN (SELECT account, meter, window_start FROM ledger_windows
  WHERE window_end < ? ORDER BY window_end, account, meter, window_start LIMIT ?)`

const SWEEP_USAGE = `DELETE FROM ledger_usage WHERE ${ENDED}`

// Where the engine lets another transaction add an ended window in between, that one waits for the next sweep with its usage.
const SWEEP_WINDOWS = `DELETE FROM ledger_windows WHERE ${ENDED} AND NOT EXISTS (SELECT 1 FROM ledger_usage u
  WHERE u.account = ledger_windows.account AND u.meter = ledger_windows.meter AND u.window_start = ledger_windows.window_start)`

const sweep = async (sql: Sql, before: number): Promise<number> => {
  let removed = 0
  let windows: number
  do {
    const counts = await sql.write(function* () {
      return { usage: yield statement(SWEEP_USAGE, before, CHUNK), windows: yield statement(SWEEP_WINDOWS, before, CHUNK) }
    })
    windows = counts.windows
    removed += counts.usage + windows
  } while (windows === CHUNK)
  return removed
}

interface TakenRow {
  readonly used: number
  readonly window_end: number
}

const toUsageRow = (row: { day: string; address: string; user_agent: string; units: number }): UsageRow => {
  const origin: ChargeOrigin = { day: row.day, address: row.address, userAgent: row.user_agent }
  return { ...origin, units: row.units }
}
