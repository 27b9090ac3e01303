// client_secret_jwt: the secret signs an assertion and is not sent itself. RFC 7523 section 2.2, OpenID Connect Core section 9.
import { sha256Of } from '@countersign/protocol/jose/web_bytes'
import { assertionClaims } from '../assertion_claims.ts'
import type { Secret } from '../client_options.ts'
import { readSecret } from '../client_options.ts'
import { ConfigurationError } from '../errors.ts'
import type { ClientAssertion } from '../extensions.ts'
import { signed } from './signing_key.ts'

export interface ClientSecretJwtOptions {
  /** At least 32 bytes (RFC 7518 section 3.2), or where to get it: asked for before each assertion. */
  readonly secret: Secret
  /** Seconds an assertion is good for; default 60. */
  readonly lifetime?: number
}

export function clientSecretJwt({ secret, lifetime }: ClientSecretJwtOptions): ClientAssertion {
  const read = (): Promise<string> => readSecret(secret, 'secret')
  return {
    method: 'client_secret_jwt',
    identity: async () => sha256Of(await read()),
    async assertion(clientId, audience, world) {
      const bytes = new TextEncoder().encode(await read())
      if (bytes.length < 32) throw new ConfigurationError('client_secret_jwt needs a secret of at least 32 bytes, since it is an HMAC key.')
      const key = await crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
      const claims = assertionClaims(clientId, audience, world, lifetime)
      return signed({ alg: 'HS256', typ: 'JWT' }, claims, (input) => crypto.subtle.sign('HMAC', key, input))
    },
  }
}
