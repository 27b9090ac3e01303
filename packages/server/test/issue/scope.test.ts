// What a token may do: asked, defaulted, narrowed to what its APIs understand. RFC 6749 section 3.3.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { assertRefused } from '../harness/verify.ts'
import type { Orders } from './orders.ts'
import { API, FILES, startOrders } from './orders.ts'

let server: Orders
before(async () => {
  server = await startOrders()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const ask = (client: string, more: Record<string, string>) => server.token(client, { grant_type: 'client_credentials', ...more })

test('what is asked and allowed is granted, in the order asked, and told', async () => {
  const answer = await ask('shop', { scope: 'write read' })
  assert.deepEqual([answer.status, answer.json['scope']], [200, 'write read'])
  assert.equal((await server.introspect(String(answer.json['access_token'])))['scope'], 'write read')
})

test('who asks for nothing gets the default, and is told', async () => {
  assert.equal((await ask('shop', {})).json['scope'], 'read')
})

test('a value twice and spaces too many are one value', async () => {
  assert.equal((await ask('shop', { scope: ' read  read ' })).json['scope'], 'read')
})

test('openid asks for an ID token, which nothing here gives: it is left out, as Keycloak’s clients expect who always send it', async () => {
  assert.equal((await ask('shop', { scope: 'openid write' })).json['scope'], 'write')
  assert.equal((await ask('shop', { scope: 'openid' })).json['scope'], 'read')
})

test('a client without scopes gets a token without scope, and no empty member', async () => {
  const { json } = await ask('plain', {})
  assert.ok(!('scope' in json))
  assert.ok(!('scope' in (await server.introspect(String(json['access_token'])))))
})

test('the default is narrowed to what the API understands, and a scope it does not understand is refused', async () => {
  assert.equal((await ask('undecided', { audience: API })).json['scope'], 'read')
  assert.equal((await ask('undecided', { audience: FILES })).json['scope'], 'read admin')
  assertRefused(await ask('undecided', { audience: API, scope: 'admin' }), 400, 'invalid_scope')
})

test('a value that is unknown, or not this client’s, is an invalid_scope, even beside good ones', async () => {
  for (const scope of ['unknown', 'read unknown', 'READ', 'email', '__proto__', 'read,write'])
    assertRefused(await ask('shop', { scope }), 400, 'invalid_scope')
})

test('characters that no scope has are an invalid_scope', async () => {
  for (const scope of ['re"ad', 're\\ad', 'réad', 'read\u2028', 'x'.repeat(300)])
    assertRefused(await ask('shop', { scope }), 400, 'invalid_scope')
})

test('more values than anybody needs are an invalid_scope', async () => {
  assertRefused(await ask('shop', { scope: Array.from({ length: 101 }, (_, index) => `s${index}`).join(' ') }), 400, 'invalid_scope')
})

test('a route asks for its scope: 403 without, 200 with', async () => {
  const [reader, writer] = [await ask('shop', { scope: 'read' }), await ask('shop', { scope: 'write' })]
  assert.equal(await server.callApi(String(reader.json['access_token']), '/orders', 'POST'), 403)
  assert.equal(await server.callApi(String(writer.json['access_token']), '/orders', 'POST'), 200)
})
