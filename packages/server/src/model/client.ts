// An OAuth client and everything that hangs on it: secrets, API keys, rights. One client, one object.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { Plan } from './plan.ts'

/** One live secret of a client. Several may be live at once, so that secrets rotate without a night shift. */
export interface ClientSecret {
  readonly id: string
  /** `sha256:<base64url>` of the UTF-8 secret; see secret_hash.ts. */
  readonly hash: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Epoch seconds; null: until it is dropped. */
  readonly expiresAt: number | null
}

export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none'
export type TokenFormat = 'jwt' | 'opaque'

export interface Client {
  readonly realmId: string
  readonly clientId: string
  readonly displayName: string
  /** Methods this client may authenticate by. `none` makes it a public client and then stands alone. */
  readonly authMethods: readonly ClientAuthMethod[]
  readonly secrets: readonly ClientSecret[]
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
  /** May call the introspection endpoint for tokens of other clients of its realm (a resource server). */
  readonly introspects: boolean
  readonly enabled: boolean
}
