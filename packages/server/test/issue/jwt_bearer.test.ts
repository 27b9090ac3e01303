// The jwt-bearer grant: a CI's or a cluster's own token becomes one of ours, and nobody else's does. RFC 7523 sections 2.1 and 3.
// The platforms are a local server with their JWK Sets; `jose` makes their tokens.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { JWK, JWTHeaderParameters, JWTPayload } from 'jose'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose'
import type { ConfigInput } from '../../src/config/input.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import { assertRefused, assertUncached, verifiedByJose } from '../harness/verify.ts'
import { API, FILES, hashed, secretOf } from './orders.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const NOW = 1_800_000_000
const CI = 'https://ci.example.com'
const CLUSTER = 'https://cluster.example.com'
const SILENT = 'https://silent.example.com'
/** The same key id at each platform, so that only the key itself tells them apart. */
const KID = 'key-1'

const keys = { ci: await generateKeyPair('RS256'), cluster: await generateKeyPair('ES256'), silent: await generateKeyPair('ES256') }

let platforms: Upstream
let server: TestServer
let fetched: string[] = []

before(async () => {
  const sets = new Map<string, readonly JWK[]>([
    ['/ci', [{ ...(await exportJWK(keys.ci.publicKey)), kid: KID, alg: 'RS256', use: 'sig' }]],
    ['/cluster', [{ ...(await exportJWK(keys.cluster.publicKey)), kid: KID, alg: 'ES256', use: 'sig' }]],
  ])
  platforms = await startUpstream((request, response) => {
    fetched.push(request.url ?? '')
    const set = sets.get(request.url ?? '')
    response.writeHead(set ? 200 : 500, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: set ?? [] }))
  })
  server = await startConfigured(config(platforms.origin), {}, () => NOW)
})
after(async () => {
  await platforms.close()
  await server.close()
  assert.deepEqual(server.reports, [])
})

function config(origin: string): ConfigInput {
  const workloads = [
    { issuer: CI, subject: 'repo:acme/shop:*', claims: { environment: 'production', run_attempt: 1, protected: true } },
    { issuer: CLUSTER, subject: 'system:serviceaccount:shop:deployer' },
    { issuer: SILENT, subject: 'anyone' },
  ]
  const own = { scopes: ['read', 'write'], defaultScopes: ['read'], audiences: [API], grants: [GRANT] as const }
  return {
    realms: [
      {
        id: 'orders',
        scopes: ['read', 'write', 'admin'],
        audiences: [API, FILES],
        grants: ['client_credentials', 'refresh_token', GRANT],
        trustedIssuers: [
          { issuer: CI, jwksUri: `${origin}/ci` },
          { issuer: CLUSTER, jwksUri: `${origin}/cluster`, audience: 'countersign' },
          { issuer: SILENT, jwksUri: `${origin}/silent` },
        ],
        clients: [
          { ...own, clientId: 'deploy', public: true, workloads },
          { ...own, clientId: 'ci-only', public: true, workloads: workloads.slice(0, 1) },
          { ...own, clientId: 'proven', secret: hashed(secretOf('proven')), workloads: workloads.slice(1, 2) },
          { clientId: 'plain', secret: hashed(secretOf('plain')), audiences: [API] },
        ],
      },
    ],
  }
}

const issuer = (): string => `${server.origin}/realms/orders`
const tokenUrl = (): string => `${issuer()}/oauth2/token`
const ask = (assertion: string, parameters: Record<string, string> = {}): Promise<Answer> =>
  postForm(tokenUrl(), { grant_type: GRANT, client_id: 'deploy', assertion, ...parameters })

const ciClaims = (changes: Record<string, unknown> = {}): JWTPayload => ({
  iss: CI,
  sub: 'repo:acme/shop:ref:refs/heads/main',
  aud: issuer(),
  exp: NOW + 300,
  iat: NOW - 5,
  nbf: NOW - 5,
  jti: 'run-1',
  environment: 'production',
  run_attempt: 1,
  protected: true,
  repository: 'acme/shop',
  ...changes,
})
/** As a cluster makes them: no typ, an audience list, no jti. */
const clusterClaims = (changes: Record<string, unknown> = {}): JWTPayload => ({
  iss: CLUSTER,
  sub: 'system:serviceaccount:shop:deployer',
  aud: ['countersign'],
  exp: NOW + 3600,
  iat: NOW,
  nbf: NOW,
  'kubernetes.io': { namespace: 'shop', serviceaccount: { name: 'deployer' } },
  ...changes,
})

