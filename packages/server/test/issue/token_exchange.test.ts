// Token exchange: a service acts for a user with a narrower token of its own. RFC 8693. What comes in bad faith: token_exchange_attacks.test.ts.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import { assertRefused, assertUncached } from '../harness/verify.ts'
import type { Brokers } from './brokers.ts'
import { ACCESS_TOKEN, MAIL, startBrokers, TYPE } from './brokers.ts'
import { API, FILES, secretOf } from './orders.ts'

let server: Brokers
before(async () => {
  server = await startBrokers()
})
after(async () => {
  await server.close()
  assert.deepEqual(server.reports, [])
})

const byActor = async (): Promise<Record<string, string>> => ({
  actor_token: await server.serviceToken('broker', 'exchange'),
  actor_token_type: ACCESS_TOKEN,
})

test('a service token plus a user’s token gives a narrower token of the service for the user', async () => {
  const subject = await server.signIn()
  const answer = await server.exchange(subject['access_token'] ?? '', await byActor())
  assert.equal(answer.status, 200, answer.text)
  assertUncached(answer.headers)
  const { access_token, ...rest } = answer.json
  assert.deepEqual(rest, { token_type: 'Bearer', expires_in: 900, scope: 'read write', issued_token_type: ACCESS_TOKEN })
  const { active, iss, sub, client_id, aud, scope, act } = await server.introspect(String(access_token))
  assert.deepEqual(
    { active, iss, sub, client_id, aud, scope, act },
    {
      active: true,
      iss: `${server.origin}/realms/orders`,
      sub: 'user-ada',
      client_id: 'broker',
      aud: API,
      scope: 'read write',
      act: { sub: 'broker' },
    },
  )
  assert.equal(await server.callApi(String(access_token)), 200)
})

test('without an actor token the client’s own authentication speaks for it', async () => {
  assert.deepEqual((await server.introspect(await server.exchanged(await server.userToken())))['act'], { sub: 'broker' })
})

test('the request may narrow scope and audience', async () => {
  const claims = await server.introspect(await server.exchanged(await server.userToken(), { scope: 'write', audience: FILES }))
  assert.deepEqual([claims['scope'], claims['aud']], ['write', FILES])
  const byResource = await server.introspect(await server.exchanged(await server.userToken(), { resource: FILES }))
  assert.equal(byResource['aud'], FILES)
})

test('opaque tokens are exchanged, and given, like any other', async () => {
  const claims = await server.introspect(await server.exchanged(await server.userToken({ client: 'app-reference' })))
  assert.deepEqual([claims['sub'], claims['act']], ['user-ada', { sub: 'broker' }])
  const opaque = await server.exchanged(await server.userToken(), {}, 'broker-reference')
  assert.match(opaque, /^cs_token_/)
  assert.deepEqual((await server.introspect(opaque))['act'], { sub: 'broker-reference' })
})

test('a JWT may be called one', async () => {
  const types = { subject_token_type: `${TYPE}jwt`, requested_token_type: `${TYPE}jwt` }
  assert.equal((await server.exchange(await server.userToken(), types)).status, 200)
  assert.equal((await server.exchange(await server.userToken(), { requested_token_type: ACCESS_TOKEN })).status, 200)
})

test('the new token ends with the user’s at the latest', async () => {
  const { access_token: subject = '' } = await server.signIn()
  server.pass(600)
  const answer = await server.exchange(subject)
  assert.equal(answer.json['expires_in'], 300)
  assert.equal((await server.introspect(String(answer.json['access_token'])))['exp'], (await server.introspect(subject))['exp'])
  server.pass(299)
  assert.equal(await server.callApi(String(answer.json['access_token'])), 200)
  server.pass(1)
  assert.equal(await server.callApi(String(answer.json['access_token'])), 401)
})

test('there is no refresh token, and the same request is never answered with the same token', async () => {
  const subject = await server.userToken()
  const [first, second] = [await server.exchange(subject), await server.exchange(subject)]
  assert.equal('refresh_token' in first.json, false)
  const jti = async (answer: Answer) => (await server.introspect(String(answer.json['access_token'])))['jti']
  assert.notEqual(await jti(first), await jti(second))
})

test('an exchanged token dies with the sign-in it came from', async () => {
  const { access_token: subject = '', refresh_token = '' } = await server.signIn()
  const first = await server.exchanged(subject)
  const second = await server.exchanged(first, {}, 'relay')
  assert.deepEqual([await server.callApi(first), await server.callApi(second)], [200, 200])
  assert.equal((await postForm(server.url('revoke'), { token: refresh_token, client_id: 'app' })).status, 200)
  for (const token of [subject, first, second]) {
    assert.equal(await server.callApi(token), 401)
    assert.deepEqual(await server.introspect(token), { active: false })
    assertRefused(await server.exchange(token, {}, 'relay'), 400, 'invalid_request')
  }
})

