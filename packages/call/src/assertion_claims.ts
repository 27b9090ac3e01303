// What a client says in an assertion about itself. RFC 7523 section 3.
import type { World } from './extensions.ts'

/** One audience as one string: a list could be shown to another server too (FAPI 2.0 section 5.3.2.1). @param lifetime seconds. */
export function assertionClaims(clientId: string, audience: string, { now, unique }: World, lifetime = 60): Record<string, unknown> {
  const issuedAt = Math.floor(now())
  return { iss: clientId, sub: clientId, aud: audience, jti: unique(), iat: issuedAt, exp: issuedAt + lifetime }
}
