// grant_type=password: legacy, for the clients that were given it. RFC 6749 section 4.3, RFC 9700 section 2.4.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postForm } from '../harness/http.ts'
import { assertRefused, assertUncached, verifiedByJose } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, ISSUER_PATH, PASSWORD, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const ADA = { grant_type: 'password', username: 'ada', password: PASSWORD }

test('a user signs in through a confidential client and gets both tokens', async () => {
  const answer = await server.token('legacy', ADA)
  assert.equal(answer.status, 200)
  assertUncached(answer.headers)
  assert.deepEqual(Object.keys(answer.json), ['access_token', 'token_type', 'expires_in', 'refresh_token', 'scope'])
  const { claims } = await verifiedByJose(server.origin, ISSUER_PATH, String(answer.json['access_token']), API)
  assert.equal(claims['client_id'], 'legacy')
  assert.notEqual(claims.sub, 'legacy')
  assert.equal(typeof claims['sid'], 'string')
})

test('a public client signs a user in by naming itself', async () => {
  assert.equal((await server.token('phone', ADA)).status, 200)
})

test('the subject of a user is the same through every client', async () => {
  const subjects = await Promise.all(
    ['legacy', 'phone'].map(async (client) => (await server.introspect((await server.signIn(client)).access))['sub']),
  )
  assert.equal(subjects[0], subjects[1])
})

test('a client without the refresh grant gets no refresh token', async () => {
  const { json } = await server.token('legacy-once', ADA)
  assert.deepEqual([typeof json['access_token'], json['refresh_token']], ['string', undefined])
})

test('a wrong password and an unknown user are told in the same words', async () => {
  const wrong = await server.token('legacy', { ...ADA, password: `${PASSWORD} ` })
  const unknown = await server.token('legacy', { ...ADA, username: 'nobody' })
  assertRefused(wrong, 400, 'invalid_grant')
  assert.deepEqual([unknown.status, unknown.json], [wrong.status, wrong.json])
})

test('user names are compared exactly', async () => {
  for (const username of ['Ada', 'ada ', ' ada', 'ａｄａ', 'ada\u200b', '__proto__'])
    assertRefused(await server.token('legacy', { ...ADA, username }), 400, 'invalid_grant')
})

test('a password of more characters than are ever hashed is refused like a wrong one', async () => {
  assertRefused(await server.token('legacy', { ...ADA, password: 'x'.repeat(5000) }), 400, 'invalid_grant')
})

test('a missing username or password is an invalid_request that names it', async () => {
  const answer = await server.token('legacy', { grant_type: 'password', username: 'ada' })
  assertRefused(answer, 400, 'invalid_request')
  assert.match(String(answer.json['error_description']), /password/)
  assertRefused(await server.token('legacy', { grant_type: 'password', password: PASSWORD }), 400, 'invalid_request')
})

test('a client that was not given the grant is refused, whatever the password', async () => {
  assertRefused(await server.token('shop', ADA), 400, 'unauthorized_client')
})

test('without client authentication nobody signs in', async () => {
  assertRefused(await postForm(server.tokenUrl, ADA), 401, 'invalid_client')
  assertRefused(await postForm(server.tokenUrl, { ...ADA, client_id: 'legacy' }), 401, 'invalid_client')
})
