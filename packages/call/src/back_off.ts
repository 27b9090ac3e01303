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

/** Decides whether one more token may be asked for because the API refused the one at hand. */
export interface RejectionLimit {
  /**
   * @param at monotonic ms.
   * @param lifetimeMs of the refused token.
   */
  permits(at: number, lifetimeMs: number): boolean
}

const FIRST_WAIT_MS = 1000

/**
 * The first refusal is believed at once. An API that goes on refusing gets new tokens ever more slowly, in the end one in each
 * token's lifetime, which would have been spent anyway. It is forgotten after a quiet time of two lifetimes. A success in between
 * changes nothing: one route may accept what another always refuses.
 */
export function createRejectionLimit(): RejectionLimit {
  let lastAt = Number.NEGATIVE_INFINITY
  let waitMs = 0
  return {
    permits(at, lifetimeMs) {
      const since = at - lastAt
      if (since < waitMs) return false
      const quiet = since > 2 * Math.max(waitMs, lifetimeMs)
      waitMs = quiet ? FIRST_WAIT_MS : Math.max(FIRST_WAIT_MS, Math.min(waitMs * 2, lifetimeMs))
      lastAt = at
      return true
    },
  }
}
