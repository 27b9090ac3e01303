// The DPoP proofs this process has seen: RFC 9449 section 11.1. Bounded; it forgets at a restart, and other processes know nothing of it.
// Who needs more than that gives the guard a port of his own (ports.ts).
import type { Replays } from './ports.ts'

/** Rather no answer than a proof that passes twice. */
export class ReplayMemoryFull extends Error {
  override readonly name = 'ReplayMemoryFull'
}

export interface ReplayMemoryOptions {
  /** Remembered at once, at most: 100 bytes each, roughly. Beyond it `claim` throws ReplayMemoryFull. */
  readonly maxProofs: number
  /** Epoch seconds, may be fractional. */
  readonly now: () => number
}

export function createReplayMemory({ maxProofs, now }: ReplayMemoryOptions): Replays {
  /** By the end of the stretch in which they expire: a handful of them, since no proof lives long. */
  const seen = new Map<number, Set<string>>()
  let size = 0
  const forget = (before: number): void => {
    for (const [end, names] of seen) {
      if (end > before) continue
      seen.delete(end)
      size -= names.size
    }
  }
  return {
    claim(name, expiresAt) {
      forget(now())
      for (const names of seen.values()) if (names.has(name)) return false
      if (size >= maxProofs) throw new ReplayMemoryFull(`${maxProofs} DPoP proofs are remembered: there is no room for more`)
      const end = Math.ceil(expiresAt / STRETCH) * STRETCH
      const names = seen.get(end)
      if (names === undefined) seen.set(end, new Set([name]))
      else names.add(name)
      size += 1
      return true
    },
  }
}

/** Seconds. */
const STRETCH = 10
