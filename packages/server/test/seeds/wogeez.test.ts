// The requests of Wogeez' integration page, word for word, and its warning about credentials that need encoding.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hashPassword } from '../../src/issue/password.ts'
import { send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured, startDemo } from '../harness/server.ts'
import { verifiedByJose } from '../harness/verify.ts'
import { fillIn, NO_CURL, runShell } from './page.ts'

const DISCOVERY_REQUEST = `curl -X GET "https://auth.wogeez.com/realms/wogeez/.well-known/openid-configuration"`

const TOKEN_REQUEST = `curl -X POST "https://auth.wogeez.com/realms/wogeez/protocol/openid-connect/token" \\
-H "Content-Type: application/x-www-form-urlencoded" \\
-d "client_id=wogeez-api" \\
-d "username=your-username" \\
-d "password=your-password" \\
-d "grant_type=password"`

const RESPONSE = { expires_in: 3600, token_type: 'Bearer' }

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('discovery names the token endpoint that the page uses', { skip: NO_CURL }, async () => {
  const answer = JSON.parse(await runShell(fillIn(DISCOVERY_REQUEST, { 'https://auth.wogeez.com': server.origin })))
  assert.equal(answer.token_endpoint, `${server.origin}/realms/wogeez/protocol/openid-connect/token`)
  assert.equal(answer.issuer, `${server.origin}/realms/wogeez`)
})

test('the token request answers with the page’s members, and the token opens the API', { skip: NO_CURL }, async () => {
  const answer = JSON.parse(await runShell(fillIn(TOKEN_REQUEST, { 'https://auth.wogeez.com': server.origin })))
  assert.deepEqual(Object.fromEntries(Object.keys(RESPONSE).map((name) => [name, answer[name]])), RESPONSE)
  const { claims } = await verifiedByJose(server.origin, '/realms/wogeez', answer.access_token, 'https://api.wogeez.com')
  assert.deepEqual([claims['azp'], claims['preferred_username']], ['wogeez-api', 'your-username'])
  const opened = await send(`${server.origin}/apis/wogeez/resources`, { headers: { Authorization: `Bearer ${answer.access_token}` } })
  assert.equal(opened.status, 200)
})

test('a wrong password is an invalid_grant', { skip: NO_CURL }, async () => {
  const lines = fillIn(TOKEN_REQUEST, { 'https://auth.wogeez.com': server.origin, 'your-password': 'your-passwort' })
  assert.equal(JSON.parse(await runShell(lines)).error, 'invalid_grant')
})

describe('credentials with every special character', () => {
  const VISIBLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index)).join('')
  const USERS = [
    { username: 'all visible', password: VISIBLE },
    { username: VISIBLE, password: 'plain password' },
    { username: 'ünïcødé+名前@example.com', password: 'pässwörd 密码 🔑 %20 + &=#' },
    { username: ' spaces around ', password: '  two  ' },
    { username: 'percent%41', password: '%41%2B%00%' },
    { username: 'tab', password: 'a\tb' },
  ]
  let own: TestServer
  before(async () => {
    const users = await Promise.all(
      USERS.map(async ({ username, password }) => ({ username, password: { hash: await hashPassword(password) } })),
    )
    const client = { clientId: 'wogeez-api', public: true, grants: ['password'] as const }
    own = await startConfigured({ realms: [{ id: 'wogeez', dialects: ['keycloak'], clients: [client], users }] })
  })
  after(async () => {
    assert.deepEqual(own.reports, [])
    await own.close()
  })

  const everyByte = (text: string): string =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  const ENCODINGS: Readonly<Record<string, (text: string) => string>> = {
    'percent-encoded, spaces as %20': encodeURIComponent,
    'plus-encoded, spaces as +': (text) => new URLSearchParams([['', text]]).toString().slice(1),
    'percent-encoded throughout': everyByte,
    'percent-encoded throughout in lower case': (text) => everyByte(text).toLowerCase(),
  }
  const signIn = (body: string) =>
    send(`${own.origin}/realms/wogeez/protocol/openid-connect/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    })

  for (const [name, encode] of Object.entries(ENCODINGS)) {
    test(`${name}: every user signs in`, async () => {
      for (const { username, password } of USERS) {
        const answer = await signIn(`client_id=wogeez-api&grant_type=password&username=${encode(username)}&password=${encode(password)}`)
        assert.equal(answer.status, 200, `${username}: ${answer.text}`)
      }
    })
  }

  test('curl encodes them itself with --data-urlencode', { skip: NO_CURL }, async () => {
    const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
    for (const { username, password } of USERS) {
      const fields = ['client_id=wogeez-api', 'grant_type=password', `username=${username}`, `password=${password}`]
      const lines = `curl -s ${own.origin}/realms/wogeez/protocol/openid-connect/token ${fields.map((field) => `--data-urlencode ${quoted(field)}`).join(' ')}`
      assert.equal(typeof JSON.parse(await runShell(lines)).access_token, 'string', username)
    }
  })

  test('sent unencoded, what means something in a form means it: the sign-in fails and nothing else happens', async () => {
    const answer = await signIn('client_id=wogeez-api&grant_type=password&username=all visible&password=a&b+c')
    assert.equal(answer.json['error'], 'invalid_grant')
  })
})
