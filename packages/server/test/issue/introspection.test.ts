// Introspection: what a token says, to those who may ask. RFC 7662.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import { assertRefused, assertUncached } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, ISSUER_PATH, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const INACTIVE = { active: false }
const ask = (parameters: Record<string, string>, caller = 'checker') =>
  postForm(server.url('introspect'), parameters, basic(caller, secretOf(caller)))

test('a resource server reads any token of its realm', async () => {
  const { json } = await server.token('shop', { grant_type: 'client_credentials', scope: 'read' })
  const answer = await ask({ token: String(json['access_token']) })
  assert.equal(answer.status, 200)
  assertUncached(answer.headers)
  const { active, iss, sub, aud, client_id, scope, token_type, exp, iat } = answer.json
  assert.deepEqual(
    { active, iss, sub, aud, client_id, scope, token_type },
    { active: true, iss: server.origin + ISSUER_PATH, sub: 'shop', aud: API, client_id: 'shop', scope: 'read', token_type: 'Bearer' },
  )
  assert.equal(Number(exp) - Number(iat), 900)
})

test('a user’s refresh token is told with its kind, whatever the hint says', async () => {
  const { refresh } = await server.signIn('legacy')
  for (const token_type_hint of ['refresh_token', 'access_token', 'nonsense']) {
    const { active, token_type, client_id } = (await ask({ token: refresh, token_type_hint })).json
    assert.deepEqual({ active, token_type, client_id }, { active: true, token_type: 'refresh_token', client_id: 'legacy' })
  }
})

test('a client reads its own tokens, and of others it learns nothing', async () => {
  const { json } = await server.token('shop', { grant_type: 'client_credentials' })
  assert.equal((await ask({ token: String(json['access_token']) }, 'shop')).json['active'], true)
  assert.deepEqual((await ask({ token: String(json['access_token']) }, 'plain')).json, INACTIVE)
  const { refresh } = await server.signIn('legacy')
  assert.deepEqual((await ask({ token: refresh }, 'legacy-2')).json, INACTIVE)
})

test('used, revoked, changed, foreign and made-up tokens are inactive, and nothing else is said', async () => {
  const { access, refresh } = await server.signIn('legacy')
  const next = await server.token('legacy', { grant_type: 'refresh_token', refresh_token: refresh })
  await postForm(server.url('revoke'), { token: access }, basic('legacy', secretOf('legacy')))
  const [header, payload, signature = ''] = String(next.json['access_token']).split('.')
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
  const dead = [
    refresh,
    access,
    `${header}.${payload}.${flipped}`,
    `${none}.${payload}.`,
    `${header}.${payload}.`,
    'x',
    'a.b.c',
    '..',
    '{}',
    'cs_token_x',
  ]
  for (const token of dead) assert.deepEqual((await ask({ token })).json, INACTIVE, token.slice(0, 40))
})

test('without a token it is an invalid_request', async () => {
  assertRefused(await ask({}), 400, 'invalid_request')
})

test('a public client may not ask at all', async () => {
  assertRefused(await postForm(server.url('introspect'), { token: 'x', client_id: 'phone' }), 400, 'unauthorized_client')
})

test('nobody asks without proving who it is', async () => {
  assertRefused(await postForm(server.url('introspect'), { token: 'x' }), 401, 'invalid_client')
  const wrong = await postForm(server.url('introspect'), { token: 'x' }, basic('checker', 'wrong'))
  assertRefused(wrong, 401, 'invalid_client')
  assert.match(wrong.headers.get('www-authenticate') ?? '', /^Basic /)
  // A bearer token is no client authentication here.
  const { json } = await server.token('checker', { grant_type: 'client_credentials' })
  assertRefused(
    await postForm(server.url('introspect'), { token: 'x' }, { authorization: `Bearer ${String(json['access_token'])}` }),
    401,
    'invalid_client',
  )
})

test('only POST is taken: a token never travels in a URL', async () => {
  const answer = await send(`${server.url('introspect')}?token=abc`)
  assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
})
