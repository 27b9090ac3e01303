// The requests of Wych's integration page, word for word, and the header that it spells with an s.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { accessToken } from '../harness/demo.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured, startDemo } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { hashed } from '../issue/orders.ts'
import { fillIn, NO_CURL, runShell } from './page.ts'

const DISCOVERY_REQUEST = `curl --location 'https://login.wych.app/realms/partner/.well-known/openid-configuration'`

const DISCOVERY_RESPONSE = `{
"issuer": "https://login.wych.app/realms/partner",
"authorization_endpoint": "https://login.wych.app/realms/partner/protocol/openid-connect/auth",
"token_endpoint": "https://login.wych.app/realms/partner/protocol/openid-connect/token",
"introspection_endpoint": "https://login.wych.app/realms/partner/protocol/openid-connect/token/introspect",
"userinfo_endpoint": "https://login.wych.app/realms/partner/protocol/openid-connect/userinfo",
"end_session_endpoint": "https://login.wych.app/realms/partner/protocol/openid-connect/logout",
"jwks_uri": "https://login.wych.app/realms/partner/protocol/openid-connect/certs",
"grant_types_supported": [
"authorization_code refresh_token client_credentials"
]
}`

const TOKEN_REQUEST = `curl --location '{{token_endpoint}}' \\
--header 'Content-Type: application/x-www-form-urlencoded' \\
--data-urlencode 'client_id=client_123456789' \\
--data-urlencode 'client_secret=supxxxxxxxxret' \\
--data-urlencode 'grant_type=client_credentials'`

const RESPONSE = {
  expires_in: 900,
  refresh_expires_in: 0,
  token_type: 'Bearer',
  'not-before-policy': 0,
  scope: 'EXECUTE:TOKEN_EXCHANGE READ:APP_USERS',
}

const KEY = { 'x-api-key': 'demo-wych-api-key' }

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const discover = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await runShell(fillIn(DISCOVERY_REQUEST, { 'https://login.wych.app': server.origin })))
const call = (headers: Record<string, string>) => send(`${server.origin}/apis/partner/users`, { headers })

test('discovery has the page’s members in its order, and the endpoints at its paths', { skip: NO_CURL }, async () => {
  const shown: Record<string, unknown> = JSON.parse(fillIn(DISCOVERY_RESPONSE, { 'https://login.wych.app': server.origin }))
  const answer = await discover()
  const { grant_types_supported: _, ...urls } = shown
  assert.deepEqual(Object.fromEntries(Object.keys(urls).map((name) => [name, answer[name]])), urls)
  const order = Object.keys(answer).filter((name) => name in shown)
  assert.deepEqual(order, Object.keys(shown))
  // Correct by default; as the page has it with `verbatim`, which test/issue/dialects.test.ts shows.
  assert.deepEqual(answer['grant_types_supported'], ['client_credentials', 'password', 'urn:ietf:params:oauth:grant-type:token-exchange'])
})

test('the token request to the discovered endpoint answers to the letter', { skip: NO_CURL }, async () => {
  const answer = JSON.parse(await runShell(fillIn(TOKEN_REQUEST, { '{{token_endpoint}}': String((await discover())['token_endpoint']) })))
  assert.deepEqual(Object.keys(answer), ['access_token', ...Object.keys(RESPONSE)])
  const { access_token, ...rest } = answer
  assert.deepEqual(rest, RESPONSE)
  assert.match(access_token, /^eyJhbGc/)
})

test('key and token together open the API, in either spelling of the header and any case of the scheme', async () => {
  const token = await accessToken(server.origin, 'partner')
  for (const header of ['authorisation', 'Authorisation', 'AUTHORISATION', 'authorization', 'Authorization']) {
    for (const scheme of ['bearer', 'Bearer', 'BEARER'])
      assert.equal((await call({ ...KEY, [header]: `${scheme} ${token}` })).status, 200, `${header} ${scheme}`)
  }
})

