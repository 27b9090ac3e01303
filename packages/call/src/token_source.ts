// The life of one token: cache -> single flight -> request, and what to do when that fails. It knows no HTTP and no dialect:
// `obtain` asks the provider, and is where a token budget stands in between.
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import type { BackOffLimits } from './back_off.ts'
import { backOff, createRejectionLimit } from './back_off.ts'
import { DiscoveryFailed, TokenRequestFailed } from './errors.ts'
import { ageAt, freshnessOf, LONGEST_LIFETIME } from './freshness.ts'
import { createSingleFlight } from './single_flight.ts'
import type { HeldToken, TokenCache } from './token_cache.ts'

export interface TokenSourceOptions {
  readonly key: () => Promise<string>
  readonly cache: TokenCache
  /** A token from the provider, by the refresh token if there is one. */
  readonly obtain: (refreshToken: string | undefined) => Promise<TokenSet>
  /** Seconds a token is taken to live if the server does not say. */
  readonly assumedLifetime: number
  /** Milliseconds. */
  readonly monotonic: () => number
  /** Epoch seconds. */
  readonly now: () => number
  readonly random: () => number
}

export interface TokenSource {
  /** @throws TokenRequestFailed or DiscoveryFailed when there is no token that has not ended. */
  readonly token: () => Promise<HeldToken>
  /**
   * The API refused this token. Says whether it is worth asking for another: true if it is not the one held any more, or was now
   * given up; false if an API that refuses everything has had its new token lately.
   */
  readonly reject: (accessToken: string) => Promise<boolean>
  /** Forgets exactly this token, or without one: token, refresh token and remembered failures. */
  readonly invalidate: (accessToken?: string) => Promise<void>
  /** What is held now, without asking for anything. */
  readonly held: () => Promise<HeldToken | undefined>
}

export function createTokenSource({
  key: computeKey,
  cache,
  obtain,
  assumedLifetime,
  monotonic,
  now,
  random,
}: TokenSourceOptions): TokenSource {
  const flights = createSingleFlight<HeldToken>()
  const rejections = createRejectionLimit()
  const failures = createFailureMemory(monotonic, random)
  let generation = 0
  let keyed: Promise<string> | undefined

  const keyOf = (): Promise<string> => {
    keyed ??= computeKey().catch((error: unknown) => {
      keyed = undefined
      throw error
    })
    return keyed
  }

  const request = async (key: string): Promise<HeldToken> => {
    const begun = generation
    const held = await cache.get(key)
    // Somebody may have renewed it between the caller's look and this one.
    if (held && ageAt(held.freshness, monotonic()) === 'fresh') return held
    const startedAt = monotonic()
    const startedNow = now()
    const tokens = await failures.watch(() => obtain(usableRefreshToken(held, startedAt)))
    const next = hold(tokens, tokens.expiresIn > 0 ? tokens.expiresIn : assumedLifetime, startedAt, startedNow, random())
    // What was asked for before an invalidation goes to those who waited for it, and no further.
    if (generation === begun) await cache.set(key, next)
    return next
  }

  const renew = async (key: string): Promise<HeldToken> => {
    failures.check()
    return flights.run(`${generation} ${key}`, () => request(key))
  }

  return {
    async token() {
      const key = await keyOf()
      const held = await cache.get(key)
      if (!held) return renew(key)
      const age = ageAt(held.freshness, monotonic())
      if (age === 'fresh') return held
      if (age === 'aging') {
        // Its failure is remembered, and told to whoever has to wait for a token.
        renew(key).catch(() => undefined)
        return held
      }
      if (age === 'ended') return renew(key)
      return renew(key).catch((error: unknown) => {
        if (ageAt(held.freshness, monotonic()) !== 'ended') return held
        throw error
      })
    },
    async reject(accessToken) {
      const key = await keyOf()
      const held = await cache.get(key)
      const at = monotonic()
      if (held?.accessToken !== accessToken || ageAt(held.freshness, at) === 'ended') return true
      if (!rejections.permits(at, held.lifetimeMs)) return false
      // The refresh token stays: it may give the next one.
      await cache.replace(key, accessToken, { ...held, freshness: freshnessOf(at, 0, 0) })
      return true
    },
    async invalidate(accessToken) {
      if (accessToken === undefined) {
        generation++
        failures.forget()
      }
      const key = await keyOf()
      if (accessToken === undefined) await cache.delete(key)
      else await cache.replace(key, accessToken, undefined)
    },
    held: async () => cache.get(await keyOf()),
  }
}

interface FailureMemory {
  /** @throws what failed last, until its time is over. */
  check(): void
  watch<Result>(work: () => Promise<Result>): Promise<Result>
  forget(): void
}

/** Refused credentials are tried again slowly: each attempt may count towards a lockout. */
const REFUSED: BackOffLimits = { firstMs: 2000, mostMs: 600_000 }
const TEMPORARY: BackOffLimits = { firstMs: 500, mostMs: 60_000 }
const MAX_RETRY_AFTER_MS = 32 * 86_400_000

function createFailureMemory(monotonic: () => number, random: () => number): FailureMemory {
  let failure: TokenRequestFailed | DiscoveryFailed | undefined
  let count = 0
  let retryAt = 0
  const forget = (): void => {
    failure = undefined
    count = 0
  }
  return {
    check() {
      if (failure === undefined) return
      const left = retryAt - monotonic()
      if (left > 0) throw again(failure, Math.ceil(left / 1000))
    },
    async watch(work) {
      try {
        const result = await work()
        forget()
        return result
      } catch (error) {
        if (!(error instanceof TokenRequestFailed || error instanceof DiscoveryFailed)) throw error
        failure = error
        count++
        const waitMs = backOff(count, isTemporary(error) ? TEMPORARY : REFUSED, random())
        const told = error instanceof TokenRequestFailed ? (error.retryAfter ?? 0) * 1000 : 0
        retryAt = monotonic() + Math.max(waitMs, Math.min(told, MAX_RETRY_AFTER_MS))
        throw error
      }
    },
    forget,
  }
}

function isTemporary(error: TokenRequestFailed | DiscoveryFailed): boolean {
  return error instanceof TokenRequestFailed ? error.temporary : error.code === 'unreachable'
}

/** The same failure for a later caller, with its own stack and the time that is left. */
function again(failure: TokenRequestFailed | DiscoveryFailed, retryAfter: number): Error {
  if (failure instanceof DiscoveryFailed) return failure
  const { code, origin, status, description } = failure
  return new TokenRequestFailed({ code, origin, status, description, retryAfter })
}

function usableRefreshToken(held: HeldToken | undefined, at: number): string | undefined {
  return held?.refreshEndsAt !== undefined && at >= held.refreshEndsAt ? undefined : held?.refreshToken
}

function hold(tokens: TokenSet, expiresIn: number, startedAt: number, startedNow: number, random: number): HeldToken {
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
