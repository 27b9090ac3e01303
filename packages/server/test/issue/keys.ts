// Signing keys for tests that only look at their times: no key material in them.

import type { RotatingRealm } from '../../src/issue/keys/rotation.ts'
import { rotationSteps } from '../../src/issue/keys/rotation.ts'
import type { SigningKey } from '../../src/model/signing_key.ts'

export const DAY = 86_400

export const random = { bytes: (length: number): Uint8Array => new Uint8Array(length) }

export const key = (kid: string, activeAt: number, but: Partial<SigningKey> = {}): SigningKey => ({
  kid,
  realmId: 'shop',
  algorithm: 'ES256',
  publicJwk: { kty: 'EC', alg: 'ES256', kid, use: 'sig', crv: 'P-256', x: 'x', y: 'y' },
  privateKey: 'plain:{}',
  createdAt: activeAt,
  activeAt,
  retiredAt: null,
  ...but,
})

export const realm = (every: number | null, publishAhead: number, but: Partial<RotatingRealm> = {}): RotatingRealm => ({
  id: 'shop',
  algorithm: 'ES256',
  keyRotation: { every, publishAhead },
  ...but,
})

let made = 0

/** The keys after the steps that are due, as a store and rotation.ts would leave them. */
export function turned(keys: readonly SigningKey[], of: RotatingRealm, now: number): SigningKey[] {
  let left = [...keys]
  for (const step of rotationSteps(keys, of, now)) {
    if (step.kind === 'remove') left = left.filter((one) => one.kid !== step.kid)
    if (step.kind === 'retire') left = left.map((one) => (one.kid === step.kid ? { ...one, retiredAt: now } : one))
    if (step.kind === 'publish') {
      const activeAt = Math.max(now + of.keyRotation.publishAhead, step.notBefore)
      left.push(key(`made-${++made}`, activeAt, { createdAt: now, algorithm: of.algorithm }))
    }
  }
  return left
}
