// Tokens held between calls: the port, the one in memory, and the key. A key is everything that shaped the token: a cache that
// leaves out the scope, or the secret that proves who asks, hands one caller's token to another.
import type { Freshness } from './freshness.ts'

/** A token with its times. Moments are on this process's monotonic clock; a cache on disk converts at its own edge. */
export interface HeldToken {
  readonly accessToken: string
  readonly tokenType: string
  readonly scope?: readonly string[]
  /** Epoch seconds, by this machine's clock: for showing, never for deciding. */
  readonly expiresAt: number
  readonly lifetimeMs: number
  readonly freshness: Freshness
  readonly refreshToken?: string
  /** Monotonic ms; absent where the server did not say. */
  readonly refreshEndsAt?: number
}

/** May answer at once or later, so that one on disk or on a server fits. */
export interface TokenCache {
  get(key: string): HeldToken | undefined | Promise<HeldToken | undefined>
  set(key: string, held: HeldToken): void | Promise<void>
  delete(key: string): void | Promise<void>
  /** One atomic step: only if `accessToken` is still the one held, put `held` in its place, or nothing. Says whether it was. */
  replace(key: string, accessToken: string, held: HeldToken | undefined): boolean | Promise<boolean>
  /**
   * Runs `work` while nobody else who shares this cache runs theirs for this key. A cache without it is one process's own.
   * @throws what `work` throws; a cache that cannot keep others out runs `work` all the same, since one token more is better than none.
   */
  exclusively?<Result>(key: string, work: () => Promise<Result>): Promise<Result>
  /** What those who share this cache know of the key besides its token: `{}` for nothing, undefined where it cannot be asked. */
  recall?(key: string): Remembered | undefined | Promise<Remembered | undefined>
  remember?(key: string, remembered: Remembered): void | Promise<void>
}

/** Shared knowledge beside the token, so that twenty processes do not each learn it at the provider's cost. Plain JSON. */
export interface Remembered {
  /** The last token request failed; it is not repeated before `retryAt`. Never holds a credential. */
  readonly failure?:
    | {
        readonly code: string
        readonly origin: string
        readonly status?: number
        readonly description: string
        /** In a row. */
        readonly count: number
        /** Epoch milliseconds. */
        readonly retryAt: number
      }
    | undefined
  /** The token budget as the server told it last. */
  readonly budget?:
    | {
        readonly limit: number
        readonly remaining: number
        /** Epoch seconds: start and end of its window, as far as they are known. */
        readonly startsAt?: number
        readonly resetAt: number
        /** Epoch seconds at which it was told. */
        readonly toldAt: number
        /** False where the server counts and refuses nothing. */
        readonly enforced?: boolean
        /** The server was seen to hand out one token several times, which costs nothing. */
        readonly reuses?: boolean
      }
    | undefined
  /** The API refused a token, so that another was asked for. */
  readonly rejection?:
    | {
        /** Epoch milliseconds. */
        readonly at: number
        /** Until then no other refusal is believed. */
        readonly waitMs: number
      }
    | undefined
}

/** In memory, bounded: beyond `maxEntries` the one set longest ago goes. */
export function createMemoryCache(maxEntries = 1000): TokenCache {
  const entries = new Map<string, HeldToken>()
  const set = (key: string, held: HeldToken): void => {
    entries.delete(key)
    entries.set(key, held)
    if (entries.size <= maxEntries) return
    for (const oldest of entries.keys()) {
      entries.delete(oldest)
      return
    }
  }
  return {
    get: (key) => entries.get(key),
    set,
    delete(key) {
      entries.delete(key)
    },
    replace(key, accessToken, held) {
      if (entries.get(key)?.accessToken !== accessToken) return false
      if (held) set(key, held)
      else entries.delete(key)
      return true
    },
  }
}

/** What fits a header field and nothing else: a token with a line break would come back in an error of fetch. */
export function isShowable(token: string): boolean {
  return /^[\x21-\x7e]{1,16384}$/.test(token)
}

/** The key for what shaped a token, secrets included: SHA-256 of it in hex, so that the key itself tells nothing. */
export async function cacheKey(shape: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(['countersign token 1', ...shape]))
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
