// The Store port: what the issuer needs remembered, and what "remembered" means. Owns no SQL.
//
// Semantics every adapter holds, checked by test/store/conformance.ts:
// - A promise of a write resolves after the write is durable (committed, synchronous=FULL), never before.
// - Writes asked for in one event-loop turn may commit together; one that fails does not spoil the others.
// - No read-modify-write by the caller: where two requests race, one conditional statement decides by its row count.
// - An acknowledged write is seen by every later read, of any process.
// - A write that takes an Act leaves one audit row in the same transaction, if it changed anything.
// - Times are epoch seconds given by the caller: an adapter never asks a clock.
// - When the database cannot be reached or written, every method rejects with StoreUnavailable.
import type { ApiKey } from './api_key.ts'
import type { ApiKeyUse } from './api_key_use.ts'
import type { Act, Audit, AuditEntry } from './audit.ts'
import type { Client, ClientSecret } from './client.ts'
import type { Issuing } from './issuing.ts'
import type { Metering } from './metering.ts'
import type { Bystanders, Nodes } from './nodes.ts'
import type { Realm } from './realm.ts'
import type { SecretUse } from './secret_use.ts'
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
  put(realm: Realm, act: Act): Promise<void>
  /**
   * As `put`, where nobody objects: false, and nothing has changed, if the realm is there under another issuer and any node but these has
   * entered. Of two nodes that have entered and claim a realm under two issuers, at whatever moment, one gets false.
   */
  claim(realm: Realm, act: Act, bystanders: Bystanders): Promise<boolean>
  /** Removes the realm and all that is in it. */
  remove(id: string, act: Act): Promise<void>
}

export interface ClientStore {
  find(realmId: string, clientId: string): Promise<Client | undefined>
  /** Up to `limit` clients of the realm with a client id after `after` (exclusive; '' for the first page), by client id. */
  list(realmId: string, after: string, limit: number): Promise<Client[]>
  /**
   * Inserts or replaces, secrets included. What a command decided meanwhile stays: a secret ends no later than it does already, and one that
   * a command made and `client` does not name is kept, behind the others.
   */
  put(client: Client, act: Act): Promise<void>
  /** Removes the client, its secrets and its API keys, and ends all it was issued, as `AccessTokenStore.revoke` of the client does. */
  remove(realmId: string, clientId: string, act: Act): Promise<void>
}

/** Single secrets, changed without touching the rest of the client. Each answers false if the client or secret is unknown or was ended before. */
export interface SecretStore {
  /** Behind those it has. */
  add(realmId: string, clientId: string, secret: ClientSecret, act: Act): Promise<boolean>
  /** Adds `secret`, and lets every other that lives longer end at `othersEndAt`, in one transaction. */
  rotate(realmId: string, clientId: string, secret: ClientSecret, othersEndAt: number, act: Act): Promise<boolean>
  /** Ends one at `expiresAt`, unless it ends sooner. */
  end(realmId: string, clientId: string, secretId: string, expiresAt: number, act: Act): Promise<boolean>
  /**
   * Ends one at once, and with it all it ever minted: records the Revocation `{kind: 'credential', expiresAt: accessTokensEnd}`, revokes its
   * refresh families and empties its slots for reuse, in one transaction.
   */
  cut(realmId: string, clientId: string, secretId: string, accessTokensEnd: number, act: Act): Promise<boolean>
  /** Adds counts, and keeps the later of two times with its address. Unknown secrets are left out. No change of configuration. */
  noteUse(uses: readonly SecretUse[]): Promise<void>
  /** Of one client's secrets; none for a secret that was never used. */
  uses(realmId: string, clientId: string): Promise<readonly SecretUse[]>
}

/** One-time things, so that none works twice: assertions and proofs by their `jti`. */
export interface ReplayStore {
  /** True for the first to name it, false for every later one, whatever the process. `name` at most 200 characters, kept until `expiresAt`. */
  claim(realmId: string, name: string, expiresAt: number): Promise<boolean>
}

export interface UserStore {
  find(realmId: string, id: string): Promise<User | undefined>
  findByUsername(realmId: string, username: string): Promise<User | undefined>
  /** Up to `limit` users of the realm with a username after `after` (exclusive; '' for the first page), by username. */
  list(realmId: string, after: string, limit: number): Promise<User[]>
  put(user: User, act: Act): Promise<void>
  remove(realmId: string, id: string, act: Act): Promise<void>
}

