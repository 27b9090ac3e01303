// This process among the nodes of one database: its signs of life, how many others live, and whether it leads. Time is measured here alone,
// on a clock that nobody sets: a node is gone when its sign of life has stood still under our eyes. docs/decisions/0028.
import { setTimeout as pause } from 'node:timers/promises'
import type { Lease, NodeSeen, Nodes, Sight } from '../model/nodes.ts'

/** Between two signs of life. Milliseconds, as all below. */
export const BEAT_MS = 1500
/** A node whose sign stands still for so long is gone, and a lease that is not renewed may be taken over. */
const SILENCE_MS = 5000
/** A leader that could not renew for so long stops: sooner than anybody may take over. */
const LEASE_MS = 4000
/** The row of a node that is gone for so long is forgotten. */
const FORGOTTEN_MS = 60_000

/** Between two looks for a sign of life. */
const LOOK_MS = 100

/**
 * Whether any node gives a sign of life, watched for longer than two of them are apart; at once where there is no row of any.
 * @param self one that does not count
 */
export async function seesLife(nodes: Pick<Nodes, 'look'>, self?: string): Promise<boolean> {
  const look = async () => (await nodes.look()).nodes.filter(({ id }) => id !== self)
  const first = new Map((await look()).map(({ id, beat }) => [id, beat]))
  for (let waited = 0; first.size > 0 && waited < 2 * BEAT_MS; waited += LOOK_MS) {
    await pause(LOOK_MS)
    if ((await look()).some(({ id, beat }) => first.get(id) !== beat)) return true
  }
  return false
}

export interface NodeOptions {
  readonly nodes: Pick<Nodes, 'enter' | 'beat' | 'leave' | 'forget'>
  readonly id: string
  /** Epoch seconds, for the operator. */
  readonly startedAt: number
  /** Milliseconds of a clock that nobody sets. */
  readonly ticks: () => number
}

export interface Node {
  readonly id: string
  /** Nodes that live, this one among them: at least 1. While the database cannot be reached, as many as there were. */
  readonly live: () => number
  /** Whether this node does now what one does for all. To be asked before each step of it. */
  leads(): boolean
  /** What a look at the database showed. */
  see(sight: Pick<Sight, 'nodes' | 'lease'>): void
  /**
   * Lives from here on, and gives signs of it while it starts. A node that does not start has said goodbye when this rejects, as `start` did
   * or with StoreUnavailable.
   */
  enter<Started>(start: () => Promise<Started>): Promise<Started>
  /** Gives a sign of life, renews the lease or takes over one that nobody holds. Rejects with StoreUnavailable. */
  beat(): Promise<void>
  /** Forgets the rows of nodes that are long gone. */
  sweep(): Promise<void>
  /** Says goodbye. */
  leave(): Promise<void>
}

interface Watched extends NodeSeen {
  /** When its sign was last seen to have changed; -Infinity for one that was there before us and has not moved yet. */
  readonly movedAt: number
  /** When it was first seen with this sign. */
  readonly since: number
}

export function createNode({ nodes, id, startedAt, ticks }: NodeOptions): Node {
  let others = new Map<string, Watched>()
  let alive = 1
  let hasLooked = false
  let lease: Lease | undefined
  let leaseSince = 0
  let ledUntil = Number.NEGATIVE_INFINITY

  /** The lease that this node may ask for now: its own, one that is free, or one that was not renewed. */
  const claim = (): Lease | undefined => {
    if (lease === undefined) return undefined
    return lease.holder === id || lease.holder === '' || ticks() - leaseSince >= SILENCE_MS ? lease : undefined
  }

  const beat = async (): Promise<void> => {
    // The lease counts from before it was asked for, since nobody knows when the database said yes.
    const at = ticks()
    const asked = claim()
    const held = await nodes.beat(id, startedAt, asked)
    if (held) ledUntil = at + LEASE_MS
    else if (asked?.holder === id) ledUntil = Number.NEGATIVE_INFINITY
    // It need not wait for the next look to know what it holds.
    if (held) lease = { holder: id, beat: (asked?.beat ?? 0) + 1 }
  }

  return {
    id,
    live: () => alive,
    leads: () => ticks() < ledUntil,
    see(sight) {
      const now = ticks()
      const seen = sight.nodes.filter((one) => one.id !== id)
      others = new Map(seen.map((one) => [one.id, watched(one, others.get(one.id), now, hasLooked)]))
      hasLooked = true
      alive = 1
      for (const { movedAt } of others.values()) if (now - movedAt < SILENCE_MS) alive++
      if (lease?.holder === sight.lease.holder && lease.beat === sight.lease.beat) return
      lease = sight.lease
      leaseSince = now
    },
    async enter(start) {
      await nodes.enter(id, startedAt)
      const signs = setInterval(() => void beat().catch(() => undefined), BEAT_MS)
      try {
        return await start().finally(() => clearInterval(signs))
      } catch (error) {
        await nodes.leave(id).catch(() => undefined)
        throw error
      }
    },
    beat,
    async sweep() {
      const silent = [...others.values()].filter(({ since }) => ticks() - since >= FORGOTTEN_MS)
      if (silent.length > 0) await nodes.forget(silent)
    },
    async leave() {
      ledUntil = Number.NEGATIVE_INFINITY
      await nodes.leave(id)
    },
  }
}

/** A row that appears while we look has just been written; one that was there before may be a dead node's. */
function watched({ id, beat }: NodeSeen, before: Watched | undefined, now: number, hasLooked: boolean): Watched {
  if (before?.beat === beat) return before
  return { id, beat, movedAt: before !== undefined || hasLooked ? now : Number.NEGATIVE_INFINITY, since: now }
}
