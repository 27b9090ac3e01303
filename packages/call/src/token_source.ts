// The life of one token: cache -> flight -> lock -> budget -> request, and what to do when that fails. It knows no HTTP and no dialect.
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import { nextRejection } from './back_off.ts'
import type { Budget } from './budget.ts'
import { DiscoveryFailed, TokenRequestFailed } from './errors.ts'
import type { Emit } from './events.ts'
import { ageAt, freshnessOf, LAST_SHARE } from './freshness.ts'
import { again, hold, isSame, usableRefreshToken } from './held_token.ts'
import { createFailureMemory, createMemory, kindOf } from './memory.ts'
import { createSingleFlight } from './single_flight.ts'
import type { HeldToken, Remembered, TokenCache } from './token_cache.ts'

export interface TokenSourceOptions {
  readonly key: () => Promise<string>
  readonly cache: TokenCache
  /** A token from the provider, by the refresh token if there is one. `heard` takes what the answer, good or bad, said of the budget. */
  readonly obtain: (refreshToken: string | undefined, heard: (budget: Budget) => void) => Promise<Obtained>
  /** What the server's usage page says; undefined where there is none or it cannot be had. */
  readonly usage: () => Promise<Budget | undefined>
  /** Origin of the provider, for failures. */
  readonly origin: string
  /** Someone has to do something for a token that is not refreshed. */
  readonly interactive: boolean
  /** Seconds a token is taken to live if the server does not say. */
  readonly assumedLifetime: number
  /** Milliseconds. */
  readonly monotonic: () => number
  /** Epoch seconds. */
  readonly now: () => number
  readonly random: () => number
  readonly emit: Emit
}

export interface Obtained {
  readonly tokens: TokenSet
  readonly how: 'new' | 'refreshed'
}

export interface TokenSource {
  /** @throws TokenRequestFailed or DiscoveryFailed when there is no token that has not ended. */
  readonly token: () => Promise<HeldToken>
  /**
   * The API refused this token. Says whether it is worth asking for another: true if it is not the one held any more, or was now
   * given up; false if an API that refuses everything has had its new token lately.
   */
  readonly reject: (accessToken: string) => Promise<boolean>
  /** Forgets exactly this token, or without one: token, refresh token and whatever is remembered. */
  readonly invalidate: (accessToken?: string) => Promise<void>
  /** What is held now, without asking for anything. */
  readonly held: () => Promise<HeldToken | undefined>
  /** The budget as it was told last. */
  readonly budget: () => Promise<Budget | undefined>
  /** Takes what the usage page said. */
  readonly hear: (budget: Budget) => Promise<void>
}

