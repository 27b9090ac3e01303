// What the issuer must remember of tokens: refresh tokens and their families, opaque access tokens, revocations.
import { MAX_ACCESS_TOKEN_LIFETIME } from './realm.ts'

/** One refresh token; all that stem from one authorization share a family, and die together. */
export interface RefreshToken {
  /** `sha256:<base64url>` of the token as sent. */
  readonly hash: string
  readonly familyId: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Epoch seconds: unused ones expire. */
  readonly expiresAt: number
}

/** What the resource owner (or operator) allowed: fixed at the first grant, never widened by a refresh. */
export interface RefreshFamily {
  readonly id: string
  readonly realmId: string
  readonly clientId: string
  /** The user's id. */
  readonly subject: string
  readonly scope: readonly string[]
  readonly audience: readonly string[]
  /** Name of the dialect that the first token was asked in. */
  readonly dialect: string
  /** Id of the secret that the client proved itself with at the first grant; null for a client without secrets. */
  readonly credential: string | null
  /** Thumbprint of the DPoP key that every refresh must prove (RFC 9449 section 5); null: not bound. */
  readonly binding: string | null
  /** Epoch seconds. */
  readonly createdAt: number
}

/** What an access token will say; not signed yet. */
export interface AccessTokenDraft {
  readonly jti: string
  readonly claims: Readonly<Record<string, unknown>>
  /** Epoch seconds. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** The token itself, if it is no JWT: nobody can read it. */
  readonly opaque: string | undefined
}

/** An opaque (reference) access token. The token itself is never stored. */
export interface OpaqueToken {
  /** `sha256:<base64url>` of the token as sent. */
  readonly hash: string
  readonly realmId: string
  /** Claims as a JWT access token would carry them; `jti`, `exp` and `client_id` always there. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Epoch seconds. */
  readonly expiresAt: number
}

/**
 * An access token that may be served again: what it says, never the bearer itself. Signed anew by a deterministic algorithm it is the same
 * token to the byte.
 */
export interface ReusableToken {
  readonly realmId: string
  /** SHA-256 over all that shaped the token, base64url: see issue/reuse.ts. */
  readonly meaning: string
  readonly clientId: string
  /** Id of the secret it was minted by; null for a client without secrets. */
  readonly credential: string | null
  readonly jti: string
  readonly claims: Readonly<Record<string, unknown>>
  /** Epoch seconds. */
  readonly expiresAt: number
  /** Epoch seconds: from then on it has less than the share of its life left that is asked for, and is not served again. */
  readonly reusableUntil: number
}

/**
 * The names inside a `jti`: what minted the token stands before the last dot, so that one revocation reaches all that it minted; the client's
 * generation as it was known behind `~`, so that the end of a generation reaches all of it, whatever the clocks say.
 */
export function writeTokenId(credential: string | null, id: string, generation: number): string {
  const own = `${id}~${generation}`
  return credential === null ? own : `${credential}.${own}`
}

/**
 * One revoked thing: a single token by `jti`, all access tokens of a refresh family by its id, all that a secret minted by the secret's, or all
 * that a client was issued before: its `sequence` is the client's generation from then on.
 */
export interface Revocation {
  readonly realmId: string
  readonly kind: 'jti' | 'family' | 'credential' | 'client'
  readonly value: string
  /** Epoch seconds after which nothing it names can be alive, so that it may be forgotten. */
  readonly expiresAt: number
}

/** For tokens that name no generation: a server may issue so long after a client was switched off, until it reads of it. Seconds. */
const UNREAD = 1

/** Kills what a client has been issued by now; what it is issued once it is switched on again lives. @param now epoch seconds */
export function clientRevocation(realmId: string, clientId: string, now: number): Revocation {
  return { realmId, kind: 'client', value: clientId, expiresAt: now + UNREAD + MAX_ACCESS_TOKEN_LIFETIME }
}

/** The latest `iat` that a revocation of a client reaches where the token names no generation: it is kept as long as what was issued then may live. */
export function issuedUntil({ expiresAt }: Revocation): number {
  return expiresAt - MAX_ACCESS_TOKEN_LIFETIME
}

export interface NumberedRevocation extends Revocation {
  /** Rises with every revocation, so that a reader can ask for what it has not seen. */
  readonly sequence: number
}
