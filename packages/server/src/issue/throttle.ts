// Throttles of the token endpoint: each client's rate, wrong client secrets, password attempts. In memory and bounded; docs/decisions/0011
// says what they hold off and what they do not. Owns the numbers; the arithmetic is @countersign/protocol/oauth/sliding_rate, and who answers what is the caller's.
import { hash } from 'node:crypto'
import { draw, giveBack } from '@countersign/protocol/oauth/sliding_rate'
import type { Rate } from '../model/plan.ts'
import type { BucketTable } from './bucket_table.ts'
import { createBucketTable } from './bucket_table.ts'
import { createFamiliarAddresses } from './familiar_addresses.ts'
import { networkOf } from './network.ts'
import { shareOfRate } from './rate_share.ts'
import { createUnderWay } from './under_way.ts'

/** What a draw left. */
export interface Drawn {
  readonly allowed: boolean
  /** Whole fresh-token prices left. */
  readonly remaining: number
  /** Whole seconds until everything is there again. */
  readonly reset: number
  /** Whole seconds, at least 1, until this draw would be allowed; 0 if it was. */
  readonly retryAfter: number
}

/**
 * A password attempt that was admitted: paid for as if it fails, before the password is looked at, so that parallel guesses count.
 * One of its methods is called in the end; further calls do nothing.
 */
export interface Attempt {
  readonly admitted: true
  /** The password was right: gives the price back and makes the address known for this user. */
  succeeded(): void
  /** The password was wrong: the price stays paid. */
  failed(): void
  /** The password was not looked at after all, by a malfunction: gives the price back. */
  abandoned(): void
}

interface Refused {
  readonly admitted: false
  /** Whole seconds to wait, at least 1. */
  readonly retryAfter: number
  /** Attempts of this user from this address are under way and may give their price back: worth another try when this resolves. */
  readonly pending: Promise<void> | undefined
}

export interface Throttle {
  /**
   * Draws from the client's sliding rate.
   * @param account `realm/client` of a client that has proven itself: names that strangers invent do not belong here
   * @param tenths 10 for a fresh token, 1 for one served again; 0 looks only; never more than 10 times the burst
   */
  draw(account: string, rate: Rate, tenths: number): Drawn
  /**
   * A client secret was wrong. Returns the whole seconds to tell the caller to wait, or 0 if an ordinary 401 will do.
   * Never asked before a secret is checked: a right one always passes, so no stranger can lock a client out.
   * @param secretDigest any digest of the wrong secret, so that one that is repeated by mistake is known again
   */
  secretFailed(realmId: string, clientId: string, secretDigest: string, address: string): number
  /**
   * Before a password is checked, whether or not anybody has that name. Refused: nothing is drawn, so that asking all the same makes the wait
   * no longer.
   */
  attempt(realmId: string, username: string, address: string): Attempt | Refused
}

/** For one secret that a client repeats: a replica with an old configuration. */
const SAME_SECRET: Rate = { limit: 1, seconds: 10, burst: 5 }
const SECRETS_OF_CLIENT_AT_ADDRESS: Rate = { limit: 1, seconds: 3, burst: 20 }
const SECRETS_AT_ADDRESS: Rate = { limit: 2, seconds: 1, burst: 100 }

const PASSWORDS_OF_USER_AT_ADDRESS: Rate = { limit: 1, seconds: 20, burst: 10 }
/** From all addresses together that this user has not signed in from lately. */
const PASSWORDS_OF_USER: Rate = { limit: 1, seconds: 5, burst: 50 }
/** For all users together that have not signed in from this address lately. */
const PASSWORDS_AT_ADDRESS: Rate = { limit: 1, seconds: 1, burst: 100 }
/** For those that have: behind one address there may be an application with all its users, and no stranger is to lock them out. */
const PASSWORDS_AT_FAMILIAR_ADDRESS: Rate = { limit: 10, seconds: 1, burst: 1000 }

/** Sign-ins of one user from one address that wait for others of his: an application whose users start at once. */
const MOST_WAITING = 64

const CAPACITY = 20_000
/** Clients are the operator's own, not invented by strangers: there may be many, and each counts. */
const CLIENTS = 5

/** One failure, and one fresh token. */
const WHOLE = 10

/** One bucket that a failure is drawn from. */
interface Door {
  readonly table: BucketTable
  readonly rate: Rate
  readonly key: string
}

