// What the guard asks of others: who owns an API key, what an opaque token says, what has been revoked, which proofs were seen.
// Owns no answer itself.
// A port that cannot answer throws or rejects: the guard then says 503, never 401.

/** What is known of an API key; the key itself is not. */
export interface ApiKeyRecord {
  /** Public id of the key, fit for logs. */
  readonly id: string
  readonly clientId: string
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
}

export interface ApiKeys {
  /**
   * @param hash `sha256:` and the base64url SHA-256 of the UTF-8 key as presented; the key itself never leaves the guard
   * @returns undefined for a key nobody has; asked on every request, so that a dropped key is dead at once
   */
  find(hash: string): ApiKeyRecord | undefined | Promise<ApiKeyRecord | undefined>
}

/** RFC 7662. */
export interface Introspection {
  /** @returns the members of the answer for an active token, undefined for any other */
  introspect(token: string): Readonly<Record<string, unknown>> | undefined | Promise<Readonly<Record<string, unknown>> | undefined>
}

/** The DPoP proofs already used, RFC 9449 section 11.1: shared by all processes that must refuse a proof one of them has seen. */
export interface Replays {
  /**
   * @param name 43 characters that stand for one proof
   * @param expiresAt epoch seconds, whole: it may be forgotten then
   * @returns true for the first to name it, false for every later one
   */
  claim(name: string, expiresAt: number): boolean | Promise<boolean>
}

export interface Revocations {
  /** Asked on every use of a token, cached or not: it must answer at once. @param sid id of the refresh family a token stems from */
  isRevoked(jti: string | undefined, sid: string | undefined): boolean
}
