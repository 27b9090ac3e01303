// Where each user has signed in from lately, in memory and bounded: so that a stranger's guesses cannot lock him out of his own places.

export interface FamiliarAddresses {
  /** Whether this user signed in from there within the last 30 days, as far as it is remembered. */
  has(user: string, address: string, nowMs: number): boolean
  /** The user has just signed in from there. */
  add(user: string, address: string, nowMs: number): void
  /** Users remembered, at most the capacity. */
  size(): number
}

const LATELY_MS = 30 * 86_400_000
/** Of one user: whoever signs in from everywhere forgets only addresses of his own. */
const ADDRESSES = 8

/** @param capacity users at most: the one whose last sign-in is longest ago is forgotten first */
export function createFamiliarAddresses(capacity: number): FamiliarAddresses {
  /** By user, the last to sign in last; in each the address of the last sign-in last, with its time. */
  const users = new Map<string, Map<string, number>>()
  return {
    has(user, address, nowMs) {
      const at = users.get(user)?.get(address)
      return at !== undefined && nowMs - at < LATELY_MS
    },
    add(user, address, nowMs) {
      const addresses = users.get(user) ?? new Map<string, number>()
      addresses.delete(address)
      if (addresses.size >= ADDRESSES) forgetFirst(addresses)
      addresses.set(address, nowMs)
      users.delete(user)
      if (users.size >= capacity) forgetFirst(users)
      users.set(user, addresses)
    },
    size: () => users.size,
  }
}

function forgetFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
