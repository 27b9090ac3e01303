// Opaque access tokens: a reference outside, the same claims inside.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { basic, postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import type { Orders } from './orders.ts'
import { API, hashed, ISSUER_PATH, secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const issue = async () => String((await server.token('reference', { grant_type: 'client_credentials' })).json['access_token'])

test('the token tells nothing and has 256 random bits', async () => {
  const tokens = await Promise.all(Array.from({ length: 10 }, issue))
  assert.equal(new Set(tokens).size, 10)
  for (const token of tokens) assert.match(token, /^cs_token_[A-Za-z0-9_-]{43}$/)
})

test('it opens the API, and introspection tells its claims', async () => {
  const token = await issue()
  assert.equal(await server.callApi(token), 200)
  const { active, iss, aud, sub, client_id, scope, token_type } = await server.introspect(token)
  assert.deepEqual(
    { active, iss, aud, sub, client_id, scope, token_type },
    {
      active: true,
      iss: server.origin + ISSUER_PATH,
      aud: API,
      sub: 'reference',
      client_id: 'reference',
      scope: 'read',
      token_type: 'Bearer',
    },
  )
})

test('the scopes of a route hold for it too', async () => {
  assert.equal(await server.callApi(await issue(), '/orders', 'POST'), 403)
})

test('revoked, it opens nothing more, although it was used just before', async () => {
  const token = await issue()
  assert.equal(await server.callApi(token), 200)
  assert.equal((await postForm(server.url('revoke'), { token }, basic('reference', secretOf('reference')))).status, 200)
  assert.equal(await server.callApi(token), 401)
  assert.deepEqual(await server.introspect(token), { active: false })
})

test('a changed or shortened token is none', async () => {
  const token = await issue()
  for (const other of [token.slice(0, -1), `${token}A`, token.toUpperCase(), token.replace('cs_token_', ''), `${token}=`]) {
    assert.equal(await server.callApi(other), 401, other)
    assert.deepEqual(await server.introspect(other), { active: false })
  }
})

test('a refresh token opens no API', async () => {
  const { refresh } = await server.signIn('legacy-reference')
  assert.equal(await server.callApi(refresh), 401)
})

test('an expired token is dead everywhere', async () => {
  const upstream = await startEcho()
  const brief = { clientId: 'brief', secret: hashed('the secret of brief tokens'), accessTokenLifetime: 1 }
  const other = await startConfigured({
    realms: [{ id: 'orders', audiences: [API], clients: [brief, { ...brief, clientId: 'brief-reference', tokenFormat: 'opaque' }] }],
    apis: [{ id: 'orders', realm: 'orders', upstream: upstream.origin }],
  })
  try {
    for (const client of ['brief', 'brief-reference']) {
      const credentials = basic(client, 'the secret of brief tokens')
      const { json } = await postForm(`${other.origin}/realms/orders/oauth2/token`, { grant_type: 'client_credentials' }, credentials)
      const token = String(json['access_token'])
      const isActive = async () =>
        (await postForm(`${other.origin}/realms/orders/oauth2/introspect`, { token }, credentials)).json['active'] === true
      // The end of a whole second is an event of the clock alone: asked until it has come.
      while (await isActive()) await pause(50)
      const answer = await fetch(`${other.origin}/apis/orders/`, { headers: { authorization: `Bearer ${token}` } })
      assert.equal(answer.status, 401)
      assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
      await answer.body?.cancel()
    }
  } finally {
    await other.close()
    await upstream.close()
  }
})
