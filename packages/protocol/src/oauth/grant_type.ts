// Grant types by their name on the wire. RFC 6749 sections 4 and 6.

export const GRANT_TYPES = ['client_credentials', 'password', 'refresh_token'] as const

export type GrantType = (typeof GRANT_TYPES)[number]

export function isGrantType(name: string): name is GrantType {
  return (GRANT_TYPES as readonly string[]).includes(name)
}
