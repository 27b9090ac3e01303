// The request of WebCommander's integration page, word for word, and its home-made way to show a token.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { requestToken, TOKEN_PATHS } from '../harness/demo.ts'
import { postJson, send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'

const EXAMPLE_REQUEST = `{
"grant_type": "client_credentials",
"auth_string": "bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t",
"redirect_uri": "https://api.webcommander.com/oauth-callback",
"client_id": "f6681a45ad483e3c0a37016561d5b8be",
"client_secret": "14e72a77d9125429b0c514010ddb0e46"
}`
/** On the page, of a token nobody has. */
const EXAMPLE_HEADER = 'access_token: ZTcwL2Q3N2IsODU4NjFgNDIsMjRkMiwzYzg0LGE4ZWIsNjMzYTZlMDNiZWVgLDgvMDMsYWMyMDc='

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const post = (body: string) =>
  send(server.origin + TOKEN_PATHS.webcommander, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
const call = (headers: Record<string, string>) => send(`${server.origin}/apis/webcommander/api/v4/admin/products`, { headers })

test('the example request gets the page’s members in its order, and token_type for strict clients', async () => {
  const answer = await post(EXAMPLE_REQUEST)
  assert.equal(answer.status, 200)
  assert.deepEqual(Object.keys(answer.json), ['access_token', 'refresh_token', 'expires_in', 'token_type'])
  assert.deepEqual([answer.json['expires_in'], answer.json['token_type']], [3600, 'Bearer'])
})

test('the token opens the API in the page’s header', async () => {
  const { json } = await post(EXAMPLE_REQUEST)
  const answer = await call({ access_token: String(json['access_token']) })
  assert.equal(answer.status, 200)
  assert.equal(answer.json['path'], '/api/v4/admin/products')
})

test('and in the Authorization header, of which the page speaks too', async () => {
  const { json } = await post(EXAMPLE_REQUEST)
  assert.equal((await call({ Authorization: `Bearer ${String(json['access_token'])}` })).status, 200)
})

test('at the page’s own host name everything stands at its paths from the root', async () => {
  const headers = { host: 'api.webcommander.com', 'content-type': 'application/json' }
  const issued = await sendAs(`${server.origin}/api/v4/oauth2/token`, { method: 'POST', headers, body: EXAMPLE_REQUEST })
  assert.equal(issued.status, 200)
  const shown = { host: 'api.webcommander.com', access_token: String(issued.json['access_token']) }
  const opened = await sendAs(`${server.origin}/api/v4/admin/products`, { headers: shown })
  assert.deepEqual([opened.status, opened.json['path']], [200, '/api/v4/admin/products'])
})

test('the refresh token gets a new token without the user’s credentials', async () => {
  const { refresh_token } = (await post(EXAMPLE_REQUEST)).json
  const { client_id, client_secret } = JSON.parse(EXAMPLE_REQUEST)
  const answer = await postJson(server.origin + TOKEN_PATHS.webcommander, {
    grant_type: 'refresh_token',
    refresh_token,
    client_id,
    client_secret,
  })
  assert.equal(answer.status, 200)
  assert.equal((await call({ access_token: String(answer.json['access_token']) })).status, 200)
})

test('without auth_string, or with one that cannot be read, it is an invalid_request that names it', async () => {
  for (const auth_string of [
    undefined,
    '',
    '!!!',
    'bm9jb2xvbg==',
    Buffer.from(':only a password').toString('base64'),
    Buffer.from([0xff, 0x3a, 0x41]).toString('base64'),
  ]) {
    assertRefused(await requestToken(server.origin, 'webcommander', { auth_string }), 400, 'invalid_request')
  }
})

test('auth_string beside the same thing said in plain is refused', async () => {
  assertRefused(await requestToken(server.origin, 'webcommander', { username: 'newwc7@mywebcommander.com' }), 400, 'invalid_request')
})

test('a wrong user in auth_string is an invalid_grant', async () => {
  assertRefused(
    await requestToken(server.origin, 'webcommander', { auth_string: Buffer.from('a:b').toString('base64') }),
    400,
    'invalid_grant',
  )
})

test('the page’s example token is not valid', async () => {
  const [name = '', value = ''] = EXAMPLE_HEADER.split(': ')
  const answer = await call({ [name]: value })
  assert.deepEqual([answer.status, answer.json['code']], [401, 'invalid_token'])
})

test('the token in two headers at once is refused', async () => {
  const { json } = await post(EXAMPLE_REQUEST)
  const token = String(json['access_token'])
  assert.equal((await call({ access_token: token, authorization: `Bearer ${token}` })).status, 400)
})
