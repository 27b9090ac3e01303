// What was found by its name, for all realms within one bound: who has a realm to himself may fill all of it, and ten thousand realms hold
// no more. A ring with a second chance: what was asked for since the hand last came by stays. Knows nothing of where things come from.

interface Slot<Noun> {
  readonly realmId: string
  readonly name: string
  noun: Noun
  /** Since the hand last came by. */
  isUsed: boolean
}

/** That the hand passes for one that comes, so that none of them pays for a whole round. */
const MOST_PASSED = 64

export class KnownNames<Noun> {
  readonly #capacity: number
  // By realm first: it is asked on every guarded request, and no name need be made of the two.
  readonly #realms = new Map<string, Map<string, Slot<Noun>>>()
  #ring: Slot<Noun>[] = []
  #hand = 0

  /** @param capacity things kept at most, of all realms together; at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#ring.length
  }

  get(realmId: string, name: string): Noun | undefined {
    const slot = this.#realms.get(realmId)?.get(name)
    if (slot === undefined) return undefined
    slot.isUsed = true
    return slot.noun
  }

  keep(realmId: string, name: string, noun: Noun): void {
    const names = this.#realms.get(realmId)
    const known = names?.get(name)
    if (known !== undefined) {
      known.noun = noun
      return
    }
    const slot: Slot<Noun> = { realmId, name, noun, isUsed: false }
    if (this.#ring.length < this.#capacity) this.#ring.push(slot)
    else this.#replace(slot)
    // Only now: the last name of a realm takes the realm's map with it, and that may be this one.
    const kept = this.#realms.get(realmId) ?? new Map<string, Slot<Noun>>()
    kept.set(name, slot)
    this.#realms.set(realmId, kept)
  }

  clear(): void {
    this.#realms.clear()
    this.#ring = []
    this.#hand = 0
  }

  #replace(slot: Slot<Noun>): void {
    for (let passed = 0; passed < MOST_PASSED && this.#ring[this.#hand]?.isUsed === true; passed += 1) {
      const spared = this.#ring[this.#hand]
      if (spared) spared.isUsed = false
      this.#hand = (this.#hand + 1) % this.#capacity
    }
    const gone = this.#ring[this.#hand]
    if (gone) this.#forget(gone)
    this.#ring[this.#hand] = slot
    this.#hand = (this.#hand + 1) % this.#capacity
  }

  #forget({ realmId, name }: Slot<Noun>): void {
    const names = this.#realms.get(realmId)
    names?.delete(name)
    if (names?.size === 0) this.#realms.delete(realmId)
  }
}