test('exchanged again and again, a token tells all who acted, and the chain ends at four', async () => {
  let token = await server.exchanged(await server.userToken())
  let act: Record<string, unknown> = { sub: 'broker' }
  for (let round = 2; round <= 4; round++) {
    token = await server.exchanged(token, {}, 'relay')
    act = { sub: 'relay', act }
    const claims = await server.introspect(token)
    assert.deepEqual([claims['act'], claims['sub'], claims['client_id']], [act, 'user-ada', 'relay'])
  }
  assertRefused(await server.exchange(token, {}, 'relay'), 400, 'invalid_request')
})

test('no exchange widens what the one before narrowed', async () => {
  const narrow = await server.exchanged(await server.userToken(), { scope: 'read' })
  assert.equal((await server.introspect(await server.exchanged(narrow, {}, 'two-rules')))['scope'], 'read')
  assertRefused(await server.exchange(narrow, { audience: FILES, scope: 'write' }, 'two-rules'), 400, 'invalid_scope')
})

test('the first rule that fits decides', async () => {
  const subject = await server.userToken()
  const claims = async (parameters: Record<string, string>) => {
    const { aud, scope } = await server.introspect(await server.exchanged(subject, parameters, 'two-rules'))
    return [aud, scope]
  }
  assert.deepEqual(await claims({}), [API, 'read'])
  assert.deepEqual(await claims({ audience: FILES }), [FILES, 'write'])
  assertRefused(await server.exchange(subject, { audience: FILES, scope: 'read' }, 'two-rules'), 400, 'invalid_scope')
  assertRefused(await server.exchange(subject, { audience: FILES, resource: API }, 'two-rules'), 400, 'invalid_target')
})

const WRONG: readonly (readonly [what: string, changes: Record<string, string>, error?: string])[] = [
  ['without a subject token', { subject_token: '' }],
  ['without the type of the subject token', { subject_token_type: '' }],
  ['with the subject token called an ID token', { subject_token_type: `${TYPE}id_token` }],
  ['with the subject token called a refresh token', { subject_token_type: `${TYPE}refresh_token` }],
  ['with the subject token called a SAML assertion', { subject_token_type: `${TYPE}saml2` }],
  ['with a type that is none', { subject_token_type: 'access_token' }],
  ['with an actor token of no type', { actor_token: 'x' }],
  ['with the type of an actor token and no actor token', { actor_token_type: ACCESS_TOKEN }],
  ['for a refresh token', { requested_token_type: `${TYPE}refresh_token` }],
  ['for an ID token', { requested_token_type: `${TYPE}id_token` }],
  ['for more scope than the user’s token has', { scope: 'read admin' }, 'invalid_scope'],
  ['for scope that the user’s token has and the rule has not', { scope: 'email' }, 'invalid_scope'],
  ['for scope that the client has and the user’s token has not', { scope: 'exchange' }, 'invalid_scope'],
  ['for an audience that the rule has not', { audience: MAIL }, 'invalid_target'],
  ['for an unknown audience', { audience: 'https://evil.example.com' }, 'invalid_target'],
  ['for one allowed audience and one that is not', { audience: API, resource: MAIL }, 'invalid_target'],
  ['for a resource with a fragment', { resource: `${API}#x` }, 'invalid_target'],
]

for (const [what, changes, error = 'invalid_request'] of WRONG) {
  test(`an exchange ${what} is refused with ${error}`, async () => {
    assertRefused(await server.exchange(await server.userToken(), changes), 400, error)
  })
}

test('a client with an opaque format gives no JWT, and an opaque token is none', async () => {
  assertRefused(
    await server.exchange(await server.userToken(), { requested_token_type: `${TYPE}jwt` }, 'broker-reference'),
    400,
    'invalid_request',
  )
  assertRefused(
    await server.exchange(await server.userToken({ client: 'app-reference' }), { subject_token_type: `${TYPE}jwt` }),
    400,
    'invalid_request',
  )
})

test('with several audiences and none by default the request must name one', async () => {
  const answer = await server.exchange(await server.userToken(), {}, 'undecided')
  assertRefused(answer, 400, 'invalid_target')
  assert.match(String(answer.json['error_description']), /for instance https:\/\/api\.example\.com$/)
  assert.equal((await server.exchange(await server.userToken(), { audience: FILES }, 'undecided')).status, 200)
})

test('it dies with a subject token that has no family too', async () => {
  const subject = await server.userToken({ client: 'mixed' })
  const got = await server.exchanged(subject, { audience: API }, 'relay')
  assert.equal((await server.introspect(got))['active'], true)
  assert.equal((await postForm(server.url('revoke'), { token: subject }, basic('mixed', secretOf('mixed')))).status, 200)
  assert.equal((await server.introspect(got))['active'], false)
})
