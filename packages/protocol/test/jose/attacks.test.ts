// Attacks first: every forged, bent or stretched token is refused with the right code, and no message quotes the token.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import type { JoseErrorCode } from '@countersign/protocol/jose/error'
import { JoseError } from '@countersign/protocol/jose/error'
import { publicOf, toPem } from '@countersign/protocol/jose/jwk'
import type { Expectations } from '@countersign/protocol/jose/jwt'
import { readJwt, signJwt, verifyJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import fc from 'fast-check'
import { AUDIENCE, claimsOf, expect, forge, freshKey, ISSUER, keyFor, NAMES, NOW } from './keys.ts'

const es = await keyFor('ES256')
const rs = await keyFor('RS256')
const ed = await keyFor('EdDSA')
const keys = createKeySet([publicOf(es.jwk), publicOf(rs.jwk), publicOf(ed.jwk)])

const refused = (token: string, code: JoseErrorCode, expectations: Expectations = expect(), source: KeySource = keys): void => {
  assert.throws(
    () => verifyJwt(token, expectations, source),
    (error) => {
      assert.ok(error instanceof JoseError, String(error))
      assert.equal(error.code, code, error.message)
      assert.match(error.message, /^[A-Z][^\n]{5,160}\.$/)
      return true
    },
  )
}
const withClaims = (changes: Record<string, unknown>): string => signJwt(es.signer, 'at+jwt', claimsOf(changes))
const header = { alg: 'ES256', typ: 'at+jwt', kid: es.jwk.kid }
const good = withClaims({})

test('A good token is accepted, at once', () => {
  const verified = verifyJwt(good, expect(), keys)
  assert.ok(!(verified instanceof Promise))
  assert.deepEqual(verified.claims, claimsOf())
  assert.deepEqual([verified.issuer, verified.audience, verified.subject, verified.tokenId], [ISSUER, [AUDIENCE], 'client-1', 'token-1'])
  assert.deepEqual([verified.expiresAt, verified.issuedAt], [NOW + 290, NOW - 10])
})

test('alg none is refused in every spelling, with and without a signature', () => {
  for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
    refused(
      forge({ ...header, alg }, claimsOf(), () => ''),
      'malformed',
    )
    refused(
      forge({ ...header, alg }, claimsOf(), (input) => es.signer.sign(input)),
      'unsupported',
    )
  }
})

test('A public key used as an HMAC secret opens nothing', () => {
  for (const [alg, hash] of [
    ['HS256', 'sha256'],
    ['HS384', 'sha384'],
    ['HS512', 'sha512'],
  ] as const) {
    for (const secret of [toPem(rs.jwk), toPem(rs.jwk).trim(), JSON.stringify(publicOf(rs.jwk))]) {
      const token = forge({ ...header, alg, kid: rs.jwk.kid }, claimsOf(), (input) =>
        createHmac(hash, secret).update(input).digest('base64url'),
      )
      refused(token, 'unsupported')
    }
  }
})

test('A header alg other than the one of the key is refused, even if the signature would verify', () => {
  for (const alg of NAMES.filter((name) => name !== 'RS256')) {
    refused(
      forge({ ...header, alg, kid: rs.jwk.kid }, claimsOf(), (input) => rs.signer.sign(input)),
      'unsupported',
    )
  }
})

test('A header alg that is not a string names no algorithm', () => {
  for (const alg of [null, 1, true, ['ES256'], { name: 'ES256' }, undefined]) {
    refused(
      forge({ ...header, alg }, claimsOf(), (input) => es.signer.sign(input)),
      'malformed',
    )
  }
  for (const alg of ['', 'es256', 'ES256 ', 'ES256\u0000', 'toString', '__proto__', 'ES256K']) {
    refused(
      forge({ ...header, alg }, claimsOf(), (input) => es.signer.sign(input)),
      'unsupported',
    )
  }
})

