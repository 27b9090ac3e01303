// Buckets of sliding rates by name, in memory, never more than so many: what is full is forgotten, and what owes most is kept longest.
// Owns who is forgotten when there is no room (docs/decisions/0011); the arithmetic is @countersign/protocol/oauth/sliding_rate.
import type { Arrival } from '@countersign/protocol/oauth/sliding_rate'
import { isIdle, UNTOUCHED } from '@countersign/protocol/oauth/sliding_rate'

export interface BucketTable {
  arrival(key: string): Arrival
  /** Remembers it, unless everything is back: then there is nothing to remember. */
  keep(key: string, arrival: Arrival, nowMs: number): void
  /** Entries held, at most the capacity. */
  size(): number
}

/** Entries looked at for each new one when there is no room: enough that a bucket is not evicted while poorer ones are among its neighbours. */
const LOOKED_AT = 8

export function createBucketTable(capacity: number): BucketTable {
  const arrivals = new Map<string, Arrival>()
  // Goes round and round. A Map's iterator survives deletions and comes to what was added meanwhile.
  let hand = arrivals.entries()

  const next = (): [string, Arrival] | undefined => {
    const step = hand.next()
    if (!step.done) return step.value
    hand = arrivals.entries()
    return hand.next().value
  }

  const makeRoom = (nowMs: number): void => {
    let poorest: [string, Arrival] | undefined
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      const entry = next()
      if (!entry) break
      if (isIdle(entry[1], nowMs)) arrivals.delete(entry[0])
      else if (!poorest || entry[1].ms < poorest[1].ms) poorest = entry
    }
    if (arrivals.size >= capacity && poorest) arrivals.delete(poorest[0])
  }

  return {
    arrival: (key) => arrivals.get(key) ?? UNTOUCHED,
    keep(key, arrival, nowMs) {
      if (isIdle(arrival, nowMs)) return void arrivals.delete(key)
      if (arrivals.size >= capacity && !arrivals.has(key)) makeRoom(nowMs)
      arrivals.set(key, arrival)
    },
    size: () => arrivals.size,
  }
}
