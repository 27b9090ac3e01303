// DPoP proofs under attack: each check of RFC 9449 section 4.3 on its own, then any change at all.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ProofContent, ProofRequest } from '@countersign/protocol/jose/dpop'
import { checkProof, createProofSigner, makeProof, PROOF_ALGORITHMS, PROOF_LEAD, PROOF_LIFETIME } from '@countersign/protocol/jose/dpop'
import { publicOf } from '@countersign/protocol/jose/jwk'
import type { ProofErrorCode } from '@countersign/protocol/jose/proof_error'
import { ProofError } from '@countersign/protocol/jose/proof_error'
import fc from 'fast-check'
import * as jose from 'jose'
import { forge, freshKey, keyFor, NAMES, NOW } from './keys.ts'

const URL_OF_ORDERS = 'https://api.example/orders'
const TOKEN = 'an.access.token'
const { jwk, signer } = await keyFor('ES256')
const byMine = (input: string): string => signer.sign(input)
const mine = createProofSigner(jwk)
const other = createProofSigner((await freshKey('ES256')).jwk)
const token = { text: TOKEN, binding: mine.thumbprint }

const content = (changes: Partial<ProofContent> = {}): ProofContent => ({
  jti: 'jti-1',
  method: 'GET',
  url: URL_OF_ORDERS,
  issuedAt: NOW,
  accessToken: TOKEN,
  ...changes,
})
const request = (changes: Partial<ProofRequest> = {}): ProofRequest => ({
  method: 'GET',
  urls: [URL_OF_ORDERS],
  now: NOW,
  token,
  ...changes,
})

const { kid: _kid, alg: _alg, use: _use, ...material } = publicOf(jwk)
const HEADER = { typ: 'dpop+jwt', alg: 'ES256', jwk: material }
const CLAIMS = {
  jti: 'jti-1',
  htm: 'GET',
  htu: URL_OF_ORDERS,
  iat: NOW,
  ath: await sha256(TOKEN),
}

async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text))).toString('base64url')
}

/** Signed by our key, whatever it says; a member that is undefined is left out. */
const signed = (header: object = {}, claims: object = {}): string => forge({ ...HEADER, ...header }, { ...CLAIMS, ...claims }, byMine)

const refused = (proof: string | readonly string[], code: ProofErrorCode, changes: Partial<ProofRequest> = {}): void => {
  assert.throws(
    () => checkProof(proof, request(changes)),
    (error) => error instanceof ProofError && error.code === code,
    `${code}: ${String(proof).slice(0, 200)}`,
  )
}

interface Vector {
  readonly source: string
  readonly proof: string
  readonly method: string
  readonly url: string
  readonly issuedAt: number
  readonly thumbprint: string
  readonly accessToken?: string
}
const VECTORS = JSON.parse(readFileSync(new URL('vectors/proofs.json', import.meta.url), 'utf8')) as readonly Vector[]

for (const { source, proof, method, url, issuedAt, thumbprint, accessToken } of VECTORS) {
  test(`the proof of ${source} passes, and is only for its own request`, () => {
    const good: ProofRequest = {
      method,
      urls: [url],
      now: issuedAt,
      token: accessToken === undefined ? undefined : { text: accessToken, binding: thumbprint },
    }
    assert.equal(checkProof(proof, good).key.thumbprint, thumbprint)
    for (const changes of [{ method: 'PUT' }, { urls: [`${url}/x`] }, { now: issuedAt + 3600 }, { token }]) {
      assert.throws(() => checkProof(proof, { ...good, ...changes }), ProofError)
    }
  })
}

const rsa = await keyFor('RS256')
const { kid: _rsaKid, alg: _rsaAlg, use: _rsaUse, ...rsaMaterial } = publicOf(rsa.jwk)
const byRsa = (input: string): string => rsa.signer.sign(input)
const foreign = (await freshKey('ES256')).signer
const byForeign = (input: string): string => foreign.sign(input)
const good = makeProof(mine, content())