test('The kid of another key does not verify, and an unknown kid is unknown', async () => {
  const other = await freshKey('ES256')
  refused(
    forge({ ...header, kid: es.jwk.kid }, claimsOf(), (input) => other.signer.sign(input)),
    'bad_signature',
  )
  refused(signJwt(other.signer, 'at+jwt', claimsOf()), 'unknown_key')
  const two = createKeySet([publicOf(es.jwk), publicOf(other.jwk)])
  refused(
    forge({ ...header, kid: other.jwk.kid }, claimsOf(), (input) => es.signer.sign(input)),
    'bad_signature',
    expect(),
    two,
  )
})

test('A kid that is no short printable string is refused', () => {
  for (const kid of [1, null, ['a'], {}, '', 'a\u0000b', 'a\nb', 'k'.repeat(257)]) {
    refused(
      forge({ ...header, kid }, claimsOf(), (input) => es.signer.sign(input)),
      'malformed',
    )
  }
})

test('Without a kid only an unambiguous key is taken', async () => {
  const { kid: _, ...nameless } = header
  const token = forge(nameless, claimsOf(), (input) => es.signer.sign(input))
  assert.equal((await verifyJwt(token, expect(), keys)).subject, 'client-1')
  const other = await freshKey('ES256')
  refused(token, 'unknown_key', expect(), createKeySet([publicOf(es.jwk), publicOf(other.jwk)]))
})

test('A key or a link to keys in the header is never used', async () => {
  const mallory = await freshKey('ES256')
  const lures = [{ jwk: publicOf(mallory.jwk) }, { jku: 'http://127.0.0.1:9/' }, { x5u: 'http://127.0.0.1:9/' }, { x5c: ['MIIB'] }]
  for (const lure of lures) {
    const named = { alg: 'ES256', typ: 'at+jwt', kid: mallory.jwk.kid, ...lure }
    refused(
      forge(named, claimsOf(), (input) => mallory.signer.sign(input)),
      'unknown_key',
    )
    refused(
      forge({ ...named, kid: es.jwk.kid }, claimsOf(), (input) => mallory.signer.sign(input)),
      'bad_signature',
    )
    const harmless = forge({ ...header, ...lure }, claimsOf(), (input) => es.signer.sign(input))
    assert.equal((await verifyJwt(harmless, expect(), keys)).subject, 'client-1')
  }
})

test('Critical extensions and unencoded payloads are refused', () => {
  for (const extra of [
    { crit: ['exp'], exp: 1 },
    { crit: [] },
    { crit: null },
    { b64: false, crit: ['b64'] },
    { b64: false },
    { b64: 'true' },
  ]) {
    refused(
      forge({ ...header, ...extra }, claimsOf(), (input) => es.signer.sign(input)),
      'unsupported',
    )
  }
})

test('Encrypted tokens are named as such, other numbers of parts are malformed', () => {
  refused('eyJhbGciOiJkaXIifQ..a.b.c', 'unsupported')
  for (const token of ['', '.', '..', 'a', 'a.b', 'a.b.c.d', `${good}.`, `.${good}`, `${good}.a.b.c`, good.replace('.', '')]) {
    assert.throws(() => readJwt(token), JoseError)
  }
})

test('Oversized tokens and headers are refused before they are read', () => {
  refused('a'.repeat(2 ** 20), 'malformed')
  refused('.'.repeat(2 ** 20), 'malformed')
  refused(`${good}${'A'.repeat(2 ** 20)}`, 'malformed')
  refused(
    forge({ ...header, pad: 'x'.repeat(4096) }, claimsOf(), (input) => es.signer.sign(input)),
    'malformed',
  )
  assert.throws(() => readJwt(good, { maxLength: good.length - 1 }), JoseError)
  assert.deepEqual(readJwt(good, { maxLength: good.length }).claims, claimsOf())
})

