// A token answer as it is held: with its moments, and whether it is one that was held before. Pure.
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import { freshnessOf, freshnessOfSame, LONGEST_LIFETIME } from './freshness.ts'
import type { HeldToken } from './token_cache.ts'

/** The server handed out the token that is held: the same bytes, or the same end although most of its life has passed. */
export function isSame(next: HeldToken, held: HeldToken, at: number): boolean {
  if (next.accessToken === held.accessToken) return true
  const apart = Math.abs(next.freshness.endsAt - held.freshness.endsAt)
  return at < held.freshness.endsAt && apart <= held.lifetimeMs * 0.05
}

/** The token that is held, with what is left of it. */
export function again(next: HeldToken, { lifetimeMs }: HeldToken, startedAt: number, random: number): HeldToken {
  const whole = Math.max(lifetimeMs, next.lifetimeMs)
  return { ...next, lifetimeMs: whole, freshness: freshnessOfSame(startedAt, next.lifetimeMs / 1000, whole / 1000, random) }
}

/** Undefined where it has ended. @param at monotonic ms. */
export function usableRefreshToken(held: HeldToken | undefined, at: number): string | undefined {
  return held?.refreshEndsAt !== undefined && at >= held.refreshEndsAt ? undefined : held?.refreshToken
}

/** @param startedAt monotonic ms, @param startedNow epoch seconds: when the request began. @param expiresIn seconds. */
export function hold(tokens: TokenSet, expiresIn: number, startedAt: number, startedNow: number, random: number): HeldToken {
  const { accessToken, tokenType, scope, refreshToken, refreshExpiresIn } = tokens
  const lifetime = Math.min(expiresIn, LONGEST_LIFETIME)
  return {
    accessToken,
    tokenType,
    expiresAt: Math.floor(startedNow + lifetime),
    lifetimeMs: lifetime * 1000,
    freshness: freshnessOf(startedAt, lifetime, random),
    ...(scope === undefined ? {} : { scope }),
    ...(refreshToken === undefined ? {} : { refreshToken }),
    // The Keycloak family writes 0 for a refresh token that does not end.
    ...(refreshToken === undefined || !refreshExpiresIn ? {} : { refreshEndsAt: startedAt + refreshExpiresIn * 1000 }),
  }
}
