// The five presets say on the wire what the five pages say.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { DEMO_REALMS, demo } from '../src/demo.ts'
import { wave, webcommander, willba, wogeez, wych } from '../src/presets.ts'

const client = { clientId: 'id', clientSecret: 'se cret' }
const user = { username: 'u@x.example', password: 'p:w+d%' }

interface Sent {
  readonly url: string
  readonly contentType: string | null
  readonly body: string
}

function text(value: unknown): string {
  assert.ok(typeof value === 'string')
  return value
}

async function sent(options: ClientOptions): Promise<{ request: Sent; headers: Record<string, string> }> {
  const seen: Sent[] = []
  const fetch: typeof globalThis.fetch = (input, init) => {
    const fields = new Headers(init?.headers)
    seen.push({ url: text(input), contentType: fields.get('content-type'), body: text(init?.body) })
    return Promise.resolve(Response.json({ access_token: 'T', expires_in: 300 }))
  }
  const headers = await createClient({ ...options, fetch }).headers()
  const [request] = seen
  assert.ok(request !== undefined && seen.length === 1)
  return { request, headers }
}

const form = 'application/x-www-form-urlencoded'

test('each preset asks for its token as its page does, and shows it as its page does', async () => {
  const cases: [ClientOptions, string, Record<string, string>, Record<string, string>][] = [
    [
      willba({ ...client, realm: 'north' }),
      'https://auth.willba.app/realms/north/protocol/openid-connect/token',
      { grant_type: 'client_credentials', client_id: 'id', client_secret: 'se cret' },
      { authorization: 'Bearer T' },
    ],
    [
      wych({ ...client, apiKey: 'K' }),
      'https://login.wych.app/realms/partner/protocol/openid-connect/token',
      { grant_type: 'client_credentials', client_id: 'id', client_secret: 'se cret' },
      { authorisation: 'bearer T', 'x-api-key': 'K' },
    ],
    [
      wogeez(user),
      'https://auth.wogeez.com/realms/wogeez/protocol/openid-connect/token',
      { grant_type: 'password', client_id: 'wogeez-api', ...user },
      { authorization: 'Bearer T' },
    ],
    [
      wave({ ...client, issuerUrl: 'https://bemobi.example.com/' }),
      'https://bemobi.example.com/oauth/token',
      { grant_type: 'client_credentials', client_id: 'id', client_secret: 'se cret', audience: 'https://api.wave.bemobi.com' },
      { authorization: 'Bearer T' },
    ],
  ]
  for (const [options, url, parameters, fields] of cases) {
    const { request, headers } = await sent(options)
    assert.equal(request.url, url)
    assert.equal(request.contentType, form)
    assert.deepEqual(Object.fromEntries(new URLSearchParams(request.body)), parameters)
    assert.deepEqual(headers, fields)
  }
})

test("WebCommander's request is the page's JSON, auth_string and all", async () => {
  const { request, headers } = await sent(demo('webcommander'))
  assert.equal(request.url, 'http://127.0.0.1:8080/realms/webcommander/api/v4/oauth2/token')
  assert.equal(request.contentType, 'application/json')
  assert.deepEqual(JSON.parse(request.body), {
    grant_type: 'client_credentials',
    auth_string: 'bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t',
    redirect_uri: 'https://api.webcommander.com/oauth-callback',
    client_id: 'f6681a45ad483e3c0a37016561d5b8be',
    client_secret: '14e72a77d9125429b0c514010ddb0e46',
  })
  assert.deepEqual(headers, { access_token: 'T' })
  const real = await sent(webcommander({ ...client, ...user }))
  assert.equal(real.request.url, 'https://api.webcommander.com/api/v4/oauth2/token')
})

test('a user name that the dialect cannot write is a sentence, not a wrong request', async () => {
  await assert.rejects(sent(webcommander({ ...client, username: 'a:b', password: 'p' })), {
    name: 'ConfigurationError',
    message: /username cannot be written/,
  })
})

test('the demo realms stand where the demo serves them', async () => {
  const urls = await Promise.all(DEMO_REALMS.map(async (realm) => (await sent(demo(realm, { origin: 'http://localhost:9' }))).request.url))
  assert.deepEqual(urls, [
    'http://localhost:9/realms/willba/protocol/openid-connect/token',
    'http://localhost:9/realms/partner/protocol/openid-connect/token',
    'http://localhost:9/realms/wogeez/protocol/openid-connect/token',
    'http://localhost:9/realms/wave/oauth/token',
    'http://localhost:9/realms/webcommander/api/v4/oauth2/token',
  ])
  for (const realm of DEMO_REALMS) assert.deepEqual(demo(realm, { origin: 'http://localhost:9' }).apiOrigins, ['http://localhost:9'])
  assert.throws(() => demo('willba', { origin: 'https://demo.example.com' }), { name: 'ConfigurationError' })
})

test('a preset may be pointed at another token endpoint and API', () => {
  const options = willba({ ...client, tokenUrl: 'https://proxy.example.com/token', apiOrigins: ['https://api.example.com'] })
  assert.equal(options.tokenUrl, 'https://proxy.example.com/token')
  assert.deepEqual(options.apiOrigins, ['https://api.example.com'])
  assert.equal(options.revocationUrl, undefined)
  assert.throws(() => wave(client), { name: 'ConfigurationError', message: /issuerUrl/ })
  assert.throws(() => willba({ ...client, realm: '../x' }), { name: 'ConfigurationError' })
})

test('revocation is asked for where the dialect has it, refresh token first', async () => {
  const seen: [string, string][] = []
  const fetch: typeof globalThis.fetch = (input, init) => {
    seen.push([new URL(text(input)).pathname, new URLSearchParams(text(init?.body)).get('token') ?? ''])
    return Promise.resolve(Response.json({ access_token: 'T', refresh_token: 'R', expires_in: 300 }))
  }
  const one = createClient({ ...willba(client), fetch })
  await one.revoke()
  assert.equal(seen.length, 0)
  await one.token()
  await one.revoke()
  await one.token()
  const base = '/realms/willba/protocol/openid-connect'
  assert.deepEqual(seen, [
    [`${base}/token`, ''],
    [`${base}/revoke`, 'R'],
    [`${base}/revoke`, 'T'],
    [`${base}/token`, ''],
  ])
})
