// A held token for the tests of the caches, and clocks of two machines that move together but show different times.
import { freshnessOf } from '../../src/freshness.ts'
import type { HeldToken } from '../../src/token_cache.ts'

export const KEY = 'a'.repeat(64)

/** @param at monotonic ms of its owner. @param lifetime seconds. */
export function heldAt(at: number, accessToken = 'token-1', lifetime = 3600, more: Partial<HeldToken> = {}): HeldToken {
  return {
    accessToken,
    tokenType: 'Bearer',
    expiresAt: 1_800_000_000 + lifetime,
    lifetimeMs: lifetime * 1000,
    freshness: freshnessOf(at, lifetime, 0.5),
    ...more,
  }
}

export interface Clocks {
  /** By how much this machine's wall clock is ahead, in ms. */
  ahead: number
  readonly now: () => number
  readonly monotonic: () => number
}

/** @param time what really passed, moved by the test. @param booted ms that its monotonic clock shows at the beginning. */
export function clocksOf(time: { ms: number }, booted = 0, ahead = 0): Clocks {
  const clocks: Clocks = {
    ahead,
    now: () => (1_800_000_000_000 + time.ms + clocks.ahead) / 1000,
    monotonic: () => booted + time.ms,
  }
  return clocks
}
