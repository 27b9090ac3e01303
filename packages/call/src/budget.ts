// The token budget as the caller sees it: arithmetic on what the server told, in its fields or on its usage page. Pure.
// Who acts on it: token_source.ts. Fields: draft-ietf-httpapi-ratelimit-headers-11, policy `tokens`.
import { readRateLimit } from '@countersign/protocol/oauth/rate_limit'
import type { Remembered } from './token_cache.ts'

export type Budget = NonNullable<Remembered['budget']>

/** What is left, in whole tokens. */
export interface Quota {
  readonly limit: number
  readonly used: number
  readonly remaining: number
  /** Epoch seconds: there are new ones from then on. */
  readonly resetAt: number
  /** Epoch seconds until which the rest lasts at the pace of this window; null: until its end. */
  readonly enoughUntil: number | null
  /** The fields of the last token answer, or the server's usage page. */
  readonly source: 'fields' | 'usage'
  /** Epoch seconds. */
  readonly toldAt: number
}

/** @param fields of a token answer, names in lower case. @param now epoch seconds. */
export function budgetOfFields(fields: Readonly<Record<string, string | undefined>>, now: number): Budget | undefined {
  const told = readRateLimit('tokens', fields['ratelimit-policy'], fields['ratelimit'])
  if (!told) return undefined
  const { quota: limit, remaining, reset, window } = told
  return { limit, remaining, startsAt: now + reset - window, resetAt: Math.ceil(now + reset), toldAt: now }
}

/** The JSON of `/realms/{realm}/usage`; undefined where it tells of no budget. */
export function budgetOfUsage(usage: unknown, now: number): Budget | undefined {
  const { limit, remaining, reset, mode, window } = membersOf(membersOf(usage)['tokens'])
  if (!isCount(limit) || !isCount(remaining) || !isCount(reset)) return undefined
  const startsAt = Date.parse(String(membersOf(window)['start'])) / 1000
  return {
    limit,
    remaining,
    ...(startsAt <= now ? { startsAt } : {}),
    resetAt: Math.ceil(now + reset),
    toldAt: now,
    enforced: mode === undefined || mode === 'enforce',
  }
}

/** Undefined once its window is over: what the next one holds was not told yet. */
export function quotaOf(budget: Budget | undefined, source: Quota['source'], now: number): Quota | undefined {
  if (!budget || now >= budget.resetAt) return undefined
  const { limit, remaining, resetAt, toldAt } = budget
  const used = Math.max(0, limit - remaining)
  // Infinite while nothing is used, and not a number where there never was anything.
  const lasts = remaining === 0 ? toldAt : toldAt + (remaining * Math.max(1, toldAt - (budget.startsAt ?? toldAt))) / used
  return { limit, used, remaining, resetAt, enoughUntil: lasts < resetAt ? lasts : null, source, toldAt }
}

/** True if the server would refuse a new token. */
export function isSpent(budget: Budget | undefined, now: number): budget is Budget {
  return budget !== undefined && budget.remaining <= 0 && isCurrent(budget, now) && budget.enforced !== false
}

/**
 * How sparingly tokens are renewed. 0: there is enough. 1: not for renewals ahead of time. 2: not for the hard margin either.
 * Tokens asked for so far also serve for a lifetime to come, which is why a window that has just begun alarms nobody.
 * @param lifetime seconds of one token.
 */
export function thriftOf(budget: Budget | undefined, lifetime: number, now: number): 0 | 1 | 2 {
  if (!budget || !isCurrent(budget, now) || budget.enforced === false) return 0
  const { limit, remaining, resetAt, toldAt } = budget
  if (remaining <= 0) return 2
  const covered = Math.max(0, toldAt - (budget.startsAt ?? toldAt)) + Math.max(1, lifetime)
  const cost = ((limit - remaining) / covered) * (resetAt - now)
  if (remaining >= cost) return 0
  return remaining >= cost * HARD_SAVES ? 1 : 2
}

/** What is saved by renewing at 95 % of the lifetime instead of 80 %. */
const HARD_SAVES = 0.8 / 0.95

/** Longer than any window: a year and what it takes to hear of it. Seconds, as the next. */
const LONGEST_WINDOW = 400 * 86_400
const MOST_SKEW = 3600

/** Within its window; one told far in the future, by a clock that was wrong then, or that never ends, must not silence us for years. */
function isCurrent({ resetAt, toldAt }: Budget, now: number): boolean {
  return now < resetAt && toldAt <= now + MOST_SKEW && resetAt - toldAt <= LONGEST_WINDOW
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