const signed = (claims: JWTPayload, header: JWTHeaderParameters, by = keys.ci): Promise<string> =>
  new SignJWT(claims).setProtectedHeader(header).sign(by.privateKey)
const ciToken = (changes: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> =>
  signed(ciClaims(changes), { alg: 'RS256', typ: 'JWT', kid: KID, ...header })
const clusterToken = (changes: Record<string, unknown> = {}): Promise<string> =>
  signed(clusterClaims(changes), { alg: 'ES256', kid: KID }, keys.cluster)
const encoded = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url')

test('a CI job gets a token of the client that stands for it', async () => {
  const answer = await ask(await ciToken())
  assert.equal(answer.status, 200, answer.text)
  assertUncached(answer.headers)
  const { access_token, ...rest } = answer.json
  assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 900, scope: 'read' })
  const introspected = await postForm(`${issuer()}/oauth2/introspect`, { token: String(access_token) }, basic('plain', secretOf('plain')))
  assert.deepEqual(introspected.json, { active: false }, 'another client learns nothing of it')
  const payload = JSON.parse(Buffer.from(String(access_token).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  const { iss, sub, client_id, aud, act } = payload
  assert.deepEqual({ iss, sub, client_id, aud, act }, { iss: issuer(), sub: 'deploy', client_id: 'deploy', aud: API, act: undefined })
})

test('a cluster’s workload does, with a token that has no typ and no jti, and a list of audiences', async () => {
  const answer = await ask(await clusterToken(), { scope: 'write', audience: API })
  assert.deepEqual([answer.status, answer.json['scope']], [200, 'write'], answer.text)
})

test('a workload may show the same token again until it ends', async () => {
  const assertion = await ciToken({ jti: 'shown twice' })
  const first = await ask(assertion)
  const second = await ask(assertion)
  assert.deepEqual([first.status, second.status], [200, 200])
})

test('there is no refresh token: the platform gives a new assertion', async () => {
  assert.equal('refresh_token' in (await ask(await ciToken())).json, false)
})

test('a client that has a secret must prove it besides', async () => {
  const request = async (headers = {}) =>
    postForm(
      tokenUrl(),
      { grant_type: GRANT, assertion: await clusterToken(), ...('authorization' in headers ? {} : { client_id: 'proven' }) },
      headers,
    )
  assert.equal((await request(basic('proven', secretOf('proven')))).status, 200)
  assertRefused(await request(), 401, 'invalid_client')
  assertRefused(await request(basic('proven', 'wrong')), 401, 'invalid_client')
})

test('the platform’s clock may be ten seconds ahead, no more', async () => {
  assert.equal((await ask(await ciToken({ iat: NOW + 10, nbf: NOW + 10 }))).status, 200)
  for (const ahead of [{ iat: NOW + 11 }, { nbf: NOW + 11 }, { iat: NOW + 10 ** 9 }])
    assertRefused(await ask(await ciToken(ahead)), 400, 'invalid_grant')
})

const REFUSED_CLAIMS: readonly (readonly [what: string, changes: Record<string, unknown>])[] = [
  ['expired', { exp: NOW - 10 }],
  ['without an end', { exp: undefined }],
  ['with an end that is a text', { exp: String(NOW + 300) }],
  ['without a beginning', { iat: undefined }],
  ['living longer than a day', { iat: NOW - 5, exp: NOW - 5 + 86_401 }],
  ['for another audience', { aud: 'https://elsewhere.example.com' }],
  ['for the token endpoint instead of the issuer', { aud: undefined }],
  ['for an audience that merely begins like ours', { aud: 'ISSUER/' }],
  ['with an audience list that is no list of texts', { aud: ['ISSUER', 1] }],
  ['of another repository', { sub: 'repo:evil/shop:ref:refs/heads/main' }],
  ['of a repository whose name begins alike', { sub: 'repo:acme/shop-evil:ref:refs/heads/main' }],
  ['of a subject shorter than the rule', { sub: 'repo:acme/shop' }],
  ['of a subject in another case', { sub: 'REPO:acme/shop:ref:refs/heads/main' }],
  ['of the rule’s own spelling with a blank before it', { sub: ' repo:acme/shop:x' }],
  ['without a subject', { sub: undefined }],
  ['with a subject that is a list', { sub: ['repo:acme/shop:x'] }],
  ['with a jti that is no text', { jti: 7 }],
  ['from another environment', { environment: 'staging' }],
  ['without the claim that a rule wants', { environment: undefined }],
  ['with a list where a text is wanted', { environment: ['production'] }],
  ['with an object where a text is wanted', { environment: { toString: 'production' } }],
  ['with a text where a number is wanted', { run_attempt: '1' }],
  ['with a text where a boolean is wanted', { protected: 'true' }],
  ['with a number where a boolean is wanted', { protected: 1 }],
  ['with null where a boolean is wanted', { protected: null }],
]

for (const [what, changes] of REFUSED_CLAIMS) {
  test(`an assertion ${what} is an invalid_grant`, async () => {
    const here = (text: unknown): unknown => (typeof text === 'string' ? text.replace('ISSUER', issuer()) : text)
    const { aud } = changes
    const changed = what.includes('token endpoint')
      ? { aud: tokenUrl() }
      : { ...changes, ...('aud' in changes && { aud: Array.isArray(aud) ? aud.map(here) : here(aud) }) }
    const answer = await ask(await ciToken(changed))
    assertRefused(answer, 400, 'invalid_grant')
    assert.match(String(answer.json['error_description']), /^The assertion /)
  })
}

test('the cluster’s rule holds its subject whole', async () => {
  for (const sub of [
    'system:serviceaccount:shop:deployer2',
    'system:serviceaccount:shop:deploye',
    'system:serviceaccount:shop:deployer ',
    '*',
  ])
    assertRefused(await ask(await clusterToken({ sub })), 400, 'invalid_grant')
})

test('a rule holds for its own issuer only: no platform can name the workload of another', async () => {
  assertRefused(await ask(await ciToken({ sub: 'system:serviceaccount:shop:deployer' })), 400, 'invalid_grant')
  const { sub, environment, run_attempt, protected: guarded } = ciClaims()
  assertRefused(await ask(await clusterToken({ sub, environment, run_attempt, protected: guarded })), 400, 'invalid_grant')
})

test('the audience configured for an issuer is the only one it may name', async () => {
  assertRefused(await ask(await clusterToken({ aud: issuer() })), 400, 'invalid_grant')
  assertRefused(await ask(await ciToken({ aud: 'countersign' })), 400, 'invalid_grant')
})

test('the key of one trusted issuer signs nothing for another, though both call it alike', async () => {
  assertRefused(await ask(await signed(ciClaims(), { alg: 'ES256', typ: 'JWT', kid: KID }, keys.cluster)), 400, 'invalid_grant')
  assertRefused(await ask(await signed(clusterClaims(), { alg: 'RS256', typ: 'JWT', kid: KID })), 400, 'invalid_grant')
})

test('a stranger’s key signs nothing, whatever the header says of it', async () => {
  const stranger = await generateKeyPair('RS256')
  const jwk = await exportJWK(stranger.publicKey)
  for (const header of [{ kid: KID }, { kid: 'unheard-of' }, {}, { kid: KID, jwk }, { kid: KID, jku: `${platforms.origin}/cluster` }])
    assertRefused(await ask(await signed(ciClaims(), { alg: 'RS256', typ: 'JWT', ...header }, stranger)), 400, 'invalid_grant')
})

test('unsigned, or signed with the public key as a secret, it is nothing', async () => {
  const unsigned = `${encoded({ alg: 'none', typ: 'JWT', kid: KID })}.${encoded(ciClaims())}.`
  const input = `${encoded({ alg: 'HS256', typ: 'JWT', kid: KID })}.${encoded(ciClaims())}`
  const pem = await exportSPKI(keys.ci.publicKey)
  for (const assertion of [unsigned, `${unsigned}x`, `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`])
    assertRefused(await ask(assertion), 400, 'invalid_grant')
})

test('an access token or another kind of JWT is no assertion', async () => {
  for (const typ of ['at+jwt', 'application/at+jwt', 'dpop+jwt', 'logout+jwt', '', 'client-authentication+jwt'])
    assertRefused(await ask(await ciToken({}, { typ })), 400, 'invalid_grant')
  const own = await ask(await ciToken())
  assertRefused(await ask(String(own.json['access_token'])), 400, 'invalid_grant')
})

test('an issuer is compared to the letter, and none but the trusted ones costs a look at any keys', async () => {
  await ask(await ciToken())
  fetched = []
  for (const iss of [`${CI}/`, CI.toUpperCase(), 'https://ci.example.com.evil.example', issuer(), '', 1, null, undefined, [CI]])
    assertRefused(await ask(await ciToken({ iss })), 400, 'invalid_grant')
  assert.deepEqual(fetched, [])
})

test('an issuer of the realm that this client has no rule for is as good as unknown', async () => {
  fetched = []
  const assertion = await signed({ ...clusterClaims(), iss: SILENT, sub: 'anyone' }, { alg: 'ES256', kid: KID }, keys.silent)
  assertRefused(await postForm(tokenUrl(), { grant_type: GRANT, client_id: 'ci-only', assertion }), 400, 'invalid_grant')
  assertRefused(
    await postForm(tokenUrl(), { grant_type: GRANT, client_id: 'ci-only', assertion: await clusterToken() }),
    400,
    'invalid_grant',
  )
  assert.deepEqual(fetched, [])
})

test('what is no JWT is an invalid_grant, and a huge one is not even looked at', async () => {
  const [header = '', payload = '', signature = ''] = (await ciToken()).split('.')
  for (const assertion of [
    'x',
    'a.b.c',
    '..',
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${header}.${payload}.${signature}.x.y`,
    '{}',
    '\u{1f4a5}',
  ])
    assertRefused(await ask(assertion), 400, 'invalid_grant')
  assertRefused(await ask(await ciToken({ padding: 'x'.repeat(13_000) })), 400, 'invalid_request')
  const deep = `${encoded({ alg: 'RS256', kid: KID })}.${Buffer.from(`${'{"a":'.repeat(400)}1${'}'.repeat(400)}`).toString('base64url')}.AAAA`
  assertRefused(await ask(deep), 400, 'invalid_grant')
  const twice = `${encoded({ alg: 'RS256', kid: KID })}.${Buffer.from(`{"iss":"${CI}","iss":"${CLUSTER}"}`).toString('base64url')}.AAAA`
  assertRefused(await ask(twice), 400, 'invalid_grant')
})

test('without an assertion it is an invalid_request', async () => {
  assertRefused(await postForm(tokenUrl(), { grant_type: GRANT, client_id: 'deploy' }), 400, 'invalid_request')
})

test('scope and audience beyond the client’s own are refused', async () => {
  assertRefused(await ask(await ciToken(), { scope: 'admin' }), 400, 'invalid_scope')
  assertRefused(await ask(await ciToken(), { audience: FILES }), 400, 'invalid_target')
})

test('a client without the grant is an unauthorized_client, whatever it shows', async () => {
  const answer = await postForm(tokenUrl(), { grant_type: GRANT, assertion: await ciToken() }, basic('plain', secretOf('plain')))
  assertRefused(answer, 400, 'unauthorized_client')
})

test('an unknown client gets nothing for a good assertion', async () => {
  assertRefused(await ask(await ciToken(), { client_id: 'nobody' }), 401, 'invalid_client')
})

test('while an issuer’s keys cannot be had the answer is 503 with the time to wait, never a refusal', async () => {
  const assertion = await signed({ ...clusterClaims(), iss: SILENT, sub: 'anyone', aud: issuer() }, { alg: 'ES256', kid: KID }, keys.silent)
  const answer = await ask(assertion)
  assertRefused(answer, 503, 'temporarily_unavailable')
  assert.match(answer.headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
})

test('no answer repeats anything of the assertion', async () => {
  const assertion = await ciToken({ sub: 'repo:evil/tell-tale:x', environment: 'tell-tale' })
  const { text } = await ask(assertion)
  for (const part of [...assertion.split('.'), 'tell-tale']) assert.equal(text.includes(part), false)
})

test('the token is the realm’s like any other: other programs verify it', async () => {
  const own = await startConfigured(config(platforms.origin))
  const { origin } = own
  try {
    const now = Math.floor(Date.now() / 1000)
    const assertion = await signed({ ...clusterClaims(), iat: now, nbf: now, exp: now + 60 }, { alg: 'ES256', kid: KID }, keys.cluster)
    const { json } = await postForm(`${origin}/realms/orders/oauth2/token`, { grant_type: GRANT, client_id: 'deploy', assertion })
    const { header, claims } = await verifiedByJose(origin, '/realms/orders', String(json['access_token']), API)
    assert.deepEqual([header.typ, claims.sub, claims['client_id']], ['at+jwt', 'deploy', 'deploy'])
  } finally {
    await own.close()
  }
})