export interface ThrottleOptions {
  readonly nowMs: () => number
  /** Entries of each kind of bucket at most. */
  readonly capacity?: number
  /** Nodes that live, this one among them: each lets through its share. Default: this one alone. */
  readonly nodes?: () => number
}

/** entries() counts all there are. */
export function createThrottle({ nowMs, capacity = CAPACITY, nodes = () => 1 }: ThrottleOptions): Throttle & {
  readonly entries: () => number
} {
  const tables: BucketTable[] = []
  const kind = (rate: Rate): ((...names: readonly string[]) => Door) => {
    const table = createBucketTable(capacity)
    tables.push(table)
    return (...names) => ({ table, rate: shareOfRate(rate, nodes(), WHOLE), key: keyOf(names) })
  }
  const clients = createBucketTable(capacity * CLIENTS)
  const sameSecret = kind(SAME_SECRET)
  const secretsOfClientAtAddress = kind(SECRETS_OF_CLIENT_AT_ADDRESS)
  const secretsAtAddress = kind(SECRETS_AT_ADDRESS)
  const passwordsOfUserAtAddress = kind(PASSWORDS_OF_USER_AT_ADDRESS)
  const passwordsOfUser = kind(PASSWORDS_OF_USER)
  const passwordsAtAddress = kind(PASSWORDS_AT_ADDRESS)
  const passwordsAtFamiliarAddress = kind(PASSWORDS_AT_FAMILIAR_ADDRESS)
  const familiar = createFamiliarAddresses(capacity)
  const underWay = createUnderWay(MOST_WAITING)

  return {
    draw(account, rate, tenths) {
      const now = nowMs()
      const share = shareOfRate(rate, nodes(), tenths)
      const { allowed, arrival, leftTenths, resetMs, waitMs } = draw(share, clients.arrival(account), tenths, now)
      clients.keep(account, arrival, now)
      return { allowed, remaining: Math.floor(leftTenths / WHOLE), reset: seconds(resetMs), retryAfter: seconds(waitMs) }
    },
    secretFailed(realmId, clientId, secretDigest, address) {
      const network = networkOf(address)
      const doors = [
        sameSecret(realmId, clientId, secretDigest),
        secretsOfClientAtAddress(realmId, clientId, network),
        secretsAtAddress(network),
      ]
      return seconds(enter(doors, nowMs()))
    },
    attempt(realmId, username, address) {
      const now = nowMs()
      const network = networkOf(address)
      const user = keyOf([realmId, username])
      const doors = familiar.has(user, network, now)
        ? [passwordsOfUserAtAddress(user, network), passwordsAtFamiliarAddress(network)]
        : [passwordsOfUserAtAddress(user, network), passwordsOfUser(user), passwordsAtAddress(network)]
      const name = keyOf([user, network])
      const waitMs = enter(doors, now)
      if (waitMs > 0) return { admitted: false, retryAfter: seconds(waitMs), pending: underWay.next(name) }
      underWay.begin(name)
      let settled = false
      const settle = (what: () => void): void => {
        if (settled) return
        settled = true
        what()
        underWay.end(name)
      }
      return {
        admitted: true,
        succeeded: () =>
          settle(() => {
            leave(doors, nowMs())
            familiar.add(user, network, nowMs())
          }),
        failed: () => settle(() => undefined),
        abandoned: () => settle(() => leave(doors, nowMs())),
      }
    },
    entries: () => tables.reduce((sum, table) => sum + table.size(), clients.size() + familiar.size()),
  }
}

/** Draws from all of them, or from none: the milliseconds until all would give, 0 if they have. */
function enter(doors: readonly Door[], now: number): number {
  const drawings = doors.map(({ table, rate, key }) => draw(rate, table.arrival(key), WHOLE, now))
  const waitMs = Math.max(...drawings.map((drawing) => drawing.waitMs))
  for (const [index, { table, rate, key }] of doors.entries()) {
    const arrival = waitMs === 0 ? drawings[index]?.arrival : draw(rate, table.arrival(key), 0, now).arrival
    if (arrival) table.keep(key, arrival, now)
  }
  return waitMs
}

function leave(doors: readonly Door[], now: number): void {
  for (const { table, rate, key } of doors) table.keep(key, giveBack(rate, table.arrival(key), WHOLE, now), now)
}

/** Names from hostile input, of any length, as a key of 43 characters; two lists of names never share one. */
function keyOf(names: readonly string[]): string {
  return hash('sha256', JSON.stringify(names), 'base64url')
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
