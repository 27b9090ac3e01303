// UserInfo: a person's claims as far as the token's scope reaches. OpenID Connect Core section 5.3, RFC 6750.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import { assertUncached } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { secretOf, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const ask = (authorization?: string, method = 'GET') =>
  send(server.url('userinfo'), { method, headers: authorization === undefined ? {} : { authorization } })

test('email and profile open their claims and no others', async () => {
  const { access } = await server.signIn('legacy', 'email profile')
  const answer = await ask(`Bearer ${access}`)
  assert.equal(answer.status, 200)
  assertUncached(answer.headers)
  const { sub, ...claims } = answer.json
  assert.equal(sub, (await server.introspect(access))['sub'])
  assert.deepEqual(claims, { preferred_username: 'ada', name: 'Ada L', email: 'ada@example.com', email_verified: true })
})

test('without these scopes there is the subject alone', async () => {
  const { access } = await server.signIn('legacy', 'read')
  assert.deepEqual(Object.keys((await ask(`Bearer ${access}`)).json), ['sub'])
})

test('POST works like GET, and opaque tokens like others', async () => {
  const { access } = await server.signIn('legacy-reference', 'email')
  const answer = await ask(`bearer ${access}`, 'POST')
  assert.deepEqual([answer.status, answer.json['email']], [200, 'ada@example.com'])
})

test('two tokens in one request are an invalid_request', async () => {
  const { access } = await server.signIn('legacy')
  const headers = ['Host', 'x', 'Authorization', `Bearer ${access}`, 'Authorization', `Bearer ${access}`]
  const answer = await sendAs(server.url('userinfo'), { headers })
  assert.deepEqual([answer.status, answer.json['error']], [400, 'invalid_request'])
})

test('a token in the URL is refused', async () => {
  const { access } = await server.signIn('legacy')
  const answer = await send(`${server.url('userinfo')}?access_token=${access}`)
  assert.equal(answer.status, 400)
  assert.ok(!answer.text.includes(access))
})

test('without a token the challenge names no error', async () => {
  for (const authorization of [undefined, 'Basic YTpi', 'Bearerabc']) {
    const answer = await ask(authorization)
    assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, 'Bearer realm="orders"'])
  }
})

test('a token that is dead, wrong, or of a client in its own name is an invalid_token', async () => {
  const { access, refresh } = await server.signIn('legacy')
  await postForm(server.url('revoke'), { token: access }, basic('legacy', secretOf('legacy')))
  const own = await server.token('shop', { grant_type: 'client_credentials' })
  for (const token of [access, refresh, String(own.json['access_token']), 'abc', 'a.b.c']) {
    const answer = await ask(`Bearer ${token}`)
    assert.equal(answer.status, 401)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm="orders", error="invalid_token", error_description="[^"]+"$/)
    assert.ok(!answer.text.includes(token) || token.length < 8)
  }
})

test('other methods are refused', async () => {
  const answer = await ask(undefined, 'DELETE')
  assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'GET, POST'])
})
