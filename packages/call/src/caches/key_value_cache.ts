// Tokens in a store that many machines share: how long an entry still lives is asked of the store, so that no two machines' clocks
// are compared. The store is the user's; adapters for Redis and Valkey: redis_store.ts.
import type { TokenCache } from '../token_cache.ts'
import type { Release } from './lock_wait.ts'
import type { FarStore } from './near_cache.ts'
import { createNearCache } from './near_cache.ts'
import { createSeal } from './seal.ts'
import type { Surroundings } from './surroundings_env.ts'
import { SURROUNDINGS } from './surroundings_env.ts'
import { lifeOf, lifeOfRemembered, MAX_KEPT, parse, readRemembered, readToken, writeRemembered, writeToken } from './token_record.ts'

/** Texts by name, each of which ends by itself. Spans are milliseconds. Every method is one atomic step. */
export interface KeyValueStore {
  /** `left`: until it ends, by the store's clock. */
  readonly get: (name: string) => Promise<{ readonly value: string; readonly left: number } | undefined>
  /** @param left asked at the last moment at which the store's clock was not yet read: an entry never ends later than meant. */
  readonly set: (name: string, value: string, left: () => number) => Promise<void>
  /** Only if it still is `expected`. */
  readonly replace: (name: string, expected: string, value: string, left: () => number) => Promise<boolean>
  /** Only if there is none. */
  readonly add: (name: string, value: string, life: number) => Promise<boolean>
  /** Only if it still is `expected`: from now on it lives for `life`. */
  readonly prolong: (name: string, expected: string, life: number) => Promise<boolean>
  /** Without `expected`, whatever it is. */
  readonly delete: (name: string, expected?: string) => Promise<boolean>
}

export interface KeyValueCacheOptions extends Partial<Surroundings> {
  /** Before every name; default `countersign:`. */
  readonly prefix?: string
  /** 32 bytes: what is stored is encrypted with AES-256-GCM. */
  readonly encryptionKey?: Uint8Array
  /** Milliseconds to wait for another's token request, before asking without its turn; default 30 000. */
  readonly waitMs?: number
  /** Milliseconds that one question to the store may take; default 1000. */
  readonly timeoutMs?: number
  /** Milliseconds after which a holder's lock ends that does not renew it; default 10 000. */
  readonly lockMs?: number
  /** Told when the store begins to fail: the client works on with what is in its memory, and asks the store again later. */
  readonly onTrouble?: (error: Error) => void
}

/**
 * A cache for all processes that reach the store.
 * @throws ConfigurationError for an encryptionKey of another length.
 */
export function createKeyValueCache(store: KeyValueStore, options: KeyValueCacheOptions = {}): Required<TokenCache> {
  const { now, monotonic, random, nonceBytes } = { ...SURROUNDINGS, ...options }
  const { prefix = 'countersign:', waitMs = 30_000, timeoutMs = 1000, lockMs = 10_000, onTrouble } = options
  const seal = createSeal(options.encryptionKey, nonceBytes)
  const ask = createAsk(timeoutMs, monotonic)
  // Braces: with Redis Cluster everything of one key is on one node.
  const nameOf = (key: string, kind: string): string => `${prefix}{${key}}:${kind}`

  const read = async (name: string): Promise<{ readonly value: string; readonly text: string; readonly age: number } | undefined> => {
    const found = await ask(() => store.get(name))
    if (found === undefined || !(found.left >= 0)) return undefined
    const { version, life, payload } = parse(found.value, MAX_KEPT) ?? {}
    if (version !== VERSION || typeof life !== 'number' || typeof payload !== 'string') return undefined
    const text = await seal.open(payload, name)
    return text === undefined ? undefined : { value: found.value, text, age: Math.max(life - found.left, 0) }
  }

  const entryOf = async (name: string, text: string, life: number): Promise<string> =>
    JSON.stringify({ version: VERSION, life, payload: await seal.close(text, name) })

  const far: FarStore = {
    async get(key) {
      // Before the question: the token is then no younger than the answer says.
      const at = monotonic()
      const found = await read(nameOf(key, 'token'))
      return found && readToken(found.text, at, found.age)
    },
    async set(key, held) {
      const [name, at] = [nameOf(key, 'token'), monotonic()]
      const life = lifeOf(held, at)
      const value = await entryOf(name, writeToken(held, at), life)
      await ask(() => store.set(name, value, () => at + life - monotonic()))
    },
    async delete(key) {
      await ask(() => store.delete(nameOf(key, 'token')))
    },
    async replace(key, accessToken, held) {
      const name = nameOf(key, 'token')
      for (let attempt = 0; attempt < REPLACE_ATTEMPTS; attempt++) {
        const at = monotonic()
        const found = await read(name)
        if (!found || readToken(found.text, at, found.age)?.accessToken !== accessToken) return false
        if (!held) {
          if (await ask(() => store.delete(name, found.value))) return true
          continue
        }
        const life = lifeOf(held, at)
        const value = await entryOf(name, writeToken(held, at), life)
        if (await ask(() => store.replace(name, found.value, value, () => at + life - monotonic()))) return true
      }
      return false
    },
    async recall(key) {
      const found = await read(nameOf(key, 'known'))
      return found ? readRemembered(found.text, now() * 1000, found.age) : {}
    },
    async remember(key, remembered) {
      const [name, at, nowMs] = [nameOf(key, 'known'), monotonic(), now() * 1000]
      const life = lifeOfRemembered(remembered, nowMs)
      const text = writeRemembered(remembered, nowMs)
      const value = text === undefined ? undefined : await entryOf(name, text, life)
      await ask<unknown>(() => (value === undefined ? store.delete(name) : store.set(name, value, () => at + life - monotonic())))
    },
    lock: (key) => {
      const [name, nonce] = [nameOf(key, 'lock'), [...nonceBytes(16)].join('.')]
      return async () => ((await ask(() => store.add(name, nonce, lockMs))) ? hold(store, name, nonce, lockMs, ask) : undefined)
    },
  }
  return createNearCache(far, { monotonic, random, waitMs, onTrouble })
}

const VERSION = 1
const REPLACE_ATTEMPTS = 3
/** A store that failed is left alone for so long: nobody waits for it at every call. */
const PAUSE_MS = 1000

type Ask = <Result>(question: () => Promise<Result>) => Promise<Result>

function hold(store: KeyValueStore, name: string, nonce: string, lockMs: number, ask: Ask): Release {
  // One that ended meanwhile is not taken back: somebody else may be at work.
  const beat = setInterval(() => void ask(() => store.prolong(name, nonce, lockMs)).catch(() => undefined), lockMs / 3)
  if (typeof beat === 'object') beat.unref()
  return async () => {
    clearInterval(beat)
    await ask(() => store.delete(name, nonce))
  }
}

/** A driver may wait for its connection for minutes; a client that needs a token does not. */
function createAsk(timeoutMs: number, monotonic: () => number): Ask {
  let pausedUntil = Number.NEGATIVE_INFINITY
  return async (question) => {
    if (monotonic() < pausedUntil) throw new StoreAway('paused')
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, fail) => {
      timer = setTimeout(() => fail(new StoreAway('timeout')), timeoutMs)
    })
    try {
      return await Promise.race([question(), late])
    } catch (error) {
      pausedUntil = monotonic() + PAUSE_MS
      throw error
    } finally {
      clearTimeout(timer)
    }
  }
}

class StoreAway extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}
