// Keys as data: what is read, what is refused, what is dropped.
import assert from 'node:assert/strict'
import type { webcrypto } from 'node:crypto'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { ALGORITHMS, algorithmOf } from '@countersign/protocol/jose/algorithm'
import type { JoseErrorCode } from '@countersign/protocol/jose/error'
import { JoseError } from '@countersign/protocol/jose/error'
import { generatePrivateJwk, publicOf, readPrivateJwk, readPublicJwk, toPem } from '@countersign/protocol/jose/jwk'
import { createSigner, createVerifier } from '@countersign/protocol/jose/jws'
import { signJwt } from '@countersign/protocol/jose/jwt'
import { keyFor, NAMES } from './keys.ts'

const refusedAs = (code: JoseErrorCode) => (error: unknown) => {
  assert.ok(error instanceof JoseError, String(error))
  assert.equal(error.code, code, error.message)
  return true
}
const refuses = (value: unknown, code: JoseErrorCode): void => assert.throws(() => readPublicJwk(value), refusedAs(code))

const ec = publicOf((await keyFor('ES256')).jwk)
const rsa = publicOf((await keyFor('RS256')).jwk)
const okp = publicOf((await keyFor('EdDSA')).jwk)
const rsaOf = (modulusLength: number, publicExponent = 65537): webcrypto.JsonWebKey =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' })

test('The table has the ten asymmetric algorithms and nothing that needs a shared secret', () => {
  assert.deepEqual(NAMES, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])
  for (const name of ['none', 'HS256', 'HS384', 'HS512', 'toString', '', null, undefined, 256, {}])
    assert.equal(algorithmOf(name), undefined)
  for (const row of ALGORITHMS.values()) assert.ok(Object.isFrozen(row) && Object.isFrozen(row.options))
})

test('Deterministic algorithms sign the same twice, the others do not', async () => {
  for (const name of NAMES) {
    const { signer } = await keyFor(name)
    assert.equal(signer.sign('input') === (await signer.signAsync('input')), signer.algorithm.deterministic, name)
  }
})

test('A published key has public members only', async () => {
  for (const name of NAMES) {
    const { jwk } = await keyFor(name)
    const allowed = ['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y']
    for (const half of [publicOf(jwk), readPublicJwk(jwk), readPublicJwk({ ...jwk, x5u: 'http://a', k: 'secret', oth: [] })]) {
      assert.deepEqual(
        Object.keys(half).filter((member) => !allowed.includes(member)),
        [],
      )
      assert.deepEqual(half, publicOf(jwk))
    }
    assert.match(toPem(jwk), /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n$/)
  }
})

test('A key without alg gets the one its curve or kind implies, one without kid its thumbprint', () => {
  for (const jwk of [ec, rsa, okp]) {
    const { alg: _, kid: __, use: ___, ...material } = jwk
    assert.deepEqual(readPublicJwk(material), jwk)
  }
  assert.equal(readPublicJwk({ ...rsa, alg: 'PS512' }).alg, 'PS512')
})

