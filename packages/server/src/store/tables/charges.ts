// Charges as units of a transaction: one row a window with what was used, decided by one conditional upsert, and one a day and origin with
// what it was used for, next to it. Owns no definition of windows (model/window.ts).
import type { Charge, ChargeOrigin, Meter, Receipt } from '../../model/ledger.ts'
import type { Query, SqlValue, Statement, Unit } from '../sql.ts'
import { ask, query, statement } from '../sql.ts'

/** Different origins counted apart in one day of one window. A caller picks his user agent: without a bound he could fill the disk. */
const MOST_ORIGINS = 200
/** Address and user agent of the row that takes what comes beyond. */
const OTHER = 'other'
const LONGEST_ADDRESS = 64
const LONGEST_USER_AGENT = 200

export interface Refusal {
  readonly charged: false
  /** Units used, as of the refusal. */
  readonly used: number
}

/** @throws RangeError if units, limit, day or now are not what they must be */
export const refuseNonsense = ({ units, limit, span, now, origin }: Charge): void => {
  if (!Number.isSafeInteger(units) || units < 1) throw new RangeError(`A charge is of whole units, at least one, and not of ${units}.`)
  if (limit !== null && (!Number.isSafeInteger(limit) || limit < 0)) throw new RangeError(`A limit is a whole number, and not ${limit}.`)
  if (!(span.start <= now && now < span.end)) throw new RangeError(`The window from ${span.start} to ${span.end} does not hold ${now}.`)
  if (origin.day === '') throw new RangeError('A charge belongs to a day, and not to none.')
}

export function* take(charge: Charge): Unit<Receipt | Refusal> {
  const used = yield* takeUnits(charge, charge.units, charge.span.end, charge.limit)
  if (used === undefined) return { charged: false, used: yield* ask(usedOf(charge.meter, charge.span.start)) }
  yield* count(charge, charge.units)
  return { charged: true, charge, used }
}

/**
 * Charges of one window, taken by one statement if they all fit together. Units used with each of them, as if they had been taken in their
 * order; undefined: they do not all fit, and nothing has changed.
 */
export function* takeTogether(charges: readonly Charge[]): Unit<readonly number[] | undefined> {
  const before = yield* takeSum(charges)
  if (before === undefined) return undefined
  yield* countAll(charges)
  let used = before
  return charges.map((charge) => {
    used += charge.units
    return used
  })
}

/**
 * Takes charges of one window by one statement, and leaves what they were for to `countAll` in the same unit. Units used before them, or
 * undefined: they do not all fit, and nothing has changed.
 */
export function* takeSum(charges: readonly Charge[]): Unit<number | undefined> {
  const [first] = charges
  if (first === undefined) return 0
  let units = 0
  let end = first.span.end
  let limit = first.limit
  for (const charge of charges) {
    units += charge.units
    if (charge.span.end > end) end = charge.span.end
    if (charge.limit !== null && (limit === null || charge.limit < limit)) limit = charge.limit
  }
  const used = yield* takeUnits(first, units, end, limit)
  return used === undefined ? undefined : used - units
}

/** Undoes a `takeSum` that was not counted yet. */
export function* untakeSum(charges: readonly Charge[]): Unit<void> {
  const [first] = charges
  if (first === undefined) return
  const units = sumOf(charges)
  yield statement(GIVE_BACK, units, ...windowKey(first.meter, first.span.start), units)
}

export const isSameWindow = (a: Charge, b: Charge): boolean =>
  a.span.start === b.span.start && a.meter.name === b.meter.name && a.meter.account === b.meter.account

/** One name a window, for the charges that draw on it. */
export const windowName = ({ meter, span }: Charge): string => `${span.start} ${meter.name}\n${meter.account}`

/** By their names, the same for all: those who write at the same time then wait for each other one way only. */
export const inOrder = <T>(groups: Iterable<readonly [name: string, group: T]>): readonly (readonly [name: string, group: T])[] =>
  [...groups].toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))

/** One row the first time in a window. None where the window has no row, since its limit is nothing. */
export const markExhausted = ({ meter, span, now }: Charge): Statement => statement(MARK_EXHAUSTED, now, ...windowKey(meter, span.start))

/** All or nothing, and false for nothing: what the window gives back and what its origin gives back stay equal. */
export function* giveBack(charge: Charge): Unit<boolean> {
  const { meter, span, units } = charge
  const key = windowKey(meter, span.start)
  if ((yield statement(GIVE_BACK, units, ...key, units)) === 0) return false
  if ((yield statement(UNCOUNT, units, ...originKey(charge), units)) > 0) return true
  if ((yield statement(UNCOUNT, units, ...othersKey(charge), units)) > 0) return true
  yield statement(RETURN, units, ...key)
  return false
}

/** Several at once, window by window as they come, in as few statements as they have windows and origins. */
export function* giveBackAll(charges: readonly Charge[]): Unit<void> {
  for (const group of Map.groupBy(charges, (charge) => `${windowName(charge)}\n${nameOfOrigin(charge)}`).values()) {
    const [first] = group
    if (first === undefined || (yield* giveBack({ ...first, units: sumOf(group) })) || group.length === 1) continue
    for (const charge of group) yield* giveBack(charge)
  }
}

export const usedOf = (meter: Meter, start: number): Query<number> =>
  query(statement(USED, ...windowKey(meter, start)), (rows: readonly { units: number }[]) => rows[0]?.units ?? 0)

