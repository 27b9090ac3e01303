// Tokens seen by somebody else's eyes: the `jose` package, with the keys that the realm serves.
import assert from 'node:assert/strict'
import type { JWTPayload, ProtectedHeaderParameters } from 'jose'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { send } from './http.ts'

export interface Seen {
  readonly header: ProtectedHeaderParameters
  readonly claims: JWTPayload
}

/** @param issuerPath path of the realm whose metadata names the keys: `/realms/willba` */
export async function verifiedByJose(origin: string, issuerPath: string, token: string, audience: string): Promise<Seen> {
  const metadata = await send(`${origin}${issuerPath}/.well-known/openid-configuration`)
  assert.equal(metadata.status, 200)
  const { jwks_uri, issuer } = metadata.json
  assert.ok(typeof jwks_uri === 'string' && typeof issuer === 'string')
  const keys = (await send(jwks_uri)).json as unknown as Parameters<typeof createLocalJWKSet>[0]
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, audience })
  return { header: protectedHeader, claims: payload }
}

/** That every answer of a token endpoint, good or bad, is a JSON object that no cache keeps. */
export function assertUncached(headers: Headers): void {
  assert.match(headers.get('content-type') ?? '', /^application\/json\b/)
  assert.equal(headers.get('cache-control'), 'no-store')
}

/** RFC 6749 section 5.2: the code, its status, and one sentence in the character set of error_description. */
export function assertRefused(answer: { status: number; json: Record<string, unknown> }, status: number, error: string): void {
  assert.deepEqual([answer.status, answer.json['error']], [status, error], JSON.stringify(answer.json))
  assert.match(String(answer.json['error_description']), /^[\x20-\x21\x23-\x5b\x5d-\x7e]{8,300}$/)
}
