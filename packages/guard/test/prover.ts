// A client of the guard's tests that holds a key: tokens bound to it, and proofs to order.
import type { ProofContent } from '@countersign/protocol/jose/dpop'
import { createProofSigner, makeProof } from '@countersign/protocol/jose/dpop'
import { generatePrivateJwk } from '@countersign/protocol/jose/jwk'
import type { Guard, GuardOptions } from '../src/guard.ts'
import { guardWith, mint, NOW } from './realm.ts'

export const ORIGIN = 'https://api.example'
export const key = createProofSigner(await generatePrivateJwk('ES256'))
export const otherKey = createProofSigner(await generatePrivateJwk('ES256'))

let made = 0

/** For `GET /orders`, now, with this token; a new `jti` each time. */
export function prove(token: string, changes: Partial<ProofContent> = {}, by = key): string {
  made += 1
  return makeProof(by, { jti: `proof-${made}`, method: 'GET', url: `${ORIGIN}/orders`, issuedAt: NOW, accessToken: token, ...changes })
}

/** A good token bound to our key. */
export function bound(changes: Record<string, unknown> = {}): string {
  return mint({ cnf: { jkt: key.thumbprint }, ...changes })
}

/** Headers of a good request with that token. */
export function shown(token: string, changes: Partial<ProofContent> = {}): { authorization: string; dpop: string } {
  return { authorization: `DPoP ${token}`, dpop: prove(token, changes) }
}

export function dpopGuard(options: Partial<GuardOptions> = {}): Guard {
  return guardWith({ baseUrls: [ORIGIN], ...options })
}
