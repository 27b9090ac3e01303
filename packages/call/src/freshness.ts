// When a token is to be renewed and when it ends: pure arithmetic on a monotonic clock. Who renews it: token_source.ts.
// Margins are shares of the lifetime, since a constant margin asks for a token per call as soon as lifetimes are shorter than it.

/** Moments on a monotonic clock, in milliseconds: renewAt <= waitAt <= endsAt. */
export interface Freshness {
  /** From here on a new token is fetched behind the caller's back. */
  readonly renewAt: number
  /** From here on a caller waits for the new one. */
  readonly waitAt: number
  /** From here on the token is not used, whatever happens. */
  readonly endsAt: number
}

/** `fresh` use it · `aging` use it, renew behind · `old` renew and wait, use it if that fails · `ended` never. */
export type Age = 'fresh' | 'aging' | 'old' | 'ended'

/** Renewal begins between these shares of the lifetime, so that many processes do not all renew in one moment. */
export const SOFT_SHARE = { least: 0.75, most: 0.85 } as const
export const HARD_SHARE = 0.95
/** Where the budget is shortest: the rest is for the way to the API and for clocks that differ. */
export const LAST_SHARE = 0.99
/** Nobody means more: 10 years, in seconds. */
export const LONGEST_LIFETIME = 315_360_000

/**
 * @param startedAt when the request for the token began, monotonic ms: the server's clock started later, so the end computed here is never too late.
 * @param lifetime seconds, `expires_in`.
 * @param random from 0 to below 1.
 */
export function freshnessOf(startedAt: number, lifetime: number, random: number): Freshness {
  const life = Math.min(Math.max(lifetime, 0), LONGEST_LIFETIME) * 1000
  const soft = SOFT_SHARE.least + (SOFT_SHARE.most - SOFT_SHARE.least) * random
  return { renewAt: startedAt + life * soft, waitAt: startedAt + life * HARD_SHARE, endsAt: startedAt + life }
}

/**
 * Of a token that the server handed out again: nothing is gained by asking before its end, less the hard margin of its whole life;
 * where not even that is left, before its end.
 * @param remaining seconds, `expires_in`. @param whole seconds it lived at first.
 */
export function freshnessOfSame(startedAt: number, remaining: number, whole: number, random: number): Freshness {
  const { endsAt } = freshnessOf(startedAt, remaining, 0)
  const margin = whole * 1000 * (1 - HARD_SHARE) * (0.5 + random / 2)
  const waitAt = endsAt - margin > startedAt ? endsAt - margin : endsAt
  return { renewAt: waitAt, waitAt, endsAt }
}

export function ageAt({ renewAt, waitAt, endsAt }: Freshness, at: number): Age {
  if (at >= endsAt) return 'ended'
  if (at >= waitAt) return 'old'
  return at >= renewAt ? 'aging' : 'fresh'
}