/** The twelve checks, in the order of the RFC. */
const CASES: readonly (readonly [
  check: string,
  proof: string | readonly string[],
  code: ProofErrorCode,
  changes?: Partial<ProofRequest>,
])[] = [
  ['1: two header fields, joined', `${good}, ${makeProof(mine, content({ jti: 'jti-2' }))}`, 'repeated'],
  ['1: one field twice, joined without a space', `${good},${good}`, 'repeated'],
  ['1: two header fields, kept apart', [good, good], 'repeated'],
  ['1: an empty list of fields', [], 'repeated'],
  ['2: nothing', '', 'malformed'],
  ['2: a word', 'proof', 'malformed'],
  ['2: a part too few', good.slice(0, good.lastIndexOf('.')), 'malformed'],
  ['2: no signature', good.slice(0, good.lastIndexOf('.') + 1), 'malformed'],
  ['2: a space behind it', `${good} `, 'malformed'],
  ['2: padding', `${good}=`, 'malformed'],
  ['2: a payload that is no object', forge(HEADER, '[]', byMine), 'malformed'],
  ['2: a claim twice', forge(HEADER, JSON.stringify(CLAIMS).replace('{', '{"htu":"https://evil.example/",'), byMine), 'malformed'],
  ['2: critical extensions', signed({ crit: ['b64'], b64: false }), 'malformed'],
  ['2: encrypted', 'a.b.c.d.e', 'malformed'],
  ['2: too long', signed({}, { padding: 'x'.repeat(8192) }), 'malformed'],
  ['2: very much too long', 'a'.repeat(10_000_000), 'malformed'],
  ['2: far too deep', forge(HEADER, `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`, byMine), 'malformed'],
  ['3: no jti', signed({}, { jti: undefined }), 'bad_claims'],
  ['3: an empty jti', signed({}, { jti: '' }), 'bad_claims'],
  ['3: a jti that is a number', signed({}, { jti: 1 }), 'bad_claims'],
  ['3: a jti of 201 characters', signed({}, { jti: 'j'.repeat(201) }), 'bad_claims'],
  ['3: no htm', signed({}, { htm: undefined }), 'bad_claims'],
  ['3: no htu', signed({}, { htu: undefined }), 'bad_claims'],
  ['3: an htu that is a list', signed({}, { htu: [URL_OF_ORDERS] }), 'bad_claims'],
  ['3: no iat', signed({}, { iat: undefined }), 'bad_claims'],
  ['3: an iat in quotes', signed({}, { iat: String(NOW) }), 'bad_claims'],
  ['3: an iat before all time', signed({}, { iat: -1 }), 'bad_claims'],
  ['4: no typ', signed({ typ: undefined }), 'wrong_type'],
  ['4: an access token', signed({ typ: 'at+jwt' }), 'wrong_type'],
  ['4: any JWT', signed({ typ: 'JWT' }), 'wrong_type'],
  ['4: almost the typ', signed({ typ: 'dpop+jwt2' }), 'wrong_type'],
  ['5: none', forge({ ...HEADER, alg: 'none' }, CLAIMS, () => 'AA'), 'unsupported'],
  ['5: HS256', forge({ ...HEADER, alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, CLAIMS, () => 'AA'), 'unsupported'],
  ['5: an alg nobody has', signed({ alg: 'ES257' }), 'unsupported'],
  ['5: an alg of another kind of key', signed({ alg: 'EdDSA' }), 'bad_key'],
  ['5: the alg of another curve', signed({ alg: 'ES384' }), 'bad_key'],
  ['5: a key that says it is for another alg', signed({ jwk: { ...material, alg: 'ES384' } }), 'bad_key'],
  ['5: PKCS #1 with a key for PSS', forge({ ...HEADER, alg: 'RS256', jwk: { ...rsaMaterial, alg: 'PS256' } }, CLAIMS, byRsa), 'bad_key'],
  ['6: signed by another key', forge(HEADER, CLAIMS, byForeign), 'bad_signature', { token: undefined }],
  ['6: a signature of nothing', forge(HEADER, CLAIMS, () => Buffer.alloc(64).toString('base64url')), 'bad_signature'],
  ['6: a signature in DER', forge(HEADER, CLAIMS, () => Buffer.alloc(70, 0x30).toString('base64url')), 'bad_signature'],
  ['6: no key', signed({ jwk: undefined }), 'bad_key'],
  ['6: a key by name only', signed({ jwk: undefined, kid: jwk.kid, jku: 'https://evil.example/keys' }), 'bad_key'],
  ['6: a key as text', signed({ jwk: JSON.stringify(material) }), 'bad_key'],
  ['6: a point off its curve', signed({ jwk: { ...material, y: 'x' in material ? material.x : '' } }), 'bad_key'],
  ['6: a key for encryption', signed({ jwk: { ...material, use: 'enc' } }), 'bad_key'],
  ['7: a private key', signed({ jwk: { ...material, d: jwk.kty === 'EC' ? jwk.d : '' } }), 'bad_key'],
  ['7: a private member that holds nothing', signed({ jwk: { ...material, d: null } }), 'bad_key'],
  ['7: the primes of an RSA key', forge({ ...HEADER, alg: 'RS256', jwk: { ...rsaMaterial, oth: [] } }, CLAIMS, byRsa), 'bad_key'],
  ['8: another method', good, 'wrong_method', { method: 'POST' }],
  ['8: the method in another case', signed({}, { htm: 'get' }), 'wrong_method'],
  ['8: HEAD for GET', good, 'wrong_method', { method: 'HEAD' }],
  ['9: another path', good, 'wrong_url', { urls: ['https://api.example/admin'] }],
  ['9: another scheme', good, 'wrong_url', { urls: ['http://api.example/orders'] }],
  ['9: another host', good, 'wrong_url', { urls: ['https://other.example/orders'] }],
  ['9: another port', good, 'wrong_url', { urls: ['https://api.example:8443/orders'] }],
  ['9: no URL at all', good, 'wrong_url', { urls: [] }],
  ['9: a path alone', signed({}, { htu: '/orders' }), 'wrong_url'],
  ['9: credentials before the host', signed({}, { htu: 'https://api.example@evil.example/orders' }), 'wrong_url'],
  ['9: an escaped slash', signed({}, { htu: 'https://api.example/x%2f..%2forders' }), 'wrong_url'],
  ['9: dots escaped twice', signed({}, { htu: 'https://api.example/x/%252e%252e/orders' }), 'wrong_url'],
  ['9: a backslash', signed({}, { htu: 'https://api.example\\orders' }), 'wrong_url'],
  ['9: a line feed', signed({}, { htu: `${URL_OF_ORDERS}\n` }), 'wrong_url'],
  ['10: no nonce where one was handed out', good, 'wrong_nonce', { nonce: 'n-1' }],
  ['10: another nonce', makeProof(mine, content({ nonce: 'n-2' })), 'wrong_nonce', { nonce: 'n-1' }],
  ['11: too old', good, 'expired', { now: NOW + PROOF_LIFETIME }],
  ['11: too far in the future', good, 'not_yet_valid', { now: NOW - PROOF_LEAD - 0.001 }],
  ['11: infinitely far in the future', forge(HEADER, JSON.stringify(CLAIMS).replace(String(NOW), '1e300'), byMine), 'not_yet_valid'],
  ['11: at no time', good, 'expired', { now: Number.NaN }],
  ['12: no ath', makeProof(mine, content({ accessToken: undefined })), 'wrong_token'],
  ['12: for another token', makeProof(mine, content({ accessToken: 'another.access.token' })), 'wrong_token'],
  ['12: by another key than the token is bound to', makeProof(other, content()), 'wrong_key'],
]

for (const [check, proof, code, changes] of CASES) {
  test(`check ${check}`, () => refused(proof, code, changes))
}

test('what the table changes is what is wrong: unchanged all of it passes', () => {
  for (const proof of [
    good,
    signed(),
    [good],
    signed({ jwk: { ...material, use: 'sig', alg: 'ES256', kid: 'mine' } }),
    signed({}, { nonce: 'of another' }),
  ]) {
    assert.equal(checkProof(proof, request()).key.thumbprint, mine.thumbprint)
  }
  assert.doesNotThrow(() => checkProof(makeProof(mine, content({ nonce: 'n-1' })), request({ nonce: 'n-1' })))
})

test('Ed25519 is the newer name of EdDSA, for that curve alone', async () => {
  const ed = await keyFor('EdDSA')
  const { thumbprint } = createProofSigner(ed.jwk)
  const { kid: _edKid, alg: _edAlg, use: _edUse, ...edMaterial } = publicOf(ed.jwk)
  const proof = (header: object): string => forge({ typ: 'dpop+jwt', ...header }, CLAIMS, (input) => ed.signer.sign(input))
  const own = { token: { text: TOKEN, binding: thumbprint } }
  for (const header of [
    { alg: 'Ed25519', jwk: edMaterial },
    { alg: 'Ed25519', jwk: { ...edMaterial, alg: 'EdDSA' } },
  ]) {
    assert.equal(checkProof(proof(header), request(own)).key.thumbprint, thumbprint)
  }
  refused(signed({ alg: 'Ed25519' }), 'bad_key')
  refused(proof({ alg: 'Ed448', jwk: edMaterial }), 'unsupported', own)
})

test('the window is as wide as it says, to the moment', () => {
  for (const now of [NOW - PROOF_LEAD, NOW, NOW + PROOF_LIFETIME - 0.001]) assert.doesNotThrow(() => checkProof(good, request({ now })))
})

test('a name stands for key and jti, outlives the window, and is short', () => {
  const name = (signerOf: typeof mine, jti: string): string =>
    checkProof(makeProof(signerOf, content({ jti })), request({ token: undefined })).name
  assert.equal(name(mine, 'a'), name(mine, 'a'))
  assert.notEqual(name(mine, 'a'), name(mine, 'b'))
  assert.notEqual(name(mine, 'a'), name(other, 'a'), 'nobody can use up the jti of another')
  assert.match(name(mine, 'é'.repeat(200)), /^[\w-]{43}$/)
  const { expiresAt } = checkProof(makeProof(mine, content({ issuedAt: NOW + 0.5 })), request())
  assert.ok(Number.isInteger(expiresAt) && expiresAt >= NOW + PROOF_LIFETIME + 1)
})

test('a key that is known already is taken for the same header only', () => {
  const { key } = checkProof(good, request())
  assert.equal(checkProof(makeProof(mine, content({ jti: 'later' })), request({ known: key })).key, key)
  refused(makeProof(other, content()), 'wrong_key', { known: key })
  refused(forge(HEADER, CLAIMS, byForeign), 'bad_signature', { known: key })
})

test('no refusal says anything that the proof says', () => {
  for (const [, proof, , changes] of CASES) {
    try {
      checkProof(proof, request(changes))
    } catch (error) {
      assert.ok(error instanceof ProofError)
      assert.match(error.message, /^The [^\n]{10,200}\.$/)
      assert.doesNotMatch(error.message, /evil|jti-1|orders/)
    }
  }
})

for (const alg of NAMES) {
  test(`jose and this layer take each other's proofs by ${alg}`, async () => {
    const key = await keyFor(alg)
    const ours = createProofSigner(key.jwk)
    const { payload, protectedHeader } = await jose.jwtVerify(makeProof(ours, content()), jose.EmbeddedJWK, {
      typ: 'dpop+jwt',
      currentDate: new Date(NOW * 1000),
    })
    assert.deepEqual(payload, CLAIMS)
    const embedded = protectedHeader.jwk ?? {}
    assert.equal(await jose.calculateJwkThumbprint(embedded), ours.thumbprint)
    assert.deepEqual(
      Object.keys(embedded).sort(),
      Object.keys(embedded)
        .filter((name) => ['kty', 'crv', 'x', 'y', 'n', 'e'].includes(name))
        .sort(),
    )
    const theirs = await new jose.SignJWT(CLAIMS)
      .setProtectedHeader({ typ: 'dpop+jwt', alg, jwk: embedded })
      .sign(await jose.importJWK({ ...key.jwk }, alg))
    assert.equal(checkProof(theirs, request({ token: { text: TOKEN, binding: ours.thumbprint } })).key.thumbprint, ours.thumbprint)
    assert.ok(PROOF_ALGORITHMS.includes(alg))
  })
}

const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'PROPFIND')
const url = fc
  .record({
    host: fc.constantFrom('api.example', '127.0.0.1:8080', '[::1]:1'),
    path: fc.stringMatching(/^(?:\/[A-Za-z0-9._~%-]{1,8}){0,3}$/),
  })
  .map(({ host, path }) => `https://${host}${path.replaceAll('%', '%25')}`)
