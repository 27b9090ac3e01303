// The Nodes port: the processes that share one database, who of them leads, and in one cheap query all that a node must know to be up to
// date. Owns no SQL and no clock: nodes' clocks differ, so a sign of life is a counter, and how old it is only its reader can say.
//
// Semantics every adapter holds, checked by test/nodes/conformance.ts:
// - Of any number of nodes that claim the lease as one and the same they saw, one gets it.
// - A lease that was taken over is lost: its former holder's renewal answers false.
// - Numbers that `look` gives are of one state of the database; all that was committed with a number up to them is there to be read.

/** The lease on the work that one node does for all. */
export interface Lease {
  /** Id of the node that leads; '' before the first and after one that left. */
  readonly holder: string
  /** Rises with each renewal and with each change of hands; 0: there was no leader yet. */
  readonly beat: number
}

export interface NodeSeen {
  readonly id: string
  /** Rises with each sign of life. */
  readonly beat: number
}

/** Nodes that have no say in what a realm is called: the one that asks, and those that it saw stand still. */
export interface Bystanders {
  readonly self: string
  readonly silent: readonly NodeSeen[]
}

/** What a node sees of the others, and of what they changed. */
export interface Sight {
  /** Of the last change of a realm, client, user, API key or signing key. */
  readonly revision: number
  /** Number of the last revocation. */
  readonly revocation: number
  /** All nodes that did not say goodbye, dead ones among them. */
  readonly nodes: readonly NodeSeen[]
  readonly lease: Lease
}

export interface Nodes {
  look(): Promise<Sight>
  /**
   * The first sign of life. It comes before a change of configuration or behind it, never beside it: who changes what behind it sees this
   * node, and what was changed before it this node sees.
   */
  enter(id: string, startedAt: number): Promise<void>
  /**
   * A sign of life of this node, and with `claim` the renewal of its lease or the attempt to take over the one that was seen.
   * @param startedAt epoch seconds by the node's own clock, for the operator
   * @returns whether the node holds the lease; false without a claim
   */
  beat(id: string, startedAt: number, claim: Lease | undefined): Promise<boolean>
  /** Says goodbye: the lease is free at once if it was this node's. */
  leave(id: string): Promise<void>
  /** Forgets nodes that are silent, unless they have given a sign since they were seen; rows removed. */
  forget(silent: readonly NodeSeen[]): Promise<number>
}
