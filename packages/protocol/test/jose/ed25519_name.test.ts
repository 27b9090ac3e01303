// RFC 9864: what was `EdDSA` is `Ed25519` to newer libraries. One key, one algorithm, two names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importJWK, SignJWT } from 'jose'
import { algorithmOf } from '../../src/jose/algorithm.ts'
import { generatePrivateJwk, publicOf, readPublicJwk } from '../../src/jose/jwk.ts'
import { verifyJwt } from '../../src/jose/jwt.ts'
import { createKeySet } from '../../src/jose/key_set.ts'

const expectations = { issuer: 'https://issuer.example', audience: ['here'], typ: ['JWT'], now: 1000 }

test('a token signed under the newer name verifies with the key of the older one, with and without kid', async () => {
  const jwk = await generatePrivateJwk('EdDSA')
  const { alg: _, ...material } = jwk
  const key = await importJWK({ ...material, alg: 'Ed25519' }, 'Ed25519')
  for (const kid of [jwk.kid, undefined]) {
    const header = { alg: 'Ed25519', typ: 'JWT', ...(kid !== undefined && { kid }) }
    const token = await new SignJWT({ iss: expectations.issuer, aud: 'here', exp: 2000 }).setProtectedHeader(header).sign(key)
    assert.equal((await verifyJwt(token, expectations, createKeySet([publicOf(jwk)]))).algorithm, 'EdDSA')
  }
})

test('a key that comes under the newer name is kept under the one', async () => {
  const { alg: _, ...material } = publicOf(await generatePrivateJwk('EdDSA'))
  assert.equal(readPublicJwk({ ...material, alg: 'Ed25519' }).alg, 'EdDSA')
  assert.equal(algorithmOf('Ed448'), undefined)
})
