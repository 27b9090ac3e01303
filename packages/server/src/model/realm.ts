// A realm: one issuer with its own keys, clients, users, audiences and dialects. Owns the noun, not its storage.

import type { Dialect } from '@countersign/protocol/dialect/dialect'
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import type { Plan, Reuse } from './plan.ts'

/** Seconds that an access token may live at most: revocations are kept that long. */
export const MAX_ACCESS_TOKEN_LIFETIME = 31 * 86_400

/** A resource server (RFC 8707 `resource`, Auth0 `audience`) that this realm issues access tokens for. */
export interface Audience {
  /** What goes into `aud`: an absolute URI without a fragment, or a name. */
  readonly identifier: string
  /** Scopes this audience understands; empty: the realm's scopes apply. */
  readonly scopes: readonly string[]
}

/** Somebody else's issuer whose tokens this realm takes as a workload's proof of who it is. RFC 7523 section 3. */
export interface TrustedIssuer {
  /** Compared with `iss` as a plain string. */
  readonly issuer: string
  /** https, or http on loopback. */
  readonly jwksUri: string
  /** What `aud` of its tokens must hold; null: this realm's issuer. */
  readonly audience: string | null
}

/** When signing keys change by themselves. Seconds. */
export interface KeyRotation {
  /** Between two keys' first use; null: only by command. */
  readonly every: number | null
  /** A new key is published so long before it signs, so that every verifier has fetched it. */
  readonly publishAhead: number
}

export interface Realm {
  /** Path segment and key: `[a-z0-9][a-z0-9_-]*`, at most 64 characters. */
  readonly id: string
  readonly displayName: string
  /** The `iss` of every token, compared as a plain string; comes from configuration, never from `Host`. */
  readonly issuer: string
  /** Host names at which this realm answers at its dialects' paths from the root. Lower case, without port. */
  readonly hosts: readonly string[]
  /** Served side by side; the first is canonical (metadata, links). At least one. */
  readonly dialects: readonly Dialect[]
  /** JWS algorithm of new signing keys. */
  readonly algorithm: AlgorithmName
  /** Grants that this realm offers at all; a client of it may use those it is given of them. */
  readonly grants: readonly GrantType[]
  /** Every scope a client of this realm may be given. */
  readonly scopes: readonly string[]
  readonly audiences: readonly Audience[]
  /** What each of its clients may have that has no plan of its own; null: as much as it asks for. */
  readonly plan: Plan | null
  readonly reuse: Reuse
  readonly trustedIssuers: readonly TrustedIssuer[]
  readonly keyRotation: KeyRotation
  /** Lifetime of access tokens in seconds, at most MAX_ACCESS_TOKEN_LIFETIME. */
  readonly accessTokenLifetime: number
  /** Lifetime of an unused refresh token in seconds. */
  readonly refreshTokenLifetime: number
}
