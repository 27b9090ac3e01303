// simple-oauth2, which knows paths and no discovery: both its grants, refresh and revocation, in the header and in the body, form and JSON.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ModuleOptions } from 'simple-oauth2'
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'
import { presentation, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { Market } from './market.ts'
import { ADA, DIFFICULT, PATHS, SHOP, startMarket } from './market.ts'

let market: Market
let demo: TestServer
before(async () => {
  ;[market, demo] = await Promise.all([startMarket(), startDemo()])
})
after(async () => {
  await Promise.all([market.close(), demo.close()])
  assert.deepEqual([...market.reports, ...demo.reports], [])
})

type Options = NonNullable<ModuleOptions['options']>

const ofMarket = ({ clientId, secret }: { clientId: string; secret: string }, options: Options = {}): ModuleOptions => ({
  client: { id: clientId, secret },
  auth: { tokenHost: market.origin, tokenPath: PATHS.token, revokePath: PATHS.revocation },
  options,
})

const ofDemo = (realm: keyof typeof TOKEN_PATHS, revokePath: string, options: Options): ModuleOptions => {
  const { client_id: id = '', client_secret: secret } = TOKEN_REQUESTS[realm]
  return {
    client: secret === undefined ? { id } : { id, secret },
    auth: { tokenHost: demo.origin, tokenPath: TOKEN_PATHS[realm], revokePath },
    options,
  }
}

/** Status of the guarded sample API for a token shown as the realm's page says. */
const callApi = async (realm: keyof typeof TOKEN_PATHS, token: unknown): Promise<number> =>
  (await send(`${demo.origin}/apis/${realm}/orders`, { headers: presentation(realm, String(token)) })).status

/** The library's word for a refusal is Boom's: status and body. */
const refusedWith = (status: number, error: string) => (thrown: unknown) => {
  const { output, data } = thrown as { output?: { statusCode: number }; data?: { payload?: { error?: string } } }
  assert.deepEqual([output?.statusCode, data?.payload?.error], [status, error], String(thrown))
  return true
}

for (const authorizationMethod of ['header', 'body'] as const) {
  for (const client of [SHOP, DIFFICULT]) {
    test(`simple-oauth2 gets a token with the credentials of ${client.clientId} in the ${authorizationMethod}`, async () => {
      const { token } = await new ClientCredentials(ofMarket(client, { authorizationMethod })).getToken({ scope: 'orders:read' })
      assert.deepEqual([token['token_type'], token['expires_in'], token['scope']], ['Bearer', 600, 'orders:read'])
    })
  }
}

test('simple-oauth2 takes a person through password, refresh and revocation of both tokens', async () => {
  const first = await new ResourceOwnerPassword(ofMarket(SHOP)).getToken(ADA)
  assert.equal(first.expired(), false)
  assert.equal(first.expired(601), true)
  const second = await first.refresh()
  assert.notEqual(second.token['refresh_token'], first.token['refresh_token'])
  await second.revokeAll()
  await assert.rejects(second.refresh(), refusedWith(400, 'invalid_grant'))
})

test('simple-oauth2 learns of a wrong secret and of a grant that the client lacks', async () => {
  const wrong = new ClientCredentials(ofMarket({ ...SHOP, secret: 'wrong' }))
  await assert.rejects(wrong.getToken({}), refusedWith(401, 'invalid_client'))
  const willba = new ResourceOwnerPassword(ofDemo('willba', '/unused', { authorizationMethod: 'body' }))
  await assert.rejects(willba.getToken(ADA), refusedWith(400, 'unsupported_grant_type'))
})

test('simple-oauth2 gets a willba token in the header and in the body, opens the API, and revokes it', async () => {
  for (const authorizationMethod of ['header', 'body'] as const) {
    const options = ofDemo('willba', '/realms/willba/protocol/openid-connect/revoke', { authorizationMethod })
    const access = await new ClientCredentials(options).getToken({})
    assert.equal(access.token['refresh_expires_in'], 0)
    assert.equal(await callApi('willba', access.token['access_token']), 200)
    await access.revoke('access_token')
    assert.equal(await callApi('willba', access.token['access_token']), 401)
  }
})

test('simple-oauth2 takes the public client of wogeez through password, refresh and revocation', async () => {
  // It sends a secret always: a public client's is empty, and that is no secret (RFC 6749 section 2.3.1).
  const { auth, client } = ofDemo('wogeez', '/realms/wogeez/protocol/openid-connect/revoke', {})
  for (const authorizationMethod of ['header', 'body'] as const) {
    const wogeez = new ResourceOwnerPassword({ auth, client: { ...client, secret: '' }, options: { authorizationMethod } })
    const first = await wogeez.getToken({ username: 'your-username', password: 'your-password' })
    assert.equal(await callApi('wogeez', first.token['access_token']), 200)
    const second = await first.refresh()
    assert.equal(await callApi('wogeez', second.token['access_token']), 200)
    await second.revoke('refresh_token')
    await assert.rejects(second.refresh(), refusedWith(400, 'invalid_grant'))
    assert.equal(await callApi('wogeez', second.token['access_token']), 401)
  }
})

for (const bodyFormat of ['form', 'json'] as const) {
  for (const authorizationMethod of ['header', 'body'] as const) {
    test(`simple-oauth2 gets and revokes a wave token by ${bodyFormat} with the credentials in the ${authorizationMethod}`, async () => {
      const options = ofDemo('wave', '/realms/wave/oauth/revoke', { bodyFormat, authorizationMethod })
      const access = await new ClientCredentials(options).getToken({ audience: 'https://api.wave.bemobi.com' })
      assert.equal(await callApi('wave', access.token['access_token']), 200)
      await access.revoke('access_token')
      assert.equal(await callApi('wave', access.token['access_token']), 401)
    })
  }
}

test('simple-oauth2 sends the JSON of the webcommander page, refreshes and revokes', async () => {
  const { auth_string: authString = '', redirect_uri: redirectUri = '' } = TOKEN_REQUESTS.webcommander
  const options = ofDemo('webcommander', '/realms/webcommander/api/v4/oauth2/revoke', { bodyFormat: 'json', authorizationMethod: 'body' })
  const first = await new ClientCredentials(options).getToken({ auth_string: authString, redirect_uri: redirectUri })
  assert.equal(await callApi('webcommander', first.token['access_token']), 200)
  const second = await first.refresh()
  assert.equal(await callApi('webcommander', second.token['access_token']), 200)
  await second.revokeAll()
  assert.equal(await callApi('webcommander', second.token['access_token']), 401)
})
