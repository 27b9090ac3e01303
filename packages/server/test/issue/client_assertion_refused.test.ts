// Assertions that are refused, each with its reason and its words; and none of them works after it was bent. RFC 7523 section 3, RFC 8725.
import assert from 'node:assert/strict'
import { createHmac, createPublicKey } from 'node:crypto'
import { after, before, test } from 'node:test'
import { basic, postForm, postJson } from '../harness/http.ts'
import { assertRefused } from '../harness/verify.ts'
import type { Signed } from './assertions.ts'
import { CC, carried, claimsOf, ISSUER, NOW, ROWS, SHARED, sign, startSigned, TYPE } from './assertions.ts'
import { secretOf } from './orders.ts'

let server: Signed
before(async () => {
  server = await startSigned()
})
after(async () => {
  await server.close()
  // The one key set that cannot be fetched is told, and nothing else.
  assert.deepEqual(server.reports, [])
})

const ONE_SENTENCE = 'Client authentication failed: unknown client, or wrong credentials for it.'

test('half of the two parameters, two methods at once and a second client are each an invalid_request', async () => {
  const assertion = await server.make()
  const other = { client_id: 'plain', client_secret: secretOf('plain') }
  const answers = [
    await postForm(server.url('token'), { ...CC, client_assertion: assertion }),
    await postForm(server.url('token'), { ...CC, client_assertion_type: TYPE }),
    await server.ask(assertion, other),
    await server.ask(assertion, { client_id: 'signer', client_secret: 'x' }),
    await server.ask(assertion, {}, basic('plain', secretOf('plain'))),
    await server.ask(assertion, {}, basic('signer', '')),
    await server.ask(assertion, { client_id: 'signer-2' }),
    await server.ask(assertion, { client_id: 'nobody' }),
  ]
  for (const answer of answers) assertRefused(answer, 400, 'invalid_request')
  // None of them used it up.
  assert.equal((await server.ask(assertion)).status, 200)
})

test('what is no assertion at all is told by what it lacks, whoever it is for', async () => {
  const good = await server.make()
  const [header, payload] = good.split('.')
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  for (const text of [
    'x',
    '...',
    `${header}.${payload}.`,
    `${good}.x`,
    `${encode({ alg: 'none' })}.${payload}.`,
    `${good} `,
    'x'.repeat(16_384),
    await server.make({ claims: { sub: undefined } }),
  ]) {
    const answer = await server.ask(text)
    assertRefused(answer, 401, 'invalid_client')
    assert.match(String(answer.json['error_description']), /must be a signed JWT whose sub is the client id/, text.slice(0, 40))
    assert.equal(answer.headers.get('www-authenticate'), null)
  }
  const type = await postForm(server.url('token'), {
    ...CC,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    client_assertion: good,
  })
  assertRefused(type, 401, 'invalid_client')
  assertRefused(await server.ask('x'.repeat(16_385)), 400, 'invalid_request')
})

