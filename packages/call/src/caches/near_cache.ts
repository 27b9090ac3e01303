// What every shared cache has in common: a copy near by for a moment, so that a call costs no file and no round trip; work in turn;
// and going on with that copy while the far store is away. Which store: token_file.ts, key_value_cache.ts.
import { ageAt } from '../freshness.ts'
import type { HeldToken, Remembered, TokenCache } from '../token_cache.ts'
import type { Release } from './lock_wait.ts'
import { acquire } from './lock_wait.ts'

/** A store that others use too. Every method may fail, and then the near cache goes on without it. */
export interface FarStore {
  readonly get: (key: string) => Promise<HeldToken | undefined>
  readonly set: (key: string, held: HeldToken) => Promise<void>
  readonly delete: (key: string) => Promise<void>
  readonly replace: (key: string, accessToken: string, held: HeldToken | undefined) => Promise<boolean>
  /** Empty if nothing is remembered. */
  readonly recall: (key: string) => Promise<Remembered>
  readonly remember: (key: string, remembered: Remembered) => Promise<void>
  /** One waiter's attempts at the lock of a key: each tries once. */
  readonly lock: (key: string) => () => Promise<Release | undefined>
}

export interface NearOptions {
  readonly monotonic: () => number
  readonly random: () => number
  /** Milliseconds to wait for the lock before work is done without it. */
  readonly waitMs: number
  /** Told when the store begins to fail; the client works on. The error has neither a token nor a key in it. */
  readonly onTrouble: ((error: Error) => void) | undefined
}

/** What is stored belongs to somebody else, or is open to others: it is not used, and the caller is told how to mend it. */
export class CacheRefused extends Error {
  override readonly name = 'CacheRefused'
  readonly code = 'cache_refused'
}

export function createNearCache(far: FarStore, { monotonic, random, waitMs, onTrouble }: NearOptions): Required<TokenCache> {
  const copies = createCopies()
  let troubled = false

  /** @throws CacheRefused only. */
  const attempt = async <Result, Otherwise>(work: () => Promise<Result>, otherwise: Otherwise): Promise<Result | Otherwise> => {
    try {
      const result = await work()
      troubled = false
      return result
    } catch (error) {
      if (error instanceof CacheRefused) throw error
      if (!troubled) onTrouble?.(new Error(`The store of shared tokens cannot be used (${reasonOf(error)}); going on without it.`))
      troubled = true
      return otherwise
    }
  }

  const read = async (key: string): Promise<HeldToken | undefined> => {
    const [before, startedAt] = [copies.get(key), monotonic()]
    const found = await attempt(() => far.get(key), FAILED)
    const copy = copies.get(key)
    // Written or deleted by this process meanwhile: that is the newer truth.
    if (found === FAILED || copy !== before) return copy?.held
    if (copy?.unsaved && !endsLater(found, copy.held)) return copy.held
    const held = copy && found?.accessToken === copy.held.accessToken && endsLater(found, copy.held) ? notLater(found, copy.held) : found
    if (held) copies.set(key, { held, at: startedAt, unsaved: false })
    else copies.delete(key)
    return held
  }

  return {
    get(key) {
      const copy = copies.get(key)
      const at = monotonic()
      if (copy && at - copy.at < COPY_MS && ageAt(copy.held.freshness, at) === 'fresh') return copy.held
      return read(key)
    },
    async set(key, held) {
      copies.set(key, { held, at: monotonic(), unsaved: true })
      const saved = await attempt(() => far.set(key, held), FAILED)
      const copy = copies.get(key)
      if (saved !== FAILED && copy?.held === held) copies.set(key, { ...copy, unsaved: false })
    },
    async delete(key) {
      copies.delete(key)
      await attempt(() => far.delete(key), undefined)
      copies.delete(key)
    },
    async replace(key, accessToken, held) {
      const copy = copies.get(key)
      const answer = await attempt(() => far.replace(key, accessToken, held), FAILED)
      const replaced = answer === true || ((answer === FAILED || copy?.unsaved === true) && copy?.held.accessToken === accessToken)
      if (replaced && held) copies.set(key, { held, at: monotonic(), unsaved: answer !== true })
      else if (replaced || !copies.get(key)?.unsaved) copies.delete(key)
      return replaced
    },
    async exclusively(key, work) {
      const release = await attempt(() => acquire(far.lock(key), { monotonic, random, waitMs }), undefined)
      // Somebody may have written while this one waited.
      copies.age(key)
      try {
        return await work()
      } finally {
        if (release) await attempt(release, undefined)
      }
    },
    // Undefined is "cannot say", which is not "nothing".
    recall: (key) => attempt(() => far.recall(key), undefined),
    remember: (key, remembered) => attempt(() => far.remember(key, remembered), undefined),
  }
}

const COPY_MS = 1000
const MOST_COPIES = 1000
const FAILED = Symbol('failed')

interface Copy {
  readonly held: HeldToken
  /** Monotonic ms at which it was read or written. */
  readonly at: number
  /** The store does not have it, or not yet. */
  readonly unsaved: boolean
}

interface Copies {
  readonly get: (key: string) => Copy | undefined
  readonly set: (key: string, copy: Copy) => void
  readonly delete: (key: string) => void
  /** The next look goes to the store. */
  readonly age: (key: string) => void
}

function createCopies(): Copies {
  const copies = new Map<string, Copy>()
  return {
    get: (key) => copies.get(key),
    set(key, copy) {
      copies.delete(key)
      copies.set(key, copy)
      const oldest = copies.size > MOST_COPIES ? copies.keys().next().value : undefined
      if (oldest !== undefined) copies.delete(oldest)
    },
    delete(key) {
      copies.delete(key)
    },
    age(key) {
      const copy = copies.get(key)
      if (copy) copies.set(key, { ...copy, at: Number.NEGATIVE_INFINITY })
    },
  }
}

function endsLater(one: HeldToken | undefined, other: HeldToken): one is HeldToken {
  return one !== undefined && one.freshness.endsAt > other.freshness.endsAt
}

/** The end of one token only comes nearer, whatever happened to the clock its record is told in. */
function notLater(found: HeldToken, { freshness, refreshEndsAt }: HeldToken): HeldToken {
  return { ...found, freshness, ...(refreshEndsAt === undefined ? {} : { refreshEndsAt }) }
}

/** A code, and nothing else: drivers put the command with its arguments into their errors. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if ('code' in error && typeof error.code === 'string' && /^[\w-]{1,40}$/.test(error.code)) return error.code
  return /^[A-Z]{3,30}(?= )/.exec(error.message)?.[0] ?? error.name
}