export interface ApiKeyStore {
  findByHash(realmId: string, hash: string): Promise<ApiKey | undefined>
  /** Keys of one client, by id. */
  list(realmId: string, clientId: string): Promise<ApiKey[]>
  /** Up to `limit` keys of the realm with an id after `after` (exclusive; '' for the first page), by id. */
  listOfRealm(realmId: string, after: string, limit: number): Promise<ApiKey[]>
  /** Inserts or replaces. A key that was given an end by `end` or `rotate` ends no later, whatever `key` says. */
  put(key: ApiKey, act: Act): Promise<void>
  remove(realmId: string, id: string, act: Act): Promise<void>
  /**
   * Adds `key`, and lets every other key of its client that lives longer end at `othersEndAt`, in one transaction. False if the client is
   * unknown, or the realm has a key of that id or hash.
   */
  rotate(realmId: string, key: ApiKey, othersEndAt: number, act: Act): Promise<boolean>
  /** Ends one at `expiresAt`; false if it is unknown or ends sooner. */
  end(realmId: string, id: string, expiresAt: number, act: Act): Promise<boolean>
  /** Adds counts, and keeps the later of two times with its address. Unknown keys are left out. No change of configuration. */
  noteUse(uses: readonly ApiKeyUse[]): Promise<void>
  /** Of one client's keys, by id; none for a key that was never used. */
  uses(realmId: string, clientId: string): Promise<readonly ApiKeyUse[]>
}

export interface SigningKeyStore {
  /** The realm's keys, oldest first. */
  list(realmId: string): Promise<SigningKey[]>
  /** For each realm that has keys a text that is another one once its keys have changed. One query for all realms. */
  marks(): Promise<ReadonlyMap<string, string>>
  /**
   * Stores the key unless the realm already has one of that algorithm that is not retired; true if it was stored.
   * Of several processes that start at once exactly one gets true.
   */
  insertFirst(key: SigningKey, act: Act): Promise<boolean>
  /**
   * Stores the key if the realm's newest key of that algorithm is still `predecessor`, so that of several processes that rotate at once one
   * does; true if it was stored.
   */
  insertNext(key: SigningKey, predecessor: string, act: Act): Promise<boolean>
  /** Signs no more from `retiredAt` on, still verifies; false if it is unknown or was retired before. */
  retire(realmId: string, kid: string, retiredAt: number, act: Act): Promise<boolean>
  remove(realmId: string, kid: string, act: Act): Promise<void>
}

export type FoundRefreshToken = {
  readonly token: RefreshToken
  readonly family: RefreshFamily
  /** Epoch seconds of its one use; null: not used yet. */
  readonly usedAt: number | null
  /** Epoch seconds; null: the family lives. */
  readonly revokedAt: number | null
}

export interface RefreshTokenStore {
  find(realmId: string, hash: string): Promise<FoundRefreshToken | undefined>
  /** Revokes the family and records the Revocation that kills its access tokens; false if it was revoked already or is unknown. */
  revokeFamily(realmId: string, familyId: string, now: number, accessTokensEnd: number, audit: AuditEntry): Promise<boolean>
}

export interface AccessTokenStore {
  findOpaque(realmId: string, hash: string): Promise<OpaqueToken | undefined>
  /**
   * Idempotent; the token is served again by no slot. The audit row is written the first time only. That of a client is another one each
   * time: its number becomes the client's `generation`, in the same transaction, as a change of the client.
   */
  revoke(revocation: Revocation, audit: AuditEntry): Promise<void>
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
  readonly secrets: SecretStore
  readonly replays: ReplayStore
  readonly issuing: Issuing
  readonly audit: Audit
  readonly metering: Metering
  readonly nodes: Nodes
  /** Rises in the same transaction as every change of a realm, client, user, API key or signing key: caches ask it. */
  revision(): Promise<number>
  /**
   * Forgets what expired before `now` (tokens, families without tokens, revocations, slots, one-time names; secrets and API keys that a
   * command made 30 days after); rows removed.
   */
  sweep(now: number): Promise<number>
  /** Resolves if a write would succeed now. */
  ready(): Promise<void>
  /** Commits what is under way and lets go of the database. */
  close(): Promise<void>
}
