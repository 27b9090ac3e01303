// Revocation: given back, a token is dead everywhere at once. RFC 7009.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import { basic, postForm, send } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'
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

const revoke = (token: string, client = 'legacy', more: Record<string, string> = {}) =>
  postForm(server.url('revoke'), { token, ...more }, basic(client, secretOf(client)))

test('a revoked access token is dead at the API and at introspection, and its refresh token lives on', async () => {
  const { access, refresh } = await server.signIn('legacy')
  assert.equal(await server.callApi(access), 200)
  assert.equal((await revoke(access)).status, 200)
  assert.equal(await server.callApi(access), 401)
  assert.deepEqual(await server.introspect(access), { active: false })
  assert.equal((await server.token('legacy', { grant_type: 'refresh_token', refresh_token: refresh })).status, 200)
})

test('a revoked refresh token takes every access token of its grant with it', async () => {
  const { access, refresh } = await server.signIn('legacy')
  const next = (await server.token('legacy', { grant_type: 'refresh_token', refresh_token: refresh })).json
  assert.equal((await revoke(String(next['refresh_token']), 'legacy', { token_type_hint: 'access_token' })).status, 200)
  for (const one of [access, String(next['access_token'])]) assert.equal(await server.callApi(one), 401)
  assertRefused(
    await server.token('legacy', { grant_type: 'refresh_token', refresh_token: String(next['refresh_token']) }),
    400,
    'invalid_grant',
  )
})

test('a refresh token that was used already still ends its grant: its owner may never have seen the next one', async () => {
  const { refresh } = await server.signIn('legacy')
  const next = (await server.token('legacy', { grant_type: 'refresh_token', refresh_token: refresh })).json
  assert.equal((await revoke(refresh)).status, 200)
  assert.equal(await server.callApi(String(next['access_token'])), 401)
  assertRefused(
    await server.token('legacy', { grant_type: 'refresh_token', refresh_token: String(next['refresh_token']) }),
    400,
    'invalid_grant',
  )
})

test('unknown, revoked and garbled tokens are as good as revoked: 200', async () => {
  const { access } = await server.signIn('legacy')
  for (const token of [access, access, 'unknown', 'a.b.c', 'cs_refresh_x']) assert.equal((await revoke(token)).status, 200)
})

test('a public client gives its own tokens back', async () => {
  const { refresh, access } = await server.signIn('phone')
  assert.equal((await postForm(server.url('revoke'), { client_id: 'phone', token: refresh })).status, 200)
  assert.equal(await server.callApi(access), 401)
})

test("another client's token is refused, and lives", async () => {
  const { access, refresh } = await server.signIn('legacy')
  for (const token of [access, refresh]) {
    assertRefused(await revoke(token, 'legacy-2'), 400, 'invalid_grant')
    assertRefused(await postForm(server.url('revoke'), { client_id: 'phone', token }), 400, 'invalid_grant')
  }
  assert.equal(await server.callApi(access), 200)
})

test('a missing token is an invalid_request', async () => {
  assertRefused(await postForm(server.url('revoke'), {}, basic('legacy', secretOf('legacy'))), 400, 'invalid_request')
})

test('nobody revokes without proving who it is', async () => {
  const { access } = await server.signIn('legacy')
  assertRefused(await postForm(server.url('revoke'), { token: access }), 401, 'invalid_client')
  assertRefused(await postForm(server.url('revoke'), { token: access }, basic('legacy', 'wrong')), 401, 'invalid_client')
  assert.equal(await server.callApi(access), 200)
})

test('only POST is taken', async () => {
  assert.equal((await send(server.url('revoke'))).status, 405)
})

test('a dialect whose tokens would outlive their refresh token is no dialect', async () => {
  const members = standard.claims.members.filter(({ name }) => name !== 'sid')
  await assert.rejects(
    startConfigured({
      realms: [{ id: 'lasting', dialects: [{ extends: 'standard', name: 'lasting', claims: { members } }], clients: [] }],
    }),
    /must have sid from sid in a user's token/,
  )
})
