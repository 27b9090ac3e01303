// Sliding rates (GCRA, the generic cell rate algorithm): what may be drawn at an instant, and when the rest may. The one definition of them.
// Pure, and exact: whole numbers only, so that no sum of fractions drifts. Owns no clock, no storage and no names.

/** Units that come back one by one, and how many may be drawn at once. */
export interface SlidingRate {
  /** Units that come back in `seconds`, spread evenly. */
  readonly limit: number
  readonly seconds: number
  /** So many at once, before the even spread begins; at least 1. */
  readonly burst: number
}

/**
 * All there is to remember of what was drawn from one rate: the theoretical arrival time, the instant at which everything is back.
 * It lies `parts` parts after `ms` (epoch milliseconds), `limit` of which are one millisecond.
 */
export interface Arrival {
  readonly ms: number
  readonly parts: number
}

/** Nothing was ever drawn. Every instant in the past means the same. */
export const UNTOUCHED: Arrival = { ms: 0, parts: 0 }

export interface Drawing {
  readonly allowed: boolean
  /** To be remembered in place of the one that was given, also after a refusal: a clock that jumped back is settled by it. */
  readonly arrival: Arrival
  /** What is left, in whole tenths of a unit. */
  readonly leftTenths: number
  /** Whole milliseconds until everything is back; 0: it is. */
  readonly resetMs: number
  /** Whole milliseconds until this draw would be allowed, if nothing else is drawn; 0 if it was, infinite if it costs more than the burst. */
  readonly waitMs: number
}

/**
 * Draws `tenths` tenths of a unit at `nowMs`, or refuses and takes nothing; 0 only looks and is always allowed.
 *
 * In any stretch of T milliseconds at most `burst + limit * T / (seconds * 1000)` units are drawn, and what fits under that is never refused.
 * A clock that is set back cannot lock out for longer than the rate takes from nothing to everything: no debt is believed beyond that.
 * @throws RangeError for a rate that is none, see isRate
 */
export function draw(rate: SlidingRate, arrival: Arrival, tenths: number, nowMs: number): Drawing {
  const now = Math.floor(nowMs)
  const capacity = capacityOf(rate)
  const owed = owedAt(rate, arrival, now, capacity)
  const price = tenths * rate.seconds * PARTS_OF_A_TENTH
  const allowed = owed + price <= capacity || price === 0
  const owes = allowed ? owed + price : owed
  return {
    allowed,
    arrival: arrivalOf(rate, owes, now),
    leftTenths: Math.floor((capacity - owes) / (rate.seconds * PARTS_OF_A_TENTH)),
    resetMs: Math.ceil(owes / rate.limit),
    waitMs: allowed ? 0 : waitFor(rate, owed, price, capacity),
  }
}

/** Gives back what was drawn, as if it had never been; what has come back by itself meanwhile is not given twice. @throws RangeError */
export function giveBack(rate: SlidingRate, arrival: Arrival, tenths: number, nowMs: number): Arrival {
  const now = Math.floor(nowMs)
  const owed = owedAt(rate, arrival, now, capacityOf(rate))
  return arrivalOf(rate, Math.max(0, owed - tenths * rate.seconds * PARTS_OF_A_TENTH), now)
}

/** Whether everything is back: then there is nothing to remember. */
export function isIdle({ ms, parts }: Arrival, nowMs: number): boolean {
  return ms < nowMs || (ms === nowMs && parts === 0)
}

/** Whether the numbers are a rate: whole, positive, and small enough to reckon with exactly (burst times seconds below 9e12). */
export function isRate({ limit, seconds, burst }: SlidingRate): boolean {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1
  return isCount(limit) && isCount(seconds) && isCount(burst) && Number.isSafeInteger(burst * seconds * PARTS_OF_A_UNIT)
}

// A unit comes back in seconds * 1000 / limit milliseconds: seconds * 1000 parts of 1 / limit millisecond each. So every sum is whole.
const PARTS_OF_A_UNIT = 1000
const PARTS_OF_A_TENTH = PARTS_OF_A_UNIT / 10

/** Parts that can be owed at most: the whole burst. */
function capacityOf(rate: SlidingRate): number {
  if (!isRate(rate)) throw new RangeError(`These numbers are no rate: ${rate.limit} in ${rate.seconds} s, ${rate.burst} at once.`)
  return rate.burst * rate.seconds * PARTS_OF_A_UNIT
}

/** Parts owed at that instant. An arrival that another rate left behind, or a later clock, is believed up to the whole burst. */
function owedAt({ limit }: SlidingRate, { ms, parts }: Arrival, now: number, capacity: number): number {
  return Math.min(Math.max(0, (ms - now) * limit + Math.min(parts, limit - 1)), capacity)
}

function arrivalOf({ limit }: SlidingRate, owed: number, now: number): Arrival {
  const parts = owed % limit
  return { ms: now + (owed - parts) / limit, parts }
}

function waitFor({ limit }: SlidingRate, owed: number, price: number, capacity: number): number {
  return price > capacity ? Number.POSITIVE_INFINITY : Math.ceil((owed + price - capacity) / limit)
}