test('Deep, wide and duplicated JSON is refused in header and payload', () => {
  const sign = (input: string): string => es.signer.sign(input)
  const payload = JSON.stringify(claimsOf())
  const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`
  const bent = [
    payload.replace('{', `{"deep":${deep},`),
    payload.replace('{', '{"sub":"admin",'),
    payload.replace('{', '{"s\\u0075b":"admin",'),
    payload.replace('{', '{"act":{"sub":"a","sub":"b"},'),
    payload.replace('{', '{"__proto__":{"admin":true},'),
    payload.replace('{', '{"list":[{"__proto__":1}],'),
    payload.replace('{', '{"big":1e400,'),
    payload.replace('{', '{"half":"\\ud800",'),
    payload.replace('{', `{"wide":[${'1,'.repeat(1500)}1],`),
    `\ufeff${payload}`,
    `${payload} {}`,
    payload.slice(0, -1),
    '[]',
    'null',
    '"text"',
    '1',
    '""',
  ]
  for (const text of bent) refused(forge(header, text, sign), 'malformed')
  const head = JSON.stringify(header)
  for (const text of [head.replace('{', '{"alg":"none",'), head.replace('{', '{"kid":"a",'), '[]', 'null', '{}', `\ufeff${head}`]) {
    refused(forge(text, payload, sign), 'malformed')
  }
})

test('Bytes that are not UTF-8 are refused', () => {
  const bytes = Buffer.concat([
    Buffer.from(JSON.stringify(claimsOf()).slice(0, -1)),
    Buffer.from(',"x":"'),
    Buffer.from([0xff, 0xc0, 0xaf]),
    Buffer.from('"}'),
  ])
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${bytes.toString('base64url')}`
  refused(`${input}.${es.signer.sign(input)}`, 'malformed')
})

test('Only canonical base64url is read', () => {
  const [head = '', body = '', signature = ''] = good.split('.')
  for (const bent of [
    `${signature}=`,
    `${signature}==`,
    ` ${signature}`,
    `${signature}\n`,
    signature.replace(/.$/, '+'),
    `${signature}AAA`,
    'ü',
    '%41',
  ]) {
    refused(`${head}.${body}.${bent}`, 'malformed')
    refused(`${head}.${bent}.${signature}`, 'malformed')
  }
  // 64 bytes leave four spare bits in the last of 86 characters: A, Q, g and w carry none of them.
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(signature.at(-1) ?? '')
  for (let spare = 1; spare < 16; spare++) {
    const twin = `${signature.slice(0, -1)}${alphabet[last + spare]}`
    assert.deepEqual(Buffer.from(twin, 'base64url'), Buffer.from(signature, 'base64url'))
    refused(`${head}.${body}.${twin}`, 'malformed')
  }
})

test('A signature of zeros, of the wrong length or in DER is refused', () => {
  const resign = (make: (input: string) => Buffer): string => forge(header, claimsOf(), (input) => make(input).toString('base64url'))
  for (const length of [1, 32, 63, 64, 65, 128, 256])
    refused(
      resign(() => Buffer.alloc(length)),
      'bad_signature',
    )
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  refused(
    resign(() => Buffer.concat([order, order])),
    'bad_signature',
  )
  refused(
    resign((input) => derOf(Buffer.from(es.signer.sign(input), 'base64url'))),
    'bad_signature',
  )
  refused(
    resign((input) => Buffer.concat([Buffer.from(es.signer.sign(input), 'base64url'), Buffer.from([0])])),
    'bad_signature',
  )
  const rsHeader = { ...header, alg: 'RS256', kid: rs.jwk.kid }
  for (const bytes of [Buffer.alloc(256), Buffer.alloc(256, 255), Buffer.alloc(255, 1), Buffer.alloc(257)]) {
    refused(
      forge(rsHeader, claimsOf(), () => bytes.toString('base64url')),
      'bad_signature',
    )
  }
  const edHeader = { ...header, alg: 'EdDSA', kid: ed.jwk.kid }
  refused(
    forge(edHeader, claimsOf(), () => Buffer.alloc(64).toString('base64url')),
    'bad_signature',
  )
})

const derOf = (raw: Buffer): Buffer => {
  const integer = (bytes: Buffer): Buffer => {
    const padded = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes
    return Buffer.concat([Buffer.from([2, padded.length]), padded])
  }
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([48, body.length]), body])
}

