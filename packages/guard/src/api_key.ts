// From an API key as presented to its live record. RFC knows no API keys: here one identifies and meters a client, and on its own
// opens nothing. Whether it belongs to the bearer's client is the guard's to ask.
import { createHash } from 'node:crypto'
import { checkCredential } from '@countersign/protocol/oauth/credential'
import type { AddressList } from './address.ts'
import { createAddressList } from './address.ts'
import type { ApiKeyRecord, ApiKeys } from './ports.ts'
import { createTokenCache } from './token_cache.ts'

/** `sha256:<base64url>` of the UTF-8 key: the only form of it that leaves the guard. Keys are random, so no slow hash is needed. */
export function hashApiKey(key: string): string {
  return `sha256:${createHash('sha256').update(key, 'utf8').digest('base64url')}`
}

/** Why a key is none: mistyped, known to nobody, or over. For the operator; the caller is told the same of all. */
export type KeyRefusal = 'key_damaged' | 'key_unknown' | 'key_expired'

type Found = ApiKeyRecord | KeyRefusal

export interface KeyFinder {
  /** The hash of a key that somebody had once; undefined says nothing about any other. `key` may be any text. */
  hashOf(key: string): string | undefined
  /** @param known its hash, if that is known */
  find(key: string, known?: string): Found | Promise<Found>
}

/**
 * Finds the record of a key that lives. Rejects or throws as the port does.
 * @param now epoch seconds, asked after the port has answered
 */
export function createKeyFinder(keys: ApiKeys, now: () => number): KeyFinder {
  // Keys that somebody had once, so that they are hashed once. Whether they still live the port says, each time.
  const hashes = createTokenCache<string>({ maxTokens: 10_000, maxBytes: 4 * 1024 * 1024 })
  const settle = (record: ApiKeyRecord | undefined, key: string, hash: string, fresh: boolean): Found => {
    if (record === undefined) return 'key_unknown'
    if (fresh) hashes.set(key, hash, key.length + hash.length + 100)
    return record.expiresAt === null || now() < record.expiresAt ? record : 'key_expired'
  }
  return {
    hashOf: (key) => hashes.get(key),
    find(key, known = hashes.get(key)) {
      // A typo in one of our own never reaches the store.
      if (known === undefined && checkCredential(key) === 'damaged') return 'key_damaged'
      const hash = known ?? hashApiKey(key)
      const found = keys.find(hash)
      return found instanceof Promise
        ? found.then((record) => settle(record, key, hash, known === undefined))
        : settle(found, key, hash, known === undefined)
    },
  }
}

/** By record: a port that hands out the same object each time has its list read once. */
const lists = new WeakMap<ApiKeyRecord, AddressList>()

/** Whether the key may be used from there; with a list, never from an address that is not known. @throws TypeError for a list that cannot be read */
export function mayComeFrom(record: ApiKeyRecord, address: string | undefined): boolean {
  if (record.addresses === undefined || record.addresses.length === 0) return true
  if (address === undefined) return false
  const list = lists.get(record) ?? createAddressList(record.addresses)
  lists.set(record, list)
  return list.has(address)
}
