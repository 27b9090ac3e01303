// The JavaScript of Wave's integration page, word for word, in a Node of its own; and the same request as JSON.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { requestToken, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { postJson, send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { assertRefused, verifiedByJose } from '../harness/verify.ts'
import { fillIn, runJavaScript } from './page.ts'

const JAVASCRIPT = `const clientID = "the-client-id"
const clientSecret = "the-secret-id"
const qs = new URLSearchParams()
qs.set("grant_type", "client_credentials")
qs.set("client_id", clientID)
qs.set("client_secret", clientSecret)
qs.set("audience", "<Resource Server Uri>"); // https://api.wave.bemobi.com
const requestOptions = {
method: "POST",
headers: { "Content-Type": "application/x-www-form-urlencoded" },
body: qs.toString(),
}
fetch("<Authorization Server Uri>/oauth/token", requestOptions)
.then((response) => response.json())
.then((data) => console.log(data))`

const AUDIENCE = 'https://api.wave.bemobi.com'

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('the page’s JavaScript logs a token, its lifetime and its type', async () => {
  const code = fillIn(JAVASCRIPT, { '<Resource Server Uri>': AUDIENCE, '<Authorization Server Uri>': `${server.origin}/realms/wave` })
  const said = await runJavaScript(code)
  assert.match(said, /access_token: ?\s*'eyJ[A-Za-z0-9_.-]+'/)
  assert.match(said, /expires_in: 3600/)
  assert.match(said, /token_type: 'Bearer'/)
  const token = /'(eyJ[^']+)'/.exec(said)?.[1] ?? ''
  const { claims } = await verifiedByJose(server.origin, '/realms/wave', token, AUDIENCE)
  assert.deepEqual([claims.sub, claims.iss], ['the-client-id@clients', `${server.origin}/realms/wave/`])
  const opened = await send(`${server.origin}/apis/wave/charges`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(opened.status, 200)
})

test('the same as JSON, as Auth0’s own page has it', async () => {
  const answer = await postJson(server.origin + TOKEN_PATHS.wave, TOKEN_REQUESTS.wave)
  assert.equal(answer.status, 200)
  assert.deepEqual([answer.json['expires_in'], answer.json['token_type'], answer.json['refresh_token']], [3600, 'Bearer', undefined])
})

test('one token serves again and again while it is valid', async () => {
  const { json } = await requestToken(server.origin, 'wave')
  for (let use = 0; use < 5; use++) {
    assert.equal(
      (await send(`${server.origin}/apis/wave/`, { headers: { authorization: `Bearer ${String(json['access_token'])}` } })).status,
      200,
    )
  }
})

test('at its own host name the token endpoint is /oauth/token', async () => {
  const answer = await sendAs(`${server.origin}/oauth/token`, {
    method: 'POST',
    headers: { host: 'auth.wave.bemobi.com', 'content-type': 'application/json' },
    body: JSON.stringify(TOKEN_REQUESTS.wave),
  })
  assert.equal(answer.status, 200)
})

test('with the placeholder left in, or without an audience, it is an invalid_target that names what to send', async () => {
  assertRefused(await requestToken(server.origin, 'wave', { audience: '<Resource Server Uri>' }), 400, 'invalid_target')
  const missing = await requestToken(server.origin, 'wave', { audience: undefined })
  assertRefused(missing, 400, 'invalid_target')
  assert.ok(String(missing.json['error_description']).includes(AUDIENCE))
})