test('Times must be numbers, and are compared to the second and its fractions', async () => {
  for (const exp of [String(NOW + 100), null, true, [NOW + 100], {}, -1]) refused(withClaims({ exp }), 'bad_claims')
  refused(withClaims({ exp: undefined }), 'bad_claims')
  for (const name of ['nbf', 'iat']) refused(withClaims({ [name]: String(NOW) }), 'bad_claims')
  refused(withClaims({ exp: NOW }), 'expired')
  refused(withClaims({ exp: NOW - 0.001 }), 'expired')
  assert.equal((await verifyJwt(withClaims({ exp: NOW + 0.5 }), expect(), keys)).expiresAt, NOW + 0.5)
  refused(withClaims({ exp: NOW + 0.5 }), 'expired', expect({ now: NOW + 0.5 }))
  refused(withClaims({ nbf: NOW + 1 }), 'not_yet_valid')
  refused(withClaims({ iat: NOW + 1 }), 'not_yet_valid')
  refused(good, 'expired', expect({ now: Number.NaN }))
})

test('The clock tolerance widens both ends by just as much', async () => {
  const tolerant = expect({ clockTolerance: 5 })
  for (const changes of [{ exp: NOW - 4 }, { nbf: NOW + 5 }, { iat: NOW + 5 }]) await verifyJwt(withClaims(changes), tolerant, keys)
  refused(withClaims({ exp: NOW - 5 }), 'expired', tolerant)
  refused(withClaims({ nbf: NOW + 6 }), 'not_yet_valid', tolerant)
  refused(withClaims({ iat: NOW + 6 }), 'not_yet_valid', tolerant)
})

test('A lifetime bound needs iat and holds', async () => {
  await verifyJwt(good, expect({ maxLifetime: 300 }), keys)
  refused(good, 'bad_claims', expect({ maxLifetime: 299 }))
  refused(withClaims({ iat: undefined }), 'bad_claims', expect({ maxLifetime: 300 }))
})

test('The audience is mandatory, and one of ours', async () => {
  for (const aud of [undefined, 'https://other.example', [], ['https://other.example'], `${AUDIENCE}/`, AUDIENCE.slice(0, -1), '']) {
    refused(withClaims({ aud }), 'wrong_audience')
  }
  for (const aud of [null, 1, { [AUDIENCE]: true }, [AUDIENCE, 1], [[AUDIENCE]]]) refused(withClaims({ aud }), 'bad_claims')
  assert.deepEqual((await verifyJwt(withClaims({ aud: ['x', AUDIENCE] }), expect(), keys)).audience, ['x', AUDIENCE])
  assert.throws(() => verifyJwt(good, expect({ audience: [] }), keys), TypeError)
})

test('The issuer is compared as a whole, never as a prefix', () => {
  for (const iss of [
    `${ISSUER}/`,
    `${ISSUER}2`,
    ISSUER.slice(0, -1),
    ISSUER.toUpperCase(),
    ` ${ISSUER}`,
    '',
    undefined,
    null,
    [ISSUER],
    1,
  ]) {
    refused(withClaims({ iss }), 'wrong_issuer')
  }
  assert.throws(() => verifyJwt(good, expect({ issuer: '' }), keys), TypeError)
})

test('A token without a type is accepted only where that is said, and an empty type is none', async () => {
  const { typ: _, ...untyped } = header
  const bare = forge(untyped, claimsOf(), (input) => es.signer.sign(input))
  refused(bare, 'wrong_type')
  const relaxed = expect({ typ: ['JWT', ''] })
  assert.equal((await verifyJwt(bare, relaxed, keys)).subject, 'client-1')
  assert.equal((await verifyJwt(bare, expect({ typ: [''] }), keys)).subject, 'client-1')
  await verifyJwt(signJwt(es.signer, 'jwt', claimsOf()), relaxed, keys)
  for (const typ of ['', 'application/', 'at+jwt']) refused(signJwt(es.signer, typ, claimsOf()), 'wrong_type', relaxed)
})

