// An API key: part of a client. It identifies and meters; on its own it opens nothing that wants a bearer.

export interface ApiKey {
  readonly id: string
  readonly realmId: string
  readonly clientId: string
  /** `sha256:<base64url>` of the whole key as sent. */
  readonly hash: string
  readonly displayName: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
}
