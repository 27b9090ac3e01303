// A bounded cache keyed by the whole token: equal text or no hit. Two generations instead of a list: what was not used while half
// the cache filled anew is dropped. It knows neither time nor what an entry is good for; bearer.ts asks that on every use.

export interface TokenCacheLimits {
  /** Tokens at most; below 2 nothing is kept. */
  readonly maxTokens: number
  /** Sum of the weights at most. */
  readonly maxBytes: number
}

export interface TokenCache<Entry> {
  get(token: string): Entry | undefined
  /** @param bytes weight of token and entry, roughly */
  set(token: string, entry: Entry, bytes: number): void
  delete(token: string): void
  clear(): void
  readonly size: number
  readonly bytes: number
}

/** @param budget what several caches may keep together, besides what each may */
export function createTokenCache<Entry>(limits: TokenCacheLimits, budget?: TokenBudget): TokenCache<Entry> {
  return new TwoGenerations(limits, budget)
}

/** One bound for many caches, by the same rule as in each of them: what was not used while half of it filled anew is dropped. */
export interface TokenBudget {
  /** Before a cache takes in one token more. */
  spend(by: Turning, bytes: number): void
}

interface Turning {
  /** Drops what is old, and makes the young old. @returns whether anything is left */
  turn(): boolean
}

export function createTokenBudget({ maxTokens, maxBytes }: TokenCacheLimits): TokenBudget {
  const caches = new Set<Turning>()
  // Of what was taken in since the last turn. What one of them has dropped by itself meanwhile is not taken off: it is a bound, no count.
  let tokens = 0
  let weight = 0
  return {
    spend(by, bytes) {
      if (tokens >= Math.floor(maxTokens / 2) || weight + bytes > maxBytes / 2) {
        for (const cache of caches) if (!cache.turn()) caches.delete(cache)
        tokens = 0
        weight = 0
      }
      caches.add(by)
      tokens += 1
      weight += bytes
    },
  }
}

/** A class, so that ten thousand of them hold no functions of their own. */
class TwoGenerations<Entry> implements TokenCache<Entry>, Turning {
  readonly #half: number
  readonly #halfBytes: number
  readonly #budget: TokenBudget | undefined
  #young: Generation<Entry> = NONE
  #old: Generation<Entry> = NONE

  constructor({ maxTokens, maxBytes }: TokenCacheLimits, budget: TokenBudget | undefined) {
    this.#half = Math.floor(maxTokens / 2)
    this.#halfBytes = maxBytes / 2
    this.#budget = budget
  }

  get(token: string): Entry | undefined {
    const held = this.#young.map.get(token)
    if (held !== undefined) return held.entry
    const aged = this.#old.map.get(token)
    if (aged === undefined) return undefined
    take(this.#old, token)
    this.#put(token, aged)
    return aged.entry
  }

  set(token: string, entry: Entry, bytes: number): void {
    this.delete(token)
    if (this.#half > 0 && bytes <= this.#halfBytes) this.#put(token, { entry, bytes })
  }

  delete(token: string): void {
    take(this.#young, token)
    take(this.#old, token)
  }

  clear(): void {
    this.#young = NONE
    this.#old = NONE
  }

  get size(): number {
    return this.#young.map.size + this.#old.map.size
  }

  get bytes(): number {
    return this.#young.bytes + this.#old.bytes
  }

  turn(): boolean {
    this.#old = this.#young
    this.#young = NONE
    return this.#old !== NONE
  }

  #put(token: string, held: Held<Entry>): void {
    this.#budget?.spend(this, held.bytes)
    const isFull = this.#young.map.size >= this.#half || this.#young.bytes + held.bytes > this.#halfBytes
    if (isFull) this.#old = this.#young
    if (isFull || this.#young === NONE) this.#young = { map: new Map(), bytes: 0 }
    this.#young.map.set(token, held)
    this.#young.bytes += held.bytes
  }
}

interface Held<Entry> {
  readonly entry: Entry
  readonly bytes: number
}

interface Generation<Entry> {
  readonly map: Map<string, Held<Entry>>
  bytes: number
}

/** Of every cache that was not used yet: nothing is ever put into it. */
const NONE: Generation<never> = { map: new Map(), bytes: 0 }

function take<Entry>(generation: Generation<Entry>, token: string): void {
  const held = generation.map.get(token)
  if (held === undefined) return
  generation.map.delete(token)
  generation.bytes -= held.bytes
}