test('Keys for another purpose, kind, curve or algorithm are unsupported', () => {
  for (const value of [
    { ...ec, use: 'enc' },
    { ...ec, use: null },
    { ...ec, key_ops: ['deriveKey'] },
    { ...ec, key_ops: [] },
    { ...ec, kty: 'oct' },
    { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' },
    { ...ec, alg: 'HS256' },
    { ...ec, alg: 'none' },
    { ...ec, alg: 'ECDH-ES' },
    { ...ec, alg: 'ES384' },
    { ...ec, alg: 'RS256' },
    { ...rsa, alg: 'ES256' },
    { ...ec, crv: 'P-384' },
    { kty: 'EC', crv: 'secp256k1', x: ec.kty === 'EC' ? ec.x : '', y: '' },
    { kty: 'OKP', crv: 'X25519', x: okp.kty === 'OKP' ? okp.x : '' },
    { ...okp, crv: 'Ed448' },
    {},
  ]) {
    refuses(value, 'unsupported')
  }
})

test('Broken members are malformed', () => {
  if (ec.kty !== 'EC' || okp.kty !== 'OKP' || rsa.kty !== 'RSA') throw new TypeError('the keys of this test are of other kinds')
  for (const value of [
    null,
    'key',
    [ec],
    { ...ec, x: undefined },
    { ...ec, x: 1 },
    { ...ec, x: '' },
    { ...ec, x: `${ec.x}=` },
    { ...ec, x: ec.x.slice(0, -2) },
    { ...ec, y: ec.x },
    { ...ec, x: 'A'.repeat(43), y: 'A'.repeat(43) },
    { ...ec, key_ops: 'verify' },
    { ...ec, kid: 1 },
    { ...ec, kid: '' },
    { ...ec, kid: 'a\n' },
    { ...ec, kid: 'k'.repeat(257) },
    { ...okp, x: 'AAAA' },
    { ...rsa, n: `AA${rsa.n}` },
    { ...rsa, n: 'A'.repeat(100_000) },
    { ...rsa, e: 'AAEAAQ' },
    Object.create(ec),
  ].filter((value) => value !== undefined)) {
    assert.throws(() => readPublicJwk(value), JoseError)
  }
  refuses({ ...ec, y: ec.x }, 'malformed')
  refuses({ ...ec, x: `${ec.x}=` }, 'malformed')
})

test('A coordinate has one spelling: no zero byte more than the curve has', () => {
  if (ec.kty !== 'EC') throw new TypeError('the key of this test is of another kind')
  const longer = Buffer.concat([Buffer.from([0]), Buffer.from(ec.x, 'base64url')]).toString('base64url')
  refuses({ ...ec, x: longer }, 'malformed')
})

test('RSA keys are held to 2048 to 8192 bits and an odd exponent above 1', () => {
  refuses(rsaOf(1024), 'unsupported')
  refuses(rsaOf(2040), 'unsupported')
  assert.equal(readPublicJwk(rsaOf(2048, 3)).kty, 'RSA')
  assert.equal(readPublicJwk(rsaOf(2056)).kty, 'RSA')
  const bytes = (length: number): string => Buffer.alloc(length, 255).toString('base64url')
  assert.equal(readPublicJwk({ ...rsa, n: bytes(1024) }).kty, 'RSA')
  refuses({ ...rsa, n: bytes(1025) }, 'malformed')
  for (const e of ['AQ', 'Ag', 'AQAA']) refuses({ ...rsa, e }, 'unsupported')
  refuses({ ...rsa, e: bytes(9) }, 'unsupported')
  refuses({ ...rsa, n: Buffer.alloc(256, 254).toString('base64url') }, 'malformed')
})

test('A private key survives a store, and is refused with halves that do not match', async () => {
  for (const name of NAMES) {
    const { jwk, verifier } = await keyFor(name)
    const again = readPrivateJwk(JSON.parse(JSON.stringify(jwk)))
    assert.deepEqual(again, jwk)
    assert.equal(verifier.verify('text', Buffer.from(createSigner(again).sign('text'), 'base64url')), true)
    const other = await generatePrivateJwk(name)
    assert.throws(() => createSigner(readPrivateJwk({ ...other, ...publicOf(jwk) })), refusedAs('malformed'))
    assert.throws(() => readPrivateJwk(publicOf(jwk)), refusedAs('malformed'))
  }
})

test('No error about a private key quotes it', async () => {
  const { jwk } = await keyFor('RS256')
  assert.throws(
    () => createSigner(readPrivateJwk({ ...jwk, p: 'AQAB' })),
    (error) => error instanceof JoseError && !error.message.includes('AQAB') && error.cause === undefined,
  )
})

test('A signer keeps one header for each type, and verification never throws', async () => {
  const { signer, verifier, jwk } = await keyFor('ES256')
  assert.deepEqual(JSON.parse(Buffer.from(signer.header('at+jwt'), 'base64url').toString()), { alg: 'ES256', typ: 'at+jwt', kid: jwk.kid })
  for (let i = 0; i < 100; i++) assert.equal(signer.header(`type-${i}`), signer.header(`type-${i}`))
  assert.ok(signJwt(signer, 'JWT', {}).startsWith(`${signer.header('JWT')}.`))
  for (const length of [0, 1, 64, 1000]) assert.equal(verifier.verify('text', new Uint8Array(length)), false)
  assert.equal(createVerifier(publicOf(jwk)).verify('ÿ\u0141', Buffer.from(signer.sign('ÿ\u0141'), 'base64url')), true)
  assert.equal(verifier.verify('ÿA', Buffer.from(signer.sign('ÿ\u0141'), 'base64url')), false)
})