test('The type is compared without case, with or without application/', async () => {
  for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt']) {
    await verifyJwt(signJwt(es.signer, typ, claimsOf()), expect(), keys)
    await verifyJwt(good, expect({ typ: ['other', typ] }), keys)
  }
  for (const typ of ['JWT', 'jwt', 'at+jwt2', 'text/at+jwt', 'application/application/at+jwt', ''])
    refused(signJwt(es.signer, typ, claimsOf()), 'wrong_type')
  refused(
    forge({ alg: 'ES256', kid: es.jwk.kid }, claimsOf(), (input) => es.signer.sign(input)),
    'wrong_type',
  )
  for (const typ of [1, null, ['at+jwt']])
    refused(
      forge({ ...header, typ }, claimsOf(), (input) => es.signer.sign(input)),
      'malformed',
    )
  assert.throws(() => verifyJwt(good, expect({ typ: [] }), keys), TypeError)
})

test('Required claims must be there with exactly their value', async () => {
  const bearer = expect({ requiredClaims: { typ: 'Bearer' } })
  await verifyJwt(withClaims({ typ: 'Bearer' }), bearer, keys)
  for (const typ of [undefined, 'bearer', 'ID', ['Bearer'], null, 1]) refused(withClaims({ typ }), 'bad_claims', bearer)
  refused(good, 'bad_claims', expect({ requiredClaims: { toString: undefined, constructor: Object } }))
  for (const changes of [{ sub: 1 }, { sub: null }, { sub: ['a'] }, { jti: 1 }]) refused(withClaims(changes), 'bad_claims')
})

test('The accepted algorithms can be narrowed', async () => {
  await verifyJwt(good, expect({ algorithms: ['ES256'] }), keys)
  refused(good, 'unsupported', expect({ algorithms: ['RS256'] }))
  refused(good, 'unsupported', expect({ algorithms: [] }))
})

test('A key source that answers later gives a promise that rejects with the same codes', async () => {
  const later: KeySource = { find: (kid, alg) => Promise.resolve(keys.find(kid, alg)) }
  const pending = verifyJwt(good, expect(), later)
  assert.ok(pending instanceof Promise)
  assert.equal((await pending).subject, 'client-1')
  await assert.rejects(async () => verifyJwt(withClaims({ exp: 1 }), expect(), later), { name: 'JoseError', code: 'expired' })
})

for (const [name, key] of [
  ['ES256', es],
  ['RS256', rs],
  ['EdDSA', ed],
] as const) {
  test(`No token of ${name} with one character changed, added or removed is accepted`, () => {
    const token = signJwt(key.signer, 'at+jwt', claimsOf())
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= +/\n\u0000é'
    const character = fc.nat(alphabet.length - 1).map((index) => alphabet.charAt(index))
    fc.assert(
      fc.property(fc.nat(token.length), character, fc.constantFrom('changed', 'added', 'removed'), (at, char, kind) => {
        const mutated = token.slice(0, at) + (kind === 'removed' ? '' : char) + token.slice(kind === 'added' ? at : at + 1)
        if (mutated === token) return
        assert.throws(() => verifyJwt(mutated, expect(), keys), JoseError)
      }),
      { numRuns: 2000 },
    )
  })
}

test('Whatever text is read as a token is read or refused, never anything else', () => {
  const part = fc.oneof(
    fc.base64String().map((text) => text.replaceAll('=', '')),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.string(),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.tuple(part, part, part).map((parts) => parts.join('.')),
        fc.string({ unit: 'binary' }),
      ),
      (token) => {
        try {
          readJwt(token)
        } catch (error) {
          assert.ok(error instanceof JoseError, String(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})
