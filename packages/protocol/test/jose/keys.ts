// Keys and tokens for the tests of this folder: one fresh key of every algorithm, made once for each process.
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import { ALGORITHMS } from '@countersign/protocol/jose/algorithm'
import type { PrivateJwk } from '@countersign/protocol/jose/jwk'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import type { Signer, Verifier } from '@countersign/protocol/jose/jws'
import { createSigner, createVerifier } from '@countersign/protocol/jose/jws'
import type { Expectations } from '@countersign/protocol/jose/jwt'

export interface KeyOfTest {
  readonly jwk: PrivateJwk
  readonly signer: Signer
  readonly verifier: Verifier
}

export const NAMES: readonly AlgorithmName[] = [...ALGORITHMS.keys()]

const made = new Map<AlgorithmName, Promise<KeyOfTest>>()

export const keyFor = (alg: AlgorithmName): Promise<KeyOfTest> => {
  const known = made.get(alg)
  if (known !== undefined) return known
  const fresh = freshKey(alg)
  made.set(alg, fresh)
  return fresh
}

export const freshKey = async (alg: AlgorithmName): Promise<KeyOfTest> => {
  const jwk = await generatePrivateJwk(alg)
  return { jwk, signer: createSigner(jwk), verifier: createVerifier(publicOf(jwk)) }
}

export const NOW = 1_800_000_000
export const ISSUER = 'https://login.example/realms/one'
export const AUDIENCE = 'https://api.example'

export const claimsOf = (changes: Record<string, unknown> = {}): Record<string, unknown> => ({
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'client-1',
  client_id: 'client-1',
  iat: NOW - 10,
  exp: NOW + 290,
  jti: 'token-1',
  ...changes,
})

export const expect = (changes: Partial<Expectations> = {}): Expectations => ({
  issuer: ISSUER,
  audience: [AUDIENCE],
  typ: ['at+jwt'],
  now: NOW,
  ...changes,
})

/** A compact token of any header and payload, signed by `sign` over whatever they are. */
export const forge = (header: unknown, payload: unknown, sign: (input: string) => string): string => {
  const encode = (part: unknown): string => Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(input)}`
}
