// Grant types by the names an operator writes: two have long names on the wire (RFC 8693, RFC 7523) and short ones here.
import type { GrantType } from '@countersign/protocol/oauth/grant_type'
import { GRANT_TYPES, isGrantType, JWT_BEARER, TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'

/** A grant type as written: its name on the wire, or the short one. */
export type GrantName = GrantType | keyof typeof SHORT_NAMES

const SHORT_NAMES = { token_exchange: TOKEN_EXCHANGE, jwt_bearer: JWT_BEARER } as const

/** Everything that may be written, short names first. */
export const GRANT_NAMES: readonly GrantName[] = [...new Set<GrantName>([...GRANT_TYPES.map(shortGrantName), ...GRANT_TYPES])]

export function readGrantNames(names: readonly GrantName[]): GrantType[] {
  return names.map((name) => (isGrantType(name) ? name : SHORT_NAMES[name]))
}

/** As it is told to an operator. */
export function shortGrantName(type: GrantType): GrantName {
  if (type === TOKEN_EXCHANGE) return 'token_exchange'
  return type === JWT_BEARER ? 'jwt_bearer' : type
}