/** Refused like any wrong secret: who made them has not shown that he is the client. */
const UNPROVEN: Readonly<Record<string, () => Promise<string>>> = {
  'an unknown client': () => server.make({ client: 'nobody' }),
  'a client without keys': () => server.make({ client: 'plain' }),
  "a stranger's key of the same kid": () => server.make({ key: server.keys.stranger.privateKey }),
  'a kid that the client has not': () => server.make({ header: { kid: 'other' } }),
  "another client's signature": () => server.make({ client: 'single' }),
  'an alg that is not its key’s': () => server.make({ header: { alg: 'PS256', kid: 'rs' }, key: server.keys.ps.privateKey }),
  'a key in the header': () =>
    server.make({
      header: { jwk: server.keys.stranger.publicJwk, kid: 'mine' },
      key: server.keys.stranger.privateKey,
    }),
  'a URL of keys in the header': () =>
    server.make({ header: { jku: server.keyServer.url, kid: 'mine' }, key: server.keys.stranger.privateKey }),
  'a changed claim': async () => {
    const [header, payload = '', signature] = (await server.make()).split('.')
    const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString())
    return `${header}.${Buffer.from(JSON.stringify({ ...claims, exp: NOW + 61 })).toString('base64url')}.${signature}`
  },
  'no algorithm with a signature': async () => {
    const [, payload, signature] = (await server.make()).split('.')
    return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`
  },
  'an HMAC by the public key as PEM, of a client with both methods': () => confused('both', 'pem'),
  'an HMAC by the public key as JWK, of a client with both methods': () => confused('both', 'jwk'),
  'an HMAC by the public key as PEM, of a client of keys alone': () => confused('single', 'pem'),
  'an HMAC of a client of keys alone': () => server.hmac('signer'),
  'a key of a client of secrets alone': () => server.make({ client: 'hmac' }),
  'a wrong secret': () => server.hmac('hmac', 'HS256', `${SHARED}!`),
  'a secret shorter than the digest': () => server.hmac('hmac', 'HS512'),
  'the hash of the secret as the secret': () => server.hmac('hmac', 'HS256', 'sha256:'.padEnd(50, 'A')),
  'the empty secret': async () => forged('hmac', 'HS256', ''),
}

/** RFC 8725 section 2.1: a public key, which everybody has, as the secret of an HMAC. */
function confused(client: string, form: 'pem' | 'jwk'): Promise<string> {
  const { alg: _, kid: __, ...jwk } = server.keys.rs.publicJwk
  const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  return Promise.resolve(forged(client, 'HS256', form === 'pem' ? pem : JSON.stringify(server.keys.rs.publicJwk), 'rs'))
}

function forged(client: string, alg: string, secret: string, kid?: string): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode({ alg, typ: 'JWT', kid })}.${encode(claimsOf(client, NOW))}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

for (const [reason, build] of Object.entries(UNPROVEN)) {
  test(`refused in the one sentence for every reason: ${reason}`, async () => {
    const answer = await server.ask(await build())
    assertRefused(answer, 401, 'invalid_client')
    assert.equal(answer.json['error_description'], ONE_SENTENCE)
    assert.equal(answer.headers.get('www-authenticate'), null, 'a challenge is for those who tried Basic')
  })
}

/** Refused after the signature has shown whose they are, so the client is told what to mend. */
const PROVEN: readonly (readonly [reason: string, claims: Record<string, unknown>, told: RegExp])[] = [
  ['no iss', { iss: undefined }, /iss must be the client id/],
  ["another client's iss", { iss: 'signer-2' }, /iss must be the client id/],
  ['no aud', { aud: undefined }, /aud must be https:\/\/login\.example\/realms\/signed /],
  ['an empty list of aud', { aud: [] }, /aud must be/],
  ["another realm's aud", { aud: 'https://login.example/realms/family' }, /aud must be/],
  ["the issuer and somebody else's aud", { aud: [ISSUER, 'https://elsewhere.example'] }, /aud must be/],
  ['the issuer with a slash', { aud: `${ISSUER}/` }, /aud must be/],
  ['an aud that is no text', { aud: [ISSUER, 7] }, /claims/],
  ['no exp', { exp: undefined }, /claims/],
  ['an exp as text', { exp: String(NOW + 60) }, /claims/],
  ['an exp that has passed', { exp: NOW - 10 }, /expired/],
  ['an exp over an hour ahead', { exp: NOW + 3611 }, /exp must be at most one hour ahead/],
  ['an exp in milliseconds', { exp: NOW * 1000 }, /exp must be at most one hour ahead/],
  ['an iat over ten seconds ahead', { iat: NOW + 11 }, /future/],
  ['an nbf over ten seconds ahead', { nbf: NOW + 11 }, /future/],
  ['an iat over an hour ago', { iat: NOW - 3611 }, /iat is more than one hour ago/],
  ['no jti', { jti: undefined }, /jti of 1 to 200/],
  ['an empty jti', { jti: '' }, /jti of 1 to 200/],
  ['a jti of 201 characters', { jti: 'j'.repeat(201) }, /jti of 1 to 200/],
  ['a jti that is no text', { jti: 7 }, /claims/],
]
for (const [index, [reason, claims, told]] of PROVEN.entries()) {
  test(`refused with the mend: ${reason}`, async () => {
    const row = index % ROWS.length
    for (const [client, assertion] of [
      ['signer', await server.make({ client: `signer-${row}`, claims })],
      ['hmac', await sign(claimsOf(`hmac-${row}`, NOW, claims), { alg: 'HS256' }, SHARED)],
    ] as const) {
      const answer = await server.ask(assertion)
      assertRefused(answer, 401, 'invalid_client')
      assert.match(String(answer.json['error_description']), told, client)
    }
  })
}

test('refused with the mend: a typ of another kind of token', async () => {
  for (const [index, typ] of ['at+jwt', 'dpop+jwt', 'application/at+jwt', 'jwt ', ''].entries()) {
    const answer = await server.ask(await server.make({ client: `signer-${index}`, header: { typ } }))
    assertRefused(answer, 401, 'invalid_client')
    assert.match(String(answer.json['error_description']), /typ must be JWT/, typ)
  }
})

test('an assertion for one realm is refused in another that has the same client and keys', async () => {
  const elsewhere = `${server.origin}/realms/elsewhere/oauth2/token`
  assertRefused(await postForm(elsewhere, { ...CC, ...carried(await server.make()) }), 401, 'invalid_client')
  assert.equal(
    (await postForm(elsewhere, { ...CC, ...carried(await server.make({ claims: { aud: `${server.origin}/realms/elsewhere` } })) })).status,
    200,
  )
})

test("a dialect that does not take assertions refuses them in the same sentence, although it knows the client's keys", async () => {
  for (const aud of [`${server.origin}/realms/home`, 'https://elsewhere.example']) {
    const body = { ...CC, auth_string: Buffer.from('a:b').toString('base64'), ...carried(await server.make({ claims: { aud } })) }
    const answer = await postJson(`${server.origin}/realms/home/api/v4/oauth2/token`, body)
    assertRefused(answer, 401, 'invalid_client')
    assert.equal(answer.json['error_description'], ONE_SENTENCE)
  }
})

test('keys that cannot be fetched are no fault of the client: 503 with Retry-After', async () => {
  const answer = await server.ask(
    await server.make({ client: 'remote-down', header: { alg: 'RS256', kid: 'rs' }, key: server.keys.rs.privateKey }),
  )
  assertRefused(answer, 503, 'temporarily_unavailable')
  assert.equal(answer.headers.get('retry-after'), '5')
})
