// What other processes have changed, as this one last heard: one cheap query at a time, asked by the clock and by whoever must know.
// Owns how old that knowledge is; what follows from it is its followers'. docs/decisions/0027.
import type { Nodes, Sight } from '../model/nodes.ts'

/** So soon after a look the next one begins that somebody waits for: names are invented by anybody. Milliseconds. */
const SPACING = 50
/** What is issued and what introspection says rests on knowledge no older than this. Milliseconds. */
const FRESH = 1000

export interface NewsOptions {
  readonly nodes: Pick<Nodes, 'look'>
  /** Milliseconds of a clock that nobody sets. */
  readonly ticks: () => number
  /** Milliseconds without news after which guards no longer trust what they know; null: they go on. */
  readonly guardsTrust: number | null
}

export interface News {
  /** Asks, and lets each follower take note of the answer; joins one that is under way. Rejects with what a look or a follower rejects with. */
  readonly look: () => Promise<void>
  /** Resolves when all that was committed before the call has been taken note of. Of many calls one asks. */
  readonly catchUp: () => Promise<void>
  /** For what must not rest on old knowledge: undefined if it is fresh, else the promise of fresh knowledge. Rejects with StoreUnavailable. */
  readonly fresh: () => Promise<void> | undefined
  /** For guards, which must answer at once: whether the operator still trusts what is known. */
  readonly isTrusted: () => boolean
  /** Told of every look, in the order they joined. One that rejects is told again at the next. */
  readonly follow: (follower: (sight: Sight) => unknown) => void
}

export function createNews({ nodes, ticks, guardsTrust }: NewsOptions): News {
  const followers: ((sight: Sight) => unknown)[] = []
  let begunAt = Number.NEGATIVE_INFINITY
  /** When the last look began that all followers have taken note of. */
  let knownAt = Number.NEGATIVE_INFINITY
  let underWay: Promise<void> | undefined
  let next: Promise<void> | undefined

  const ask = async (): Promise<void> => {
    const at = ticks()
    begunAt = at
    const sight = await nodes.look()
    for (const follow of followers) await follow(sight)
    knownAt = at
  }
  const look = (): Promise<void> => {
    underWay ??= ask().finally(() => {
      underWay = undefined
    })
    return underWay
  }
  const lookAnew = async (): Promise<void> => {
    // What is under way may have been read before the change.
    await underWay?.catch(() => undefined)
    const pause = begunAt + SPACING - ticks()
    if (pause > 0) {
      await new Promise((resolve) => {
        setTimeout(resolve, pause)
      })
    }
    // Nor does one that began in the pause do for whoever has joined us since.
    for (let one = underWay; one; one = underWay) await one.catch(() => undefined)
    next = undefined
    return look()
  }

  return {
    look,
    catchUp: () => (next ??= lookAnew()),
    fresh: () => (ticks() - knownAt <= FRESH ? undefined : look()),
    isTrusted: () => guardsTrust === null || ticks() - knownAt <= guardsTrust,
    follow: (follower) => void followers.push(follower),
  }
}
