// How long to leave an endpoint alone: after failed token requests, and after tokens that the API refused. Pure but for its own state.

export interface BackOffLimits {
  /** Milliseconds after the first failure. */
  readonly firstMs: number
  /** Milliseconds at most. */
  readonly mostMs: number
}

/**
 * Doubling from `firstMs` to `mostMs`, spread by a quarter either way so that many processes do not come back together.
 * @param failures in a row, from 1.
 * @param random from 0 to below 1.
 */
export function backOff(failures: number, { firstMs, mostMs }: BackOffLimits, random: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), mostMs) * (0.75 + random / 2)
}

/** The last time that a refusal of the API was believed: epoch ms, and for how long no other one is. */
export interface Rejection {
  readonly at: number
  readonly waitMs: number
}

const FIRST_WAIT_MS = 1000

/**
 * Whether one more token may be asked for because the API refused the one at hand: what is to be remembered then, undefined if not.
 * The first refusal is believed at once. An API that goes on refusing gets new tokens ever more slowly, in the end one in each
 * token's lifetime, which would have been spent anyway. It is forgotten after a quiet time of two lifetimes. A success in between
 * changes nothing: one route may accept what another always refuses.
 * @param at epoch ms; a clock that was set counts by how far.
 * @param lifetimeMs of the refused token.
 */
export function nextRejection(last: Rejection | undefined, at: number, lifetimeMs: number): Rejection | undefined {
  if (!last) return { at, waitMs: FIRST_WAIT_MS }
  const since = Math.abs(at - last.at)
  // Never for longer than a token lives, whatever was remembered.
  if (since < Math.min(last.waitMs, Math.max(FIRST_WAIT_MS, lifetimeMs))) return undefined
  const quiet = since > 2 * Math.max(last.waitMs, lifetimeMs)
  return { at, waitMs: quiet ? FIRST_WAIT_MS : Math.max(FIRST_WAIT_MS, Math.min(last.waitMs * 2, lifetimeMs)) }
}
