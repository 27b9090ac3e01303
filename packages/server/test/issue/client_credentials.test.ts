// grant_type=client_credentials over HTTP. RFC 6749 section 4.4, RFC 9068.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused, assertUncached, verifiedByJose } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, FILES, hashed, ISSUER_PATH, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('a client gets a token in its own name, and no refresh token', async () => {
  const answer = await server.token('shop', { grant_type: 'client_credentials' })
  assert.equal(answer.status, 200)
  assertUncached(answer.headers)
  assert.equal(answer.headers.get('pragma'), 'no-cache')
  assert.deepEqual(Object.keys(answer.json), ['access_token', 'token_type', 'expires_in', 'scope'])
  assert.deepEqual([answer.json['token_type'], answer.json['expires_in'], answer.json['scope']], ['Bearer', 900, 'read'])
})

test('the token is an ES256 at+jwt with every claim RFC 9068 demands, and jose verifies it', async () => {
  const { json } = await server.token('shop', { grant_type: 'client_credentials' })
  const { header, claims } = await verifiedByJose(server.origin, ISSUER_PATH, String(json['access_token']), API)
  assert.deepEqual([header.alg, header.typ], ['ES256', 'at+jwt'])
  const { iss, sub, aud, client_id, scope, exp = 0, iat = 0, jti } = claims
  assert.deepEqual(
    { iss, sub, aud, client_id, scope },
    { iss: server.origin + ISSUER_PATH, sub: 'shop', aud: API, client_id: 'shop', scope: 'read' },
  )
  assert.equal(exp - iat, 900)
  assert.match(jti ?? '', /^secret_[A-Za-z0-9_-]{12}\.[0-9a-f-]{36}~0$/)
})

test('two tokens never have the same jti', async () => {
  const tokens = await Promise.all(Array.from({ length: 20 }, () => server.token('shop', { grant_type: 'client_credentials' })))
  const ids = new Set(
    tokens.map(({ json }) => JSON.parse(Buffer.from(String(json['access_token']).split('.')[1] ?? '', 'base64url').toString()).jti),
  )
  assert.equal(ids.size, 20)
})

test('each algorithm that an operator may choose gives tokens that jose verifies', async () => {
  const algorithms = ['EdDSA', 'ES256', 'ES384', 'ES512', 'RS256', 'PS256']
  const client = { clientId: 'one', secret: hashed('a secret that is long enough') }
  const other = await startConfigured({
    realms: algorithms.map((algorithm) => ({ id: algorithm.toLowerCase(), algorithm, audiences: [API], clients: [client] })),
  })
  try {
    for (const algorithm of algorithms) {
      const path = `/realms/${algorithm.toLowerCase()}`
      const answer = await postForm(
        `${other.origin}${path}/oauth2/token`,
        { grant_type: 'client_credentials' },
        basic('one', 'a secret that is long enough'),
      )
      const { header } = await verifiedByJose(other.origin, path, String(answer.json['access_token']), API)
      assert.equal(header.alg, algorithm)
    }
    assert.deepEqual(other.reports, [])
  } finally {
    await other.close()
  }
})

test('the families of Keycloak and Auth0 sign RS256, each with its own claims', async () => {
  const client = { clientId: 'one', secret: hashed('a secret that is long enough') }
  const realms = ['keycloak', 'auth0'].map((id) => ({ id, dialects: [id], audiences: [FILES], clients: [client] }))
  const other = await startConfigured({ realms })
  try {
    const body = { grant_type: 'client_credentials', client_id: 'one', client_secret: 'a secret that is long enough' }
    const keycloak = await postForm(`${other.origin}/realms/keycloak/protocol/openid-connect/token`, body)
    const first = await verifiedByJose(other.origin, '/realms/keycloak', String(keycloak.json['access_token']), FILES)
    assert.deepEqual([first.header.alg, first.header.typ], ['RS256', 'JWT'])
    assert.deepEqual(
      [first.claims['typ'], first.claims['azp'], first.claims.iss, first.claims['preferred_username']],
      ['Bearer', 'one', `${other.origin}/realms/keycloak`, 'service-account-one'],
    )
    const auth0 = await postForm(`${other.origin}/realms/auth0/oauth/token`, { ...body, audience: FILES })
    const second = await verifiedByJose(other.origin, '/realms/auth0', String(auth0.json['access_token']), FILES)
    assert.deepEqual([second.header.alg, second.header.typ], ['RS256', 'at+jwt'])
    assert.deepEqual(
      [second.claims.sub, second.claims.iss, second.claims['gty']],
      ['one@clients', `${other.origin}/realms/auth0/`, 'client-credentials'],
    )
  } finally {
    await other.close()
  }
})

test('parameters nobody knows are ignored, and empty ones count as absent', async () => {
  const answer = await server.token('shop', { grant_type: 'client_credentials', nonsense: '1', scope: '', audience: '' })
  assert.deepEqual([answer.status, answer.json['scope']], [200, 'read'])
})

test('a request without grant_type, or with an empty one, is an invalid_request', async () => {
  assertRefused(await server.token('shop', {}), 400, 'invalid_request')
  assertRefused(await server.token('shop', { grant_type: '' }), 400, 'invalid_request')
})

test('a grant nobody offers is an unsupported_grant_type', async () => {
  for (const grant of [
    'authorization_code',
    'implicit',
    'Client_Credentials',
    '__proto__',
    'constructor',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ]) {
    assertRefused(await server.token('shop', { grant_type: grant }), 400, 'unsupported_grant_type')
  }
})

test('a client that was not given the grant is an unauthorized_client', async () => {
  assertRefused(await server.token('legacy', { grant_type: 'client_credentials' }), 400, 'unauthorized_client')
})

test('a public client cannot act in its own name', async () => {
  assertRefused(await server.token('phone', { grant_type: 'client_credentials' }), 400, 'unauthorized_client')
})

test('a wrong secret is an invalid_client with 401', async () => {
  const answer = await postForm(server.tokenUrl, { grant_type: 'client_credentials', client_id: 'shop', client_secret: secretOf('plain') })
  assertRefused(answer, 401, 'invalid_client')
  assertUncached(answer.headers)
})

test('only POST is taken, and 405 says so', async () => {
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
    const answer = await send(server.tokenUrl, { method })
    assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'], method)
    assert.equal(answer.json['error'], 'invalid_request')
  }
})
