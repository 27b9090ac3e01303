// Which API a token is for: `audience` and `resource`. RFC 8707.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import { assertRefused, verifiedByJose } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, FILES, ISSUER_PATH, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const CC = { grant_type: 'client_credentials' }
const audienceOf = async (token: unknown, expected: string) =>
  (await verifiedByJose(server.origin, ISSUER_PATH, String(token), expected)).claims.aud

test('audience and resource name the API alike', async () => {
  for (const name of ['audience', 'resource']) {
    const answer = await server.token('shop', { ...CC, [name]: FILES })
    assert.equal(await audienceOf(answer.json['access_token'], FILES), FILES)
  }
})

test('without either the client gets its default', async () => {
  assert.equal(await audienceOf((await server.token('shop', CC)).json['access_token'], API), API)
})

test('several resources become a list, and the same one twice stays one', async () => {
  const ask = (...resources: string[]) =>
    send(server.tokenUrl, {
      method: 'POST',
      headers: basic('shop', secretOf('shop')),
      body: new URLSearchParams([['grant_type', 'client_credentials'], ...resources.map((one): [string, string] => ['resource', one])]),
    })
  assert.deepEqual(await audienceOf((await ask(API, FILES)).json['access_token'], API), [API, FILES])
  assert.deepEqual(await audienceOf((await ask(FILES, FILES)).json['access_token'], FILES), FILES)
  assertRefused(await ask(API, 'https://elsewhere.example'), 400, 'invalid_target')
})

test('audience and resource together are one list', async () => {
  const answer = await server.token('shop', { ...CC, audience: API, resource: FILES })
  assert.deepEqual(await audienceOf(answer.json['access_token'], FILES), [API, FILES])
})

test('a token opens only the API it is for', async () => {
  const tokenFor = async (audience: string) => String((await server.token('shop', { ...CC, audience })).json['access_token'])
  assert.equal(await server.callApi(await tokenFor(API)), 200)
  assert.equal(await server.callApi(await tokenFor(FILES)), 401)
})

test('an API this realm does not know is an invalid_target', async () => {
  for (const audience of ['https://elsewhere.example', `${API}/`, API.toUpperCase(), 'orders', '*', '__proto__']) {
    assertRefused(await server.token('shop', { ...CC, audience }), 400, 'invalid_target')
  }
})

test('an API this client may not have tokens for is an invalid_target', async () => {
  assertRefused(await server.token('narrow', { ...CC, audience: FILES }), 400, 'invalid_target')
  assertRefused(await server.token('narrow', { ...CC, resource: FILES }), 400, 'invalid_target')
})

test('a resource that is no absolute URI, or has a fragment, is an invalid_target', async () => {
  for (const resource of [
    'api.example.com',
    '/orders',
    `${API}#here`,
    `${API}/a b`,
    'https://',
    'a'.repeat(600),
    `${API} ${FILES}`,
    'urn:\u00fc',
  ]) {
    assertRefused(await server.token('shop', { ...CC, resource }), 400, 'invalid_target')
  }
})

test('two audiences in one parameter, or the parameter twice, are refused', async () => {
  assertRefused(await server.token('shop', { ...CC, audience: `${API} ${FILES}` }), 400, 'invalid_target')
  const twice = await send(server.tokenUrl, {
    method: 'POST',
    headers: { ...basic('shop', secretOf('shop')), 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=client_credentials&audience=${API}&audience=${FILES}`,
  })
  assertRefused(twice, 400, 'invalid_request')
})

test('a client with several APIs and no default must name one', async () => {
  const answer = await server.token('undecided', CC)
  assertRefused(answer, 400, 'invalid_target')
  assert.match(String(answer.json['error_description']), /audience/)
  assert.equal((await server.token('undecided', { ...CC, audience: FILES })).status, 200)
})

test('the audience is judged after the client is', async () => {
  const answer = await postForm(server.tokenUrl, { ...CC, audience: 'https://elsewhere.example' }, basic('shop', 'wrong'))
  assertRefused(answer, 401, 'invalid_client')
})
