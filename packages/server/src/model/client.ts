// An OAuth client and everything that hangs on it: secrets, API keys, rights. One client, one object.
import type { PublicJwk } from '@countersign/protocol/jose/jwk'
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { Plan, Reuse } from './plan.ts'

/** Who made a thing, and so may take it away: what the configuration wrote it takes back at the next start, what a command made it leaves. */
export type Origin = 'configuration' | 'command'

/** One live secret of a client. Several may be live at once, so that secrets rotate without a night shift. */
export interface ClientSecret {
  readonly id: string
  /** `sha256:<base64url>` of the UTF-8 secret; see secret_hash.ts. */
  readonly hash: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Epoch seconds; null: until it is dropped. A secret that has ended stays for a while, so that no restart brings it back. */
  readonly expiresAt: number | null
  readonly origin: Origin
  /** The secret itself under the master key (issue/keys/seal.ts), for client_secret_jwt alone, whose check needs it; else null. */
  readonly sealed: string | null
}

export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'client_secret_jwt' | 'private_key_jwt' | 'none'
export type TokenFormat = 'jwt' | 'opaque'

/** Where a client's own public keys are: for private_key_jwt. */
export type ClientKeys =
  | { readonly kind: 'none' }
  | { readonly kind: 'inline'; readonly keys: readonly PublicJwk[] }
  | { readonly kind: 'remote'; readonly url: string }

/** One permission to exchange: whose tokens this client may turn into narrower ones of its own. RFC 8693 section 5. */
export interface ExchangeRule {
  /** Clients whose users' tokens may come as subject_token; empty: every client of the realm. */
  readonly subjectClients: readonly string[]
  /** Scope that the actor's token must have, `EXECUTE:TOKEN_EXCHANGE`; null: none. */
  readonly actorScope: string | null
  /** Audiences of the new token. */
  readonly audiences: readonly string[]
  /** The most the new token may have; never more than the subject's. */
  readonly scopes: readonly string[]
}

/** One workload that may act as this client: a token of a trusted issuer with this subject and these claims. RFC 7523 section 3. */
export interface WorkloadRule {
  /** One of the realm's trusted issuers. */
  readonly issuer: string
  /** `sub`, whole; a `*` at its end stands for anything: `repo:acme/shop:*`. */
  readonly subject: string
  /** Further claims that must be there with exactly this value. */
  readonly claims: Readonly<Record<string, string | number | boolean>>
}

export interface Client {
  readonly realmId: string
  readonly clientId: string
  readonly origin: Origin
  readonly displayName: string
  /** Methods this client may authenticate by. `none` makes it a public client and then stands alone. */
  readonly authMethods: readonly ClientAuthMethod[]
  readonly secrets: readonly ClientSecret[]
  readonly keys: ClientKeys
  /** Grants this client may use. `password` is legacy (RFC 9700 section 2.4) and never there by default. */
  readonly grants: readonly GrantType[]
  /** Scopes it may ask for. */
  readonly scopes: readonly string[]
  /** Scopes it gets when it asks for none. */
  readonly defaultScopes: readonly string[]
  /** Audience identifiers it may ask for. */
  readonly audiences: readonly string[]
  /** Audience of its tokens when it names none; null: a token request must name one. */
  readonly defaultAudience: string | null
  readonly tokenFormat: TokenFormat
  /** Seconds; null: the realm's. */
  readonly accessTokenLifetime: number | null
  /** null: the realm's. */
  readonly plan: Plan | null
  /** null: the realm's. */
  readonly reuse: Reuse | null
  /** What it may turn other tokens into; empty: it may not exchange at all. */
  readonly exchanges: readonly ExchangeRule[]
  /** Foreign workloads that may act as this client by the jwt-bearer grant. */
  readonly workloads: readonly WorkloadRule[]
  /** `required`: gets tokens only with a DPoP proof. `optional`: bound if a proof comes. */
  readonly dpop: 'optional' | 'required'
  /** May call the introspection endpoint for tokens of other clients of its realm (a resource server). */
  readonly introspects: boolean
  readonly enabled: boolean
  /**
   * Number of the revocation that last ended all it had been issued, as long as that is remembered; its tokens name it (model/token.ts).
   * The store's to say: `put` leaves it as it is.
   */
  readonly generation?: number
}
