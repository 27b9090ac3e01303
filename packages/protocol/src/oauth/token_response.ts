// What a successful token request yields, at home (TokenSet). The wire form is the dialect's. RFC 6749 section 5.1.

export interface TokenSet {
  readonly accessToken: string
  /** `Bearer`, later `DPoP`. */
  readonly tokenType: string
  /** Seconds from the answer until the access token ends. */
  readonly expiresIn: number
  readonly refreshToken?: string
  /** Seconds from the answer until the unused refresh token ends. */
  readonly refreshExpiresIn?: number
  /** What was granted; absent in an answer that is silent on it: then it is what was asked (RFC 6749 section 5.1). */
  readonly scope?: readonly string[]
}
