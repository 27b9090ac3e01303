// The published examples of RFC 7515, 7638 and 8037, as data.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { publicOf, readPrivateJwk, readPublicJwk, thumbprint } from '@countersign/protocol/jose/jwk'
import { createSigner, createVerifier } from '@countersign/protocol/jose/jws'

interface SignatureVector {
  readonly source: string
  readonly privateJwk: unknown
  readonly signingInput: string
  readonly signature: string
}
interface ThumbprintVector {
  readonly source: string
  readonly jwk: unknown
  readonly thumbprint: string
}

const load = (name: string): unknown => JSON.parse(readFileSync(new URL(`vectors/${name}.json`, import.meta.url), 'utf8'))

for (const vector of load('signatures') as readonly SignatureVector[]) {
  test(`The signature of ${vector.source} verifies, and is made again where the algorithm is deterministic`, () => {
    const jwk = readPrivateJwk(vector.privateJwk)
    const verifier = createVerifier(publicOf(jwk))
    assert.equal(verifier.verify(vector.signingInput, Buffer.from(vector.signature, 'base64url')), true)
    assert.equal(verifier.verify(`${vector.signingInput} `, Buffer.from(vector.signature, 'base64url')), false)
    const again = createSigner(jwk).sign(vector.signingInput)
    assert.equal(verifier.verify(vector.signingInput, Buffer.from(again, 'base64url')), true)
    assert.equal(again === vector.signature, verifier.algorithm.deterministic)
  })
}

for (const vector of load('thumbprints') as readonly ThumbprintVector[]) {
  test(`The thumbprint of ${vector.source} comes out`, () => {
    assert.equal(thumbprint(readPublicJwk(vector.jwk)), vector.thumbprint)
  })
}
