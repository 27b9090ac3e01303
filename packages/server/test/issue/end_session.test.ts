// The end of a session as Keycloak's clients ask for it, and the authorization endpoint that no realm of ours serves yet.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { requestToken } from '../harness/demo.ts'
import { postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const at = (endpoint: string) => `${server.origin}/realms/wogeez/protocol/openid-connect/${endpoint}`
const callApi = async (token: string) =>
  (await send(`${server.origin}/apis/wogeez/`, { headers: { authorization: `Bearer ${token}` } })).status
const signIn = async () => {
  const { json } = await requestToken(server.origin, 'wogeez')
  return { access: String(json['access_token']), refresh: String(json['refresh_token']) }
}

test('the refresh token comes in, 204 goes out, and the family is dead', async () => {
  const { access, refresh } = await signIn()
  assert.equal(await callApi(access), 200)
  const answer = await postForm(at('logout'), { client_id: 'wogeez-api', refresh_token: refresh })
  assert.deepEqual([answer.status, answer.text], [204, ''])
  assert.equal(await callApi(access), 401)
  const again = await postForm(at('token'), { client_id: 'wogeez-api', grant_type: 'refresh_token', refresh_token: refresh })
  assertRefused(again, 400, 'invalid_grant')
})

test('a refresh token that was used already ends the session too', async () => {
  const { refresh } = await signIn()
  const next = await postForm(at('token'), { client_id: 'wogeez-api', grant_type: 'refresh_token', refresh_token: refresh })
  assert.equal((await postForm(at('logout'), { client_id: 'wogeez-api', refresh_token: refresh })).status, 204)
  assert.equal(await callApi(String(next.json['access_token'])), 401)
})

test('an unknown refresh token has no session to end: 204', async () => {
  assert.equal((await postForm(at('logout'), { client_id: 'wogeez-api', refresh_token: 'unknown' })).status, 204)
})

test('a missing refresh token is an invalid_request', async () => {
  assertRefused(await postForm(at('logout'), { client_id: 'wogeez-api' }), 400, 'invalid_request')
})

test('a client that nobody knows ends nothing', async () => {
  const { access, refresh } = await signIn()
  assertRefused(await postForm(at('logout'), { client_id: 'other', refresh_token: refresh }), 401, 'invalid_client')
  assert.equal(await callApi(access), 200)
})

test('a logout link is refused: GET ends no session and redirects nowhere', async () => {
  const answer = await send(`${at('logout')}?post_logout_redirect_uri=https://evil.example`)
  assert.deepEqual([answer.status, answer.headers.get('location')], [405, null])
})

test('the authorization endpoint refuses every response type on the spot and redirects nowhere', async () => {
  const query = 'client_id=wogeez-api&redirect_uri=https%3A%2F%2Fevil.example&state=s&response_type='
  for (const type of ['code', 'token', 'id_token', 'none', '']) {
    const answer = await send(`${at('auth')}?${query}${type}`)
    assertRefused(answer, 400, 'unsupported_response_type')
    assert.equal(answer.headers.get('location'), null)
    assert.equal(answer.headers.get('access-control-allow-origin'), null)
  }
  assertRefused(await postForm(at('auth'), { response_type: 'code', client_id: 'wogeez-api' }), 400, 'unsupported_response_type')
})
