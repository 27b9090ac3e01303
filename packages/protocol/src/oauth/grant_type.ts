// Grant types by their name on the wire. RFC 6749 sections 4 and 6, RFC 8693 section 2.1, RFC 7523 section 2.1.

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

export const GRANT_TYPES = ['client_credentials', 'password', 'refresh_token', TOKEN_EXCHANGE, JWT_BEARER] as const

export type GrantType = (typeof GRANT_TYPES)[number]

export function isGrantType(name: string): name is GrantType {
  return (GRANT_TYPES as readonly string[]).includes(name)
}
