// A new API key for a client: its words read, made and hashed. Stores nothing.
import { randomBytes, randomInt } from 'node:crypto'
import { makeApiKey } from '@countersign/protocol/oauth/credential'
import { addressProblem } from '../config/address.ts'
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import { secretHash } from '../model/secret_hash.ts'
import { UsageError } from './command.ts'
import { endOf } from './duration.ts'
import { printable } from './listing.ts'

/** For `parseArgs`: what may be said of a key. */
export const KEY_OPTIONS = { name: { type: 'string' }, expires: { type: 'string' }, addresses: { type: 'string' } } as const

export interface KeyWords {
  readonly name?: string | undefined
  readonly expires?: string | undefined
  readonly addresses?: string | undefined
}

/** Of a key, as far as it was said. */
export interface KeyFacts {
  readonly displayName: string | undefined
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
  readonly addresses: readonly string[] | undefined
}

/** @param now epoch seconds @throws UsageError that names the option */
export function keyFacts({ name, expires, addresses }: KeyWords, now: number): KeyFacts {
  if (name !== undefined && !isKeyName(name)) throw new UsageError('--name must be a text of 1 to 128 characters.')
  return { displayName: name, expiresAt: endOf(expires, now), addresses: addresses === undefined ? undefined : readAddresses(addresses) }
}

/** What a key may be called for people. */
export function isKeyName(text: string): boolean {
  return /^[^\p{Cc}]{1,128}$/u.test(text)
}

export interface NewApiKey {
  /** Shown once, kept nowhere. */
  readonly text: string
  readonly key: ApiKey
}

/** @param now epoch seconds */
export function newApiKey({ realmId, clientId }: Client, facts: KeyFacts, now: number): NewApiKey {
  const id = randomKeyId()
  const text = makeApiKey(id, randomBytes(32))
  return { text, key: commandKey({ realmId, clientId, id, hash: secretHash(text) }, facts, now) }
}

/** The row of a key that a command makes known. */
export function commandKey(named: Pick<ApiKey, 'realmId' | 'clientId' | 'id' | 'hash'>, facts: KeyFacts, now: number): ApiKey {
  const { displayName = named.id, expiresAt, addresses = [] } = facts
  return { ...named, displayName, createdAt: now, expiresAt, endedAt: null, origin: 'command', addresses }
}

const ID_CHARACTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 12
const MOST_ADDRESSES = 100

/** 62 random bits: two of one realm are never alike. */
export function randomKeyId(): string {
  return Array.from({ length: ID_LENGTH }, () => ID_CHARACTERS.charAt(randomInt(ID_CHARACTERS.length))).join('')
}

/** An empty list means that it may come from anywhere again. */
function readAddresses(text: string): readonly string[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.length === 1 && entries[0] === '') return []
  if (entries.length > MOST_ADDRESSES) throw new UsageError(`--addresses has more than ${MOST_ADDRESSES} entries: name larger blocks.`)
  for (const entry of entries) {
    const problem = addressProblem(entry)
    if (problem !== undefined) throw new UsageError(`--addresses has '${printable(entry)}', which ${problem}.`)
  }
  return [...new Set(entries)]
}
