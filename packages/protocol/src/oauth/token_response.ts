// What a successful token request yields, at home (TokenSet). The wire form is the dialect's. RFC 6749 section 5.1, RFC 8693 section 2.2.1.

/** Kinds of token as a token exchange names them. RFC 8693 section 3. */
export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'

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
  /** Kind of the token that an exchange gave: a URN of RFC 8693 section 3. Other grants say none. */
  readonly issuedTokenType?: string
}
