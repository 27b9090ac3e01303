// private_key_jwt: the client proves itself by a JWT that it signs, and no secret ever leaves it. RFC 7523 section 2.2, OpenID Connect Core section 9.

import { assertionClaims } from '../assertion_claims.ts'
import type { ClientAssertion } from '../extensions.ts'
import type { PrivateKey, SigningAlgorithm, SigningKey } from './signing_key.ts'
import { readSigningKey } from './signing_key.ts'

export interface PrivateKeyJwtOptions {
  /** A JWK or PKCS#8 as PEM, or where to get it: asked for before each assertion, so that a rotated key is found. */
  readonly key: PrivateKey
  /** Default: the curve's own, the JWK's, or RS256. */
  readonly alg?: SigningAlgorithm
  /** Which of the registered keys it is; default: the JWK's own. */
  readonly kid?: string
  /** Seconds an assertion is good for; default 60. */
  readonly lifetime?: number
}

export function privateKeyJwt({ key, alg, kid, lifetime }: PrivateKeyJwtOptions): ClientAssertion {
  let read: Promise<SigningKey> | undefined
  const signingKey = (): Promise<SigningKey> => {
    if (typeof key === 'function') return readSigningKey(key, alg)
    read ??= readSigningKey(key, alg)
    return read
  }
  return {
    method: 'private_key_jwt',
    identity: async () => (await signingKey()).thumbprint,
    async assertion(clientId, audience, world) {
      const signer = await signingKey()
      const named = kid ?? signer.kid
      const header = { typ: 'JWT', ...(named === undefined ? {} : { kid: named }) }
      return signer.sign(header, assertionClaims(clientId, audience, world, lifetime))
    },
  }
}
