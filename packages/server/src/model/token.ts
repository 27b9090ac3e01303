// What the issuer must remember of tokens: refresh tokens and their families, opaque access tokens, revocations.

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
  /** Epoch seconds. */
  readonly createdAt: number
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

/** One revoked thing: a single token by `jti`, or all access tokens of a refresh family by its id. */
export interface Revocation {
  readonly realmId: string
  readonly kind: 'jti' | 'family'
  readonly value: string
  /** Epoch seconds after which nothing it names can be alive, so that it may be forgotten. */
  readonly expiresAt: number
}

export interface NumberedRevocation extends Revocation {
  /** Rises with every revocation, so that a reader can ask for what it has not seen. */
  readonly sequence: number
}
