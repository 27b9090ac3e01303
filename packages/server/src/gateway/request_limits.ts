// What clients have drawn from their request rates, and how many of their requests are under way: in memory, never more than so many
// clients. Of several rates and the concurrency all give or none does. The arithmetic is protocol/oauth/sliding_rate.ts.
import type { Arrival, Drawing } from '@countersign/protocol/oauth/sliding_rate'
import { draw, giveBack, isIdle, UNTOUCHED } from '@countersign/protocol/oauth/sliding_rate'
import { shareOfCount, shareOfRate } from '../issue/rate_share.ts'
import type { Rate, RequestPlan } from '../model/plan.ts'

/** What is remembered of one client. */
export interface Account {
  rates: readonly Rate[]
  /** One for each rate. */
  arrivals: Arrival[]
  underWay: number
  /** Tenths that its dearest request costs, so far: no node's share of a burst is smaller. */
  dearest: number
}

export interface Entry {
  readonly account: Account
  readonly rates: readonly Rate[]
  /** Nodes that live: each lets through its share. */
  readonly nodes: number
  /** One for each rate, as it stands with this request. */
  readonly drawings: readonly Drawing[]
  readonly tenths: number
  /** Why it may not come in; in the mode `warn`: what was told about and let through. */
  readonly closed: Closed | undefined
}

/** Why a request may not come in. */
export type Closed =
  /** `waitMs` infinite: it never passes. */
  { readonly by: 'rate'; readonly rate: Rate; readonly waitMs: number } | { readonly by: 'concurrency' }

export interface Accounts<Kept extends Account> {
  /** Made when it is first asked for. */
  of(name: string, nowMs: number): Kept
  size(): number
}

/** Entries looked at for each new one when there is no room. */
const LOOKED_AT = 8

/**
 * @param capacity clients remembered; more only while each of them has a request under way
 * @param create a client nothing is known of
 */
export function createAccounts<Kept extends Account>(capacity: number, create: (name: string) => Kept): Accounts<Kept> {
  const accounts = new Map<string, Kept>()
  // Goes round and round. A Map's iterator survives deletions and comes to what was added meanwhile.
  let hand = accounts.entries()

  const next = (): [string, Kept] | undefined => {
    const step = hand.next()
    if (!step.done) return step.value
    hand = accounts.entries()
    return hand.next().value
  }

  /** Forgets who owes nothing among the next few, or else who owes least. Whoever has a request under way stays. */
  const makeRoom = (nowMs: number): void => {
    let least: { readonly name: string; readonly ms: number } | undefined
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      const entry = next()
      if (!entry) break
      const [name, account] = entry
      if (account.underWay > 0) continue
      const ms = account.arrivals.reduce((latest, arrival) => Math.max(latest, isIdle(arrival, nowMs) ? 0 : arrival.ms), 0)
      if (ms === 0) accounts.delete(name)
      else if (!least || ms < least.ms) least = { name, ms }
    }
    if (accounts.size >= capacity && least) accounts.delete(least.name)
  }

  return {
    of(name, nowMs) {
      const known = accounts.get(name)
      if (known) return known
      if (accounts.size >= capacity) makeRoom(nowMs)
      const made = create(name)
      accounts.set(name, made)
      return made
    },
    size: () => accounts.size,
  }
}

/** Another plan: what was drawn from a rate of the same length goes on counting. */
export function adoptRates(account: Account, rates: readonly Rate[]): void {
  if (account.rates === rates) return
  const before = account.rates
  const { arrivals } = account
  account.rates = rates
  account.arrivals = rates.map((rate) => arrivals[before.findIndex((one) => one.seconds === rate.seconds)] ?? UNTOUCHED)
}

/** The rates as they stand, for somebody who draws nothing. @param closed why */
export function look(account: Account, nowMs: number, nodes = 1, closed?: Closed): Entry {
  const { rates } = account
  return { account, rates, nodes, tenths: 0, drawings: drawFromAll(account, rates, nodes, 0, nowMs), closed }
}

/**
 * Draws from all rates and takes a place among the requests under way, or does nothing. In the mode `warn` what has enough is drawn from,
 * and the request comes in.
 * @param nodes that live: each lets through its share
 */
export function enter(account: Account, plan: RequestPlan, units: number, nowMs: number, nodes = 1): Entry {
  const { rates } = plan
  adoptRates(account, rates)
  const tenths = units * 10
  if (tenths > account.dearest) account.dearest = tenths
  const drawings = drawFromAll(account, rates, nodes, tenths, nowMs)
  const closed = closedBy(drawings, plan, account, nodes)
  if (closed && plan.mode === 'enforce') {
    const entry = look(account, nowMs, nodes, closed)
    // A clock that was set back is settled by a refusal too.
    keep(account, entry.drawings)
    return entry
  }
  keep(account, drawings)
  account.underWay += 1
  return { account, rates, nodes, drawings, tenths, closed }
}

/** Ends its place; to be called once for each entry that came in. */
export function leave({ account }: Entry): void {
  account.underWay -= 1
}

/** For a request that was let in here and then refused elsewhere: gives its draws and its place back. @returns the rates as they stand then */
export function undo(entry: Entry, nowMs: number): Entry {
  const { account, rates, nodes, drawings, tenths } = entry
  leave(entry)
  if (account.rates === rates) {
    for (const [index, rate] of rates.entries()) {
      if (!drawings[index]?.allowed) continue
      account.arrivals[index] = giveBack(shareOf(account, rate, nodes), account.arrivals[index] ?? UNTOUCHED, tenths, nowMs)
    }
  }
  return look(account, nowMs, nodes)
}

function shareOf({ dearest }: Account, rate: Rate, nodes: number): Rate {
  return shareOfRate(rate, nodes, dearest)
}

function drawFromAll(account: Account, rates: readonly Rate[], nodes: number, tenths: number, nowMs: number): Drawing[] {
  return rates.map((rate, index) => draw(shareOf(account, rate, nodes), account.arrivals[index] ?? UNTOUCHED, tenths, nowMs))
}

function keep(account: Account, drawings: readonly Drawing[]): void {
  for (let index = 0; index < drawings.length; index++) account.arrivals[index] = drawings[index]?.arrival ?? UNTOUCHED
}

/** The rate that makes wait longest speaks for all. */
function closedBy(
  drawings: readonly Drawing[],
  { rates, concurrency }: RequestPlan,
  { underWay }: Account,
  nodes: number,
): Closed | undefined {
  let closed: Extract<Closed, { by: 'rate' }> | undefined
  for (let index = 0; index < drawings.length; index++) {
    const drawing = drawings[index]
    const rate = rates[index]
    if (!drawing || !rate || drawing.allowed) continue
    if (!closed || drawing.waitMs > closed.waitMs) closed = { by: 'rate', rate, waitMs: drawing.waitMs }
  }
  if (closed) return closed
  return concurrency !== null && underWay >= shareOfCount(concurrency, nodes) ? { by: 'concurrency' } : undefined
}
