// Chance with a seed, in the words that the fuzzer thinks in.
import { seeded } from '../harness/seeded.ts'

export interface Dice {
  /** A whole number from 0 up to, and without, the bound. */
  readonly below: (bound: number) => number
  readonly chance: (share: number) => boolean
  /** One of the list, which must not be empty. */
  readonly pick: <Item>(list: readonly Item[]) => Item
}

export function createDice(seed: number): Dice {
  const random = seeded(seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  return {
    below,
    chance: (share) => random() < share,
    pick(list) {
      const item = list[below(list.length)]
      if (item === undefined) throw new Error('there is nothing to pick from')
      return item
    },
  }
}
