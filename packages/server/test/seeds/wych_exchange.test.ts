// What Wych's scope EXECUTE:TOKEN_EXCHANGE is for: its partner turns a token of the app's user into one of its own, to read as that user.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TOKEN_EXCHANGE } from '@countersign/protocol/oauth/grant_type'
import { DEMO_SECRETS } from '../../src/config/demo.ts'
import { requestToken, TOKEN_PATHS } from '../harness/demo.ts'
import { postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const tokenOf = async (answer: ReturnType<typeof requestToken>): Promise<string> => String((await answer).json['access_token'])
const userToken = (): Promise<string> => {
  const user = { username: 'wych-user', password: DEMO_SECRETS.partnerPassword, grant_type: 'password' }
  return tokenOf(postForm(server.origin + TOKEN_PATHS.partner, { ...user, client_id: 'wych-app' }))
}
const exchange = (subject: string, changes: Record<string, string> = {}) =>
  requestToken(server.origin, 'partner', {
    grant_type: TOKEN_EXCHANGE,
    subject_token: subject,
    subject_token_type: ACCESS_TOKEN,
    ...changes,
  })
const claimsOf = (token: unknown): Record<string, unknown> =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString('utf8'))

test('the partner gets a token that names the user and itself, may only read, and opens the API with its key', async () => {
  const subject = await userToken()
  const actor = { actor_token: await tokenOf(requestToken(server.origin, 'partner')), actor_token_type: ACCESS_TOKEN }
  const answer = await exchange(subject, actor)
  assert.deepEqual(
    [answer.status, answer.json['scope'], answer.json['issued_token_type']],
    [200, 'READ:APP_USERS', ACCESS_TOKEN],
    answer.text,
  )
  const claims = claimsOf(answer.json['access_token'])
  assert.equal(claims['sub'], claimsOf(subject)['sub'])
  assert.deepEqual([claims['client_id'], claims['act']], ['client_123456789', { sub: 'client_123456789' }])
  const headers = { 'x-api-key': DEMO_SECRETS.partnerApiKey, authorisation: `bearer ${String(answer.json['access_token'])}` }
  assert.equal((await send(`${server.origin}/apis/partner/users`, { headers })).status, 200)
})

test('a service token without EXECUTE:TOKEN_EXCHANGE cannot be used to act for a user', async () => {
  const actor = await tokenOf(requestToken(server.origin, 'partner', { scope: 'READ:APP_USERS' }))
  const answer = await exchange(await userToken(), { actor_token: actor, actor_token_type: ACCESS_TOKEN })
  assert.deepEqual([answer.status, answer.json['error']], [400, 'invalid_request'])
})

test('the app itself may not exchange, and neither may the partner exchange its own token', async () => {
  const own = await exchange(await tokenOf(requestToken(server.origin, 'partner')))
  assert.deepEqual([own.status, own.json['error']], [400, 'invalid_request'])
  const parameters = {
    client_id: 'wych-app',
    grant_type: TOKEN_EXCHANGE,
    subject_token: await userToken(),
    subject_token_type: ACCESS_TOKEN,
  }
  const app = await postForm(server.origin + TOKEN_PATHS.partner, parameters)
  assert.deepEqual([app.status, app.json['error']], [400, 'unauthorized_client'])
})