export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { key: computeKey, cache, obtain, usage, origin, interactive, assumedLifetime, monotonic, now, random, emit } = options
  const flights = createSingleFlight<HeldToken>()
  const rejections = createSingleFlight<boolean>()
  const failures = createFailureMemory(options)
  const memory = createMemory(cache)
  let generation = 0
  let keyed: Promise<string> | undefined
  /** The token that came into use last. */
  let known: string | undefined
  /** Renewal of this token is put off, for the budget's sake or a human's. */
  let kept: { readonly accessToken: string; readonly until: number } | undefined
  let probedAt = Number.NEGATIVE_INFINITY
  const keyOf = (): Promise<string> => {
    keyed ??= computeKey().catch((error: unknown) => {
      keyed = undefined
      throw error
    })
    return keyed
  }

  const alone = <Result>(key: string, work: () => Promise<Result>): Promise<Result> => cache.exclusively?.(key, work) ?? work()

  const use = (held: HeldToken, how: 'new' | 'refreshed' | 'same' | 'shared' = 'shared'): HeldToken => {
    if (how !== 'shared' || held.accessToken !== known) {
      known = held.accessToken
      emit('token', { expiresAt: held.expiresAt, lifetime: held.lifetimeMs / 1000, how })
    }
    return held
  }

  const tell = async (budget: Budget | undefined): Promise<void> => {
    if (!budget) return
    const quota = (await import('./budget.ts')).quotaOf(budget, 'fields', now())
    if (quota) emit('budget', { quota })
  }

  /** Until when this token is kept although it could be renewed. */
  const keepUntil = async ({ freshness, lifetimeMs, refreshToken }: HeldToken, budget: Budget | undefined): Promise<number> => {
    if (interactive && refreshToken === undefined) return freshness.endsAt
    if (!budget) return 0
    const thrift = (await import('./budget.ts')).thriftOf(budget, lifetimeMs / 1000, now())
    if (thrift === 2) return freshness.endsAt - lifetimeMs * (1 - LAST_SHARE)
    return thrift === 1 ? freshness.waitAt : 0
  }

  /** @throws TokenRequestFailed `budget_exhausted`, before anything is sent */
  const afford = async (key: string, budget: Budget | undefined, lifetime: number): Promise<void> => {
    if (!budget) return
    const { isSpent } = await import('./budget.ts')
    if (!isSpent(budget, now())) return
    if (now() - probedAt >= lifetime) {
      probedAt = now()
      const told = await usage()
      if (told) await memory.note(key, { budget: { ...budget, ...told } })
      if (told && !isSpent(told, now())) return
      // A server that hands out its tokens again does so at no cost.
      if (budget.reuses) return
    }
    throw new TokenRequestFailed({
      code: 'budget_exhausted',
      origin,
      retryAfter: Math.max(1, Math.ceil(budget.resetAt - now())),
      description: `The ${budget.limit} tokens of this window are used up, so nothing was asked.`,
    })
  }

  const failed = async (key: string, error: unknown, past: Remembered, budget: Budget | undefined): Promise<void> => {
    if (!(error instanceof TokenRequestFailed || error instanceof DiscoveryFailed)) return
    const retryAt = failures.failed(error, past.failure) / 1000
    const failure = failures.shareable()
    if (failure || budget) await memory.note(key, { failure, ...(budget ? { budget } : {}) })
    emit('failure', { error, retryAt })
    await tell(budget)
  }

  const ask = async (key: string, held: HeldToken | undefined, past: Remembered, begun: number): Promise<HeldToken> => {
    let told: Budget | undefined
    const [startedAt, startedNow] = [monotonic(), now()]
    const { tokens, how } = await obtain(usableRefreshToken(held, startedAt), (budget) => {
      told = { ...budget, ...kindOf(past.budget) }
    }).catch(async (error: unknown) => {
      await failed(key, error, past, told)
      throw error
    })
    failures.forget()
    const next = hold(tokens, tokens.expiresIn || assumedLifetime, startedAt, startedNow, random())
    const old = held && isSame(next, held, startedAt) ? held : undefined
    const result = old ? again(next, old, startedAt, random()) : next
    // What was asked for before an invalidation goes to those who waited for it, and no further.
    if (generation === begun) await cache.set(key, result)
    if (told && old) told = { ...told, reuses: true }
    if (told || past.failure) await memory.note(key, { failure: undefined, ...(told ? { budget: told } : {}) })
    await tell(told)
    return use(result, old ? 'same' : how)
  }

  const request = async (key: string, begun: number): Promise<HeldToken> => {
    const held = await cache.get(key)
    const at = monotonic()
    const age = held ? ageAt(held.freshness, at) : 'ended'
    // Somebody may have renewed it between the caller's look and this one.
    if (held && age === 'fresh') return use(held)
    const past = await memory.recall(key)
    failures.check(past.failure)
    const until = held && age !== 'ended' ? await keepUntil(held, past.budget) : 0
    if (held && at < until) {
      kept = { accessToken: held.accessToken, until }
      return held
    }
    await afford(key, past.budget, held ? held.lifetimeMs / 1000 : assumedLifetime)
    return ask(key, held, past, begun)
  }

  const renew = async (key: string): Promise<HeldToken> => {
    try {
      failures.check()
    } catch (error) {
      // Whoever shares the cache may have had it forgotten.
      if (!failures.shareable() || (await memory.recall(key)).failure) throw error
      failures.forget()
    }
    const begun = generation
    return flights.run(`${begun} ${key}`, () => alone(key, () => request(key, begun)))
  }

  /** Undefined if this token is not the one in use any more. */
  const inUse = async (key: string, accessToken: string): Promise<HeldToken | undefined> => {
    const held = await cache.get(key)
    return held?.accessToken === accessToken && ageAt(held.freshness, monotonic()) !== 'ended' ? held : undefined
  }

  const giveUp = async (key: string, accessToken: string): Promise<boolean> => {
    const held = await inUse(key, accessToken)
    if (!held) return true
    const rejection = nextRejection((await memory.recall(key)).rejection, now() * 1000, held.lifetimeMs)
    if (!rejection) return false
    await memory.note(key, { rejection })
    // The refresh token stays: it may give the next one.
    await cache.replace(key, accessToken, { ...held, freshness: freshnessOf(monotonic(), 0, 0) })
    return true
  }

  return {
    async token() {
      const key = await keyOf()
      const held = await cache.get(key)
      if (!held) return renew(key)
      const at = monotonic()
      const age = ageAt(held.freshness, at)
      if (age === 'fresh') return use(held)
      if (age === 'ended') return renew(key)
      if (kept?.accessToken === held.accessToken && at < kept.until) return held
      if (age === 'aging') {
        // Its failure is remembered, and told to whoever has to wait for a token.
        renew(key).catch(() => undefined)
        return use(held)
      }
      return renew(key).catch((error: unknown) => {
        if (ageAt(held.freshness, monotonic()) !== 'ended') return use(held)
        throw error
      })
    },
    async reject(accessToken) {
      const key = await keyOf()
      const held = await inUse(key, accessToken)
      // What is known here already needs no lock.
      const hopeless = held && !nextRejection(memory.last().rejection, now() * 1000, held.lifetimeMs)
      const renewed = hopeless ? false : await rejections.run(`${key} ${accessToken}`, () => alone(key, () => giveUp(key, accessToken)))
      emit('rejected', { renewed })
      return renewed
    },
    async invalidate(accessToken) {
      if (accessToken === undefined) {
        generation++
        failures.forget()
      }
      const key = await keyOf()
      if (accessToken !== undefined) return void (await cache.replace(key, accessToken, undefined))
      await memory.note(key, { failure: undefined, budget: undefined, rejection: undefined })
      await cache.delete(key)
    },
    held: async () => cache.get(await keyOf()),
    budget: async () => (await memory.recall(await keyOf())).budget,
    async hear(budget) {
      const key = await keyOf()
      const { failure } = await memory.recall(key)
      // The server refused for want of budget, and there is one again.
      const over = failure?.code === 'slow_down' && !(await import('./budget.ts')).isSpent(budget, now())
      if (over) failures.forget()
      await memory.note(key, { budget, ...(over ? { failure: undefined } : {}) })
    },
  }
}
