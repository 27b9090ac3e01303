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

export function createTokenCache<Entry>({ maxTokens, maxBytes }: TokenCacheLimits): TokenCache<Entry> {
  const half = Math.floor(maxTokens / 2)
  const halfBytes = maxBytes / 2
  let young = createGeneration<Entry>()
  let old = createGeneration<Entry>()

  const put = (token: string, held: Held<Entry>): void => {
    if (young.map.size >= half || young.bytes + held.bytes > halfBytes) {
      old = young
      young = createGeneration()
    }
    young.map.set(token, held)
    young.bytes += held.bytes
  }

  return {
    get(token) {
      const held = young.map.get(token)
      if (held !== undefined) return held.entry
      const aged = old.map.get(token)
      if (aged === undefined) return undefined
      take(old, token)
      put(token, aged)
      return aged.entry
    },
    set(token, entry, bytes) {
      take(young, token)
      take(old, token)
      if (half > 0 && bytes <= halfBytes) put(token, { entry, bytes })
    },
    delete(token) {
      take(young, token)
      take(old, token)
    },
    clear() {
      young = createGeneration()
      old = createGeneration()
    },
    get size() {
      return young.map.size + old.map.size
    },
    get bytes() {
      return young.bytes + old.bytes
    },
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

const createGeneration = <Entry>(): Generation<Entry> => ({ map: new Map(), bytes: 0 })

function take<Entry>(generation: Generation<Entry>, token: string): void {
  const held = generation.map.get(token)
  if (held === undefined) return
  generation.map.delete(token)
  generation.bytes -= held.bytes
}
