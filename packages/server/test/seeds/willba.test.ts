// The requests of Willba's integration page, word for word.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { verifiedByJose } from '../harness/verify.ts'
import type { Echo } from './page.ts'
import { fillIn, NO_CURL, runShell } from './page.ts'

const TOKEN_REQUEST = `curl -X POST \\
-H "Content-Type: application/x-www-form-urlencoded" \\
-d "client_id=YOUR_CLIENT_ID" \\
-d "client_secret=YOUR_CLIENT_SECRET" \\
-d "grant_type=client_credentials" \\
"https://auth.willba.app/realms/{realm-name}/protocol/openid-connect/token"`

const API_REQUEST = `# Sample API call with cURL
curl -X GET \\
-H "Authorization: Bearer YOUR_ACCESS_TOKEN" \\
"https://api.willba.app/some-endpoint"`

const RESPONSE = { expires_in: 300, refresh_expires_in: 0, token_type: 'Bearer', 'not-before-policy': 0, scope: 'email profile' }

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const token = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await runShell(fillIn(TOKEN_REQUEST, { 'https://auth.willba.app': server.origin, '{realm-name}': 'willba' })))

test('the token request answers to the letter: the page’s members, values and order', { skip: NO_CURL }, async () => {
  const answer = await token()
  assert.deepEqual(Object.keys(answer), ['access_token', ...Object.keys(RESPONSE)])
  const { access_token, ...rest } = answer
  assert.deepEqual(rest, RESPONSE)
  assert.match(String(access_token), /^eyJhbG/)
})

test('the token is a JWT of the realm for Willba’s API', { skip: NO_CURL }, async () => {
  const { header, claims } = await verifiedByJose(
    server.origin,
    '/realms/willba',
    String((await token())['access_token']),
    'https://api.willba.app',
  )
  assert.deepEqual([header.alg, claims['typ'], claims['azp']], ['RS256', 'Bearer', 'YOUR_CLIENT_ID'])
  assert.equal((claims.exp ?? 0) - (claims.iat ?? 0), 300)
})

test('the API call with the token reaches the API', { skip: NO_CURL }, async () => {
  const { access_token } = await token()
  const lines = fillIn(API_REQUEST, { YOUR_ACCESS_TOKEN: String(access_token), 'https://api.willba.app': `${server.origin}/apis/willba` })
  const echo: Echo = JSON.parse(await runShell(lines))
  assert.deepEqual([echo.method, echo.path, echo.headers['x-countersign-client']], ['GET', '/some-endpoint', 'YOUR_CLIENT_ID'])
})

test('the API call with the placeholder left in is refused with 401', { skip: NO_CURL }, async () => {
  const lines = fillIn(API_REQUEST, {
    'curl -X GET': 'curl -s -w "\\n%{http_code}" -X GET',
    'https://api.willba.app': `${server.origin}/apis/willba`,
  })
  assert.match(await runShell(lines), /invalid_token[\s\S]*\n401$/)
})

test('both work at the page’s own host names too', async () => {
  const issued = await sendAs(`${server.origin}/realms/willba/protocol/openid-connect/token`, {
    method: 'POST',
    headers: { host: 'auth.willba.app', 'content-type': 'application/x-www-form-urlencoded' },
    body: 'client_id=YOUR_CLIENT_ID&client_secret=YOUR_CLIENT_SECRET&grant_type=client_credentials',
  })
  assert.equal(issued.status, 200)
  const authorization = `Bearer ${String(issued.json['access_token'])}`
  assert.equal((await sendAs(`${server.origin}/some-endpoint`, { headers: { host: 'api.willba.app', authorization } })).status, 200)
})
