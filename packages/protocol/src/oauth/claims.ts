// Claims of an access token, as every part of Countersign reads them. RFC 7519, RFC 9068 section 2.2, RFC 7662.

/** Claims of a verified access token; times in epoch seconds. Other members of the token stay readable by name. */
export interface AccessTokenClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: string | readonly string[]
  readonly exp: number
  readonly iat: number
  readonly jti: string
  /** RFC 9068; the Keycloak and Auth0 families say `azp`. */
  readonly client_id?: string
  readonly azp?: string
  readonly scope?: string
  /** Id of the refresh family the token stems from: revoking the family kills it. */
  readonly sid?: string
  readonly [name: string]: unknown
}

/** The client a token was issued to: `client_id`, or `azp` where the family spells it so. */
export function clientOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  const id = claims['client_id'] ?? claims['azp']
  return typeof id === 'string' && id !== '' ? id : undefined
}

/** Scope values of a token; empty if it carries none. */
export function scopeOf(claims: Readonly<Record<string, unknown>>): readonly string[] {
  const scope = claims['scope']
  return typeof scope === 'string' && scope !== '' ? scope.split(' ').filter((name) => name !== '') : []
}