test('the token in both spellings at once is refused', async () => {
  const token = await accessToken(server.origin, 'partner')
  assert.equal((await call({ ...KEY, authorisation: `bearer ${token}`, authorization: `Bearer ${token}` })).status, 400)
})

test('the key alone opens nothing', async () => {
  const answer = await call(KEY)
  assert.deepEqual([answer.status, answer.json['code']], [401, 'missing_token'])
  assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="partner"')
})

test('the token alone is not enough', async () => {
  const answer = await call({ authorisation: `bearer ${await accessToken(server.origin, 'partner')}` })
  assert.deepEqual([answer.status, answer.json['code']], [401, 'missing_api_key'])
})

test('a wrong key beside a good token is refused, and so is a good key beside a wrong token', async () => {
  const authorisation = `bearer ${await accessToken(server.origin, 'partner')}`
  for (const key of ['demo-wych-api-keY', 'demo-wych-api-key2', 'x']) {
    const answer = await call({ authorisation, 'x-api-key': key })
    assert.deepEqual([answer.status, answer.json['code']], [401, 'invalid_api_key'])
  }
  assert.deepEqual((await call({ ...KEY, authorisation: `${authorisation}x` })).json['code'], 'invalid_token')
})

describe('a realm with two clients, each with a key', () => {
  let own: TestServer
  let upstream: Upstream
  before(async () => {
    upstream = await startEcho()
    const client = (clientId: string) => ({
      clientId,
      secret: hashed(`the secret of ${clientId}`),
      apiKeys: [{ id: `key-${clientId}`, key: hashed(`the API key of ${clientId}`.replaceAll(' ', '-')) }],
    })
    own = await startConfigured({
      realms: [{ id: 'two', audiences: ['https://api.example.com'], clients: [client('ann'), client('bob')] }],
      apis: [
        { id: 'two', realm: 'two', upstream: upstream.origin, apiKey: 'required' },
        { id: 'either', realm: 'two', upstream: upstream.origin, apiKey: 'optional' },
      ],
    })
  })
  after(async () => {
    assert.deepEqual(own.reports, [])
    await own.close()
    await upstream.close()
  })
  const tokenOf = async (client: string) =>
    String(
      (
        await postForm(
          `${own.origin}/realms/two/oauth2/token`,
          { grant_type: 'client_credentials' },
          basic(client, `the secret of ${client}`),
        )
      ).json['access_token'],
    )
  const use = (api: string, token: string, key?: string) =>
    send(`${own.origin}/apis/${api}/`, {
      headers: { authorization: `Bearer ${token}`, ...(key !== undefined && { 'x-api-key': `the-API-key-of-${key}` }) },
    })

  test('each opens the API with its own key, and the upstream learns which', async () => {
    for (const client of ['ann', 'bob']) {
      const answer = await use('two', await tokenOf(client), client)
      assert.equal(answer.status, 200)
      assert.equal((answer.json['headers'] as Record<string, string>)['x-countersign-api-key'], `key-${client}`)
    }
  })

  test("a valid key with the other client's valid token is refused as a mismatch", async () => {
    for (const api of ['two', 'either']) {
      const answer = await use(api, await tokenOf('ann'), 'bob')
      assert.deepEqual([answer.status, answer.json['code']], [403, 'client_mismatch'])
    }
  })

  test('the mismatch is told again when the token is known from a good request', async () => {
    const token = await tokenOf('ann')
    assert.equal((await use('two', token, 'ann')).status, 200)
    assert.equal((await use('two', token, 'bob')).status, 403)
    assert.equal((await use('two', token)).status, 401)
    assert.equal((await use('two', token, 'ann')).status, 200)
  })

  test('where the key is optional, the token alone will do and a wrong key will not', async () => {
    const token = await tokenOf('ann')
    assert.equal((await use('either', token)).status, 200)
    assert.equal((await use('either', token, 'nobody')).status, 401)
  })
})