export const windowKey = ({ account, name }: Meter, start: number): [string, string, number] => [account, name, start]

const WINDOW = 'account = ? AND meter = ? AND window_start = ?'
/** The row of the window itself has no day. */
const TOTAL = `${WINDOW} AND day = '' AND address = '' AND user_agent = ''`
const ORIGIN = `${WINDOW} AND day = ? AND address = ? AND user_agent = ?`

// The row of the window is written first: its lock puts all other writes to the window and its origins in order.
const TAKE = `INSERT INTO ledger (account, meter, window_start, day, address, user_agent, units, window_end)
  VALUES (?, ?, ?, '', '', '', ?, ?)
  ON CONFLICT (account, meter, window_start, day, address, user_agent) DO UPDATE SET units = ledger.units + excluded.units
    WHERE ledger.units + excluded.units <= ?
  RETURNING units, window_end`

const USED = `SELECT units FROM ledger WHERE ${TOTAL}`

const PROLONG = `UPDATE ledger SET window_end = ? WHERE ${TOTAL} AND window_end < ?`

const GIVE_BACK = `UPDATE ledger SET units = units - ? WHERE ${TOTAL} AND units >= ?`

const RETURN = `UPDATE ledger SET units = units + ? WHERE ${TOTAL}`

const MARK_EXHAUSTED = `UPDATE ledger SET exhausted_at = ? WHERE ${TOTAL} AND exhausted_at IS NULL`

const COUNT_KNOWN = `UPDATE ledger SET units = units + ? WHERE ${ORIGIN}`

// Rows are only ever added, so an origin has no row of its own once the others share one: a refund finds the row its charge went to, and
// asking for the shared row first saves counting the day's rows. The casts tell PostgreSQL what the placeholders of a SELECT list are.
const COUNT_NEW = `INSERT INTO ledger (units, account, meter, window_start, day, address, user_agent)
  SELECT CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT)
  WHERE NOT EXISTS (SELECT 1 FROM ledger WHERE ${ORIGIN})
    AND (SELECT COUNT(*) FROM ledger WHERE ${WINDOW} AND day = ?) < ?`

const COUNT_OTHER = `INSERT INTO ledger (units, account, meter, window_start, day, address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (account, meter, window_start, day, address, user_agent) DO UPDATE SET units = ledger.units + excluded.units`

const UNCOUNT = `UPDATE ledger SET units = units - ? WHERE ${ORIGIN} AND units >= ?`

/** Units of the window used with these, or undefined and nothing has changed. */
function* takeUnits({ meter, span }: Charge, units: number, end: number, asked: number | null): Unit<number | undefined> {
  // Sums stay whole numbers that JavaScript can hold, without a limit too.
  const limit = asked ?? Number.MAX_SAFE_INTEGER
  // What is more than a whole window holds need not be tried.
  if (units > limit) return undefined
  const taken = yield* ask(takenOf(statement(TAKE, ...windowKey(meter, span.start), units, end, limit)))
  if (taken === undefined) return undefined
  // A plan changed to longer windows, and this one starts at the same instant: it must not be swept before its new end. Not part of
  // every charge, since writing the column costs a page of its index.
  if (taken.window_end < end) yield statement(PROLONG, end, ...windowKey(meter, span.start), end)
  return taken.units
}

interface TakenRow {
  readonly units: number
  readonly window_end: number
}

const takenOf = (asked: Statement): Query<TakenRow | undefined> => query(asked, (rows: readonly TakenRow[]) => rows[0])

/** What charges of one window were for, one statement for each origin. */
export function* countAll(charges: readonly Charge[]): Unit<void> {
  const [first] = charges
  if (first === undefined) return
  if (charges.every(({ origin }) => isSame(origin, first.origin))) {
    yield* count(first, sumOf(charges))
    return
  }
  for (const group of Map.groupBy(charges, nameOfOrigin).values()) {
    const [one] = group
    if (one !== undefined) yield* count(one, sumOf(group))
  }
}

const sumOf = (charges: readonly Charge[]): number => {
  let units = 0
  for (const charge of charges) units += charge.units
  return units
}

const isSame = (a: ChargeOrigin, b: ChargeOrigin): boolean =>
  a === b || (a.day === b.day && a.address === b.address && a.userAgent === b.userAgent)

const nameOfOrigin = ({ origin: { day, address, userAgent } }: Charge): string => JSON.stringify([day, address, userAgent])

function* count(charge: Charge, units: number): Unit<void> {
  const own = originKey(charge)
  if ((yield statement(COUNT_KNOWN, units, ...own)) > 0) return
  const others = othersKey(charge)
  if ((yield statement(COUNT_NEW, units, ...own, ...others, ...dayKey(charge), MOST_ORIGINS)) > 0) return
  yield statement(COUNT_OTHER, units, ...others)
}

const dayKey = ({ meter, span, origin }: Charge): SqlValue[] => [...windowKey(meter, span.start), origin.day]
const othersKey = (charge: Charge): SqlValue[] => [...dayKey(charge), OTHER, OTHER]
const originKey = (charge: Charge): SqlValue[] => [
  ...dayKey(charge),
  bounded(charge.origin.address, LONGEST_ADDRESS),
  bounded(charge.origin.userAgent, LONGEST_USER_AGENT),
]

/** PostgreSQL has no NUL in a text. */
const bounded = (text: string, longest: number): string => text.slice(0, longest).replaceAll('\0', '')
