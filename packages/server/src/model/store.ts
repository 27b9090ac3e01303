// The Store port: what the issuer needs remembered, and what "remembered" means. Owns no SQL.
//
// Semantics every adapter holds, checked by test/store/conformance.ts:
// - A promise of a write resolves after the write is durable (committed, synchronous=FULL), never before.
// - Writes asked for in one event-loop turn may commit together; one that fails does not spoil the others.
// - No read-modify-write by the caller: where two requests race, one conditional statement decides by its row count.
// - An acknowledged write is seen by every later read, of any process.
// - Times are epoch seconds given by the caller: an adapter never asks a clock.
// - When the database cannot be reached or written, every method rejects with StoreUnavailable.
import type { ApiKey } from './api_key.ts'
import type { Client } from './client.ts'
import type { Realm } from './realm.ts'
import type { SigningKey } from './signing_key.ts'
import type { NumberedRevocation, OpaqueToken, RefreshFamily, RefreshToken, Revocation } from './token.ts'
import type { User } from './user.ts'

/** The database cannot be read or written now: a malfunction, answered with 503 and Retry-After. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

export interface RealmStore {
  find(id: string): Promise<Realm | undefined>
  /** All realms, by id. */
  list(): Promise<Realm[]>
  /** Inserts or replaces. */
  put(realm: Realm): Promise<void>
  /** Removes the realm and all that is in it. */
  remove(id: string): Promise<void>
}

export interface ClientStore {
  find(realmId: string, clientId: string): Promise<Client | undefined>
  /** Up to `limit` clients of the realm with a client id after `after` (exclusive; '' for the first page), by client id. */
  list(realmId: string, after: string, limit: number): Promise<Client[]>
  /** Inserts or replaces, secrets included. */
  put(client: Client): Promise<void>
  /** Removes the client, its secrets and its API keys. */
  remove(realmId: string, clientId: string): Promise<void>
}

export interface UserStore {
  find(realmId: string, id: string): Promise<User | undefined>
  findByUsername(realmId: string, username: string): Promise<User | undefined>
  /** Up to `limit` users of the realm with a username after `after` (exclusive; '' for the first page), by username. */
  list(realmId: string, after: string, limit: number): Promise<User[]>
  put(user: User): Promise<void>
  remove(realmId: string, id: string): Promise<void>
}

export interface ApiKeyStore {
  findByHash(realmId: string, hash: string): Promise<ApiKey | undefined>
  /** Keys of one client, by id. */
  list(realmId: string, clientId: string): Promise<ApiKey[]>
  put(key: ApiKey): Promise<void>
  remove(realmId: string, id: string): Promise<void>
}

export interface SigningKeyStore {
  /** The realm's keys, oldest first. */
  list(realmId: string): Promise<SigningKey[]>
  /**
   * Stores the key unless the realm already has one of that algorithm that is not retired; true if it was stored.
   * Of several processes that start at once exactly one gets true.
   */
  insertFirst(key: SigningKey): Promise<boolean>
  insert(key: SigningKey): Promise<void>
  retire(realmId: string, kid: string, retiredAt: number): Promise<void>
  remove(realmId: string, kid: string): Promise<void>
}

export type FoundRefreshToken = {
  readonly token: RefreshToken
  readonly family: RefreshFamily
  /** Epoch seconds of its one use; null: not used yet. */
  readonly usedAt: number | null
  /** Epoch seconds; null: the family lives. */
  readonly revokedAt: number | null
}

/**
 * `rotated`: the token was live, is used up now, and its successor is stored.
 * `replayed`: it had been used before; the family is revoked in the same transaction.
 * `gone`: unknown, expired or its family revoked; nothing was stored.
 */
export type Rotation = 'rotated' | 'replayed' | 'gone'

export interface RefreshTokenStore {
  /** Stores a new family with its first token. */
  start(family: RefreshFamily, token: RefreshToken): Promise<void>
  find(realmId: string, hash: string): Promise<FoundRefreshToken | undefined>
  /**
   * Uses up the token `hash` and stores `successor` (of the same family), in one transaction decided by one conditional UPDATE.
   * A replay revokes the family and records the Revocation `{kind: 'family', expiresAt: accessTokensEnd}` with it.
   */
  rotate(realmId: string, hash: string, successor: RefreshToken, now: number, accessTokensEnd: number): Promise<Rotation>
  /** Revokes the family and records the Revocation that kills its access tokens; false if it was revoked already or is unknown. */
  revokeFamily(realmId: string, familyId: string, now: number, accessTokensEnd: number): Promise<boolean>
}

export interface AccessTokenStore {
  insertOpaque(token: OpaqueToken): Promise<void>
  findOpaque(realmId: string, hash: string): Promise<OpaqueToken | undefined>
  /** Idempotent. */
  revoke(revocation: Revocation): Promise<void>
  /** Revocations with a sequence above `sequence`, in order, at most `limit`. */
  revocationsAfter(sequence: number, limit: number): Promise<NumberedRevocation[]>
}

export interface Store {
  readonly realms: RealmStore
  readonly clients: ClientStore
  readonly users: UserStore
  readonly apiKeys: ApiKeyStore
  readonly signingKeys: SigningKeyStore
  readonly refreshTokens: RefreshTokenStore
  readonly accessTokens: AccessTokenStore
  /** Rises in the same transaction as every change of a realm, client, user, API key or signing key: caches ask it. */
  revision(): Promise<number>
  /** Forgets what expired before `now` (tokens, families without tokens, revocations); rows removed. */
  sweep(now: number): Promise<number>
  /** Resolves if a write would succeed now. */
  ready(): Promise<void>
  /** Commits what is under way and lets go of the database. */
  close(): Promise<void>
}