const made = fc.record({
  method,
  url,
  jti: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  issuedAt: fc.integer({ min: NOW - 50, max: NOW + PROOF_LEAD }),
  accessToken: fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,80}=?$/),
})

test('what is made passes for its own request, and for none that differs in one thing', () => {
  fc.assert(
    fc.property(made, fc.nat(4), method, url, (one, what, anotherMethod, anotherUrl) => {
      const proof = makeProof(mine, one)
      const own: ProofRequest = {
        method: one.method,
        urls: ['https://elsewhere.example/', one.url],
        now: NOW,
        token: { text: one.accessToken, binding: mine.thumbprint },
      }
      assert.equal(checkProof(proof, own).key.thumbprint, mine.thumbprint)
      const changed: readonly Partial<ProofRequest>[] = [
        { method: anotherMethod },
        { urls: [anotherUrl] },
        { now: NOW + 200 },
        { token: { text: `${one.accessToken}x`, binding: mine.thumbprint } },
        { token: { text: one.accessToken, binding: other.thumbprint } },
      ]
      fc.pre(what !== 0 || anotherMethod !== one.method)
      fc.pre(what !== 1 || new URL(anotherUrl).href !== new URL(one.url).href)
      assert.throws(() => checkProof(proof, { ...own, ...changed[what] }), ProofError)
    }),
    { numRuns: 150 },
  )
})

test('a proof with any one character changed, added or taken away is refused', () => {
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.constantFrom(...ALPHABET.split('')), fc.constantFrom(0, 1), (at, character, taken) => {
      const changed = good.slice(0, at) + character + good.slice(at + taken)
      fc.pre(changed !== good)
      assert.throws(() => checkProof(changed, request()), ProofError)
    }),
    { numRuns: 400 },
  )
})
