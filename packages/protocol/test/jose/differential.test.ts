// The `jose` package as an oracle: whatever one side signs the other accepts, for every algorithm.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publicOf, thumbprint, toPem } from '@countersign/protocol/jose/jwk'
import { createVerifier } from '@countersign/protocol/jose/jws'
import { signJwt, signJwtAsync, verifyJwt } from '@countersign/protocol/jose/jwt'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import fc from 'fast-check'
import * as jose from 'jose'
import { AUDIENCE, claimsOf, expect, ISSUER, keyFor, NAMES, NOW } from './keys.ts'

// jose 6 wants its own names for two members only: a plain copy serves as its key.
const forJose = (jwk: object): jose.JWK => ({ ...jwk })

const claimValue = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string(), { maxLength: 3 }),
)
const extraClaims = fc
  .dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), claimValue, { maxKeys: 5 })
  .map((extra) => Object.fromEntries(Object.entries(extra).filter(([name]) => name !== '__proto__')))

for (const alg of NAMES) {
  test(`What ${alg} signs here jose accepts`, async () => {
    const { jwk, signer } = await keyFor(alg)
    const key = await jose.importJWK(forJose(publicOf(jwk)), alg)
    await fc.assert(
      fc.asyncProperty(extraClaims, fc.boolean(), async (extra, pooled) => {
        const claims = { ...extra, ...claimsOf() }
        const token = pooled ? await signJwtAsync(signer, 'at+jwt', claims) : signJwt(signer, 'at+jwt', claims)
        const { payload, protectedHeader } = await jose.jwtVerify(token, key, {
          issuer: ISSUER,
          audience: AUDIENCE,
          typ: 'at+jwt',
          algorithms: [alg],
          currentDate: new Date(NOW * 1000),
        })
        assert.deepEqual({ ...payload }, claims)
        assert.deepEqual(protectedHeader, { alg, typ: 'at+jwt', kid: jwk.kid })
      }),
      { numRuns: 12 },
    )
  })

  test(`What jose signs with ${alg} is accepted here`, async () => {
    const { jwk } = await keyFor(alg)
    const key = await jose.importJWK(forJose(jwk), alg)
    const keys = createKeySet({ keys: [publicOf(jwk)] })
    await fc.assert(
      fc.asyncProperty(extraClaims, async (extra) => {
        const claims = { ...extra, ...claimsOf() }
        const token = await new jose.SignJWT(claims).setProtectedHeader({ alg, typ: 'at+jwt', kid: jwk.kid }).sign(key)
        const verified = await verifyJwt(token, expect(), keys)
        assert.deepEqual(verified.claims, claims)
        assert.equal(verified.algorithm, alg)
      }),
      { numRuns: 12 },
    )
  })

  test(`A key of ${alg} has the thumbprint and the PEM that jose gives it`, async () => {
    const { jwk } = await keyFor(alg)
    assert.equal(thumbprint(jwk), await jose.calculateJwkThumbprint(forJose(jwk)))
    assert.equal(jwk.kid, thumbprint(jwk))
    const imported = await jose.importSPKI(toPem(jwk), alg, { extractable: true })
    const { kid: _, alg: __, use: ___, ...material } = publicOf(jwk)
    const exported: Record<string, unknown> = { ...(await jose.exportJWK(imported)) }
    assert.deepEqual(Object.fromEntries(Object.keys(material).map((name) => [name, exported[name]])), material)
  })
}

test('A key that jose generates is read here, and the other way round', async () => {
  for (const alg of NAMES) {
    const pair = await jose.generateKeyPair(alg, { extractable: true })
    const keys = createKeySet([{ ...(await jose.exportJWK(pair.publicKey)), alg, kid: 'theirs' }])
    const token = await new jose.SignJWT(claimsOf()).setProtectedHeader({ alg, typ: 'at+jwt', kid: 'theirs' }).sign(pair.privateKey)
    assert.equal((await verifyJwt(token, expect(), keys)).subject, 'client-1')
    assert.equal(createVerifier(publicOf((await keyFor(alg)).jwk)).algorithm.name, alg)
  }
})
