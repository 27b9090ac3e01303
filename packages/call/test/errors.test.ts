// No error tells a secret, whatever the server repeats and however the transport fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import { compile } from '@countersign/protocol/dialect/compile'
import { OAuthError } from '@countersign/protocol/oauth/error'
import fc from 'fast-check'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { dialect } from '../src/dialect.ts'
import { readFailure } from '../src/token_failure.ts'
import { startApi, startProvider, tokens } from './fake_provider.ts'

const SECRET = 's3cr3t "quoted" \\ + ü'
const PASSWORD = 'pass:word&100%'
const KEY = 'api-key-9876543210'
const FORMS = [SECRET, PASSWORD].flatMap((one) => [
  one,
  JSON.stringify(one).slice(1, -1),
  encodeURIComponent(one),
  new URLSearchParams([['', one]]).toString().slice(1),
  Buffer.from(one).toString('base64').replace(/=+$/, ''),
])
const BASIC = Buffer.from(`ours:${SECRET}`).toString('base64')
const HIDDEN = [...FORMS, BASIC, KEY, 'secret-token', 'secret-refresh']

const shown = (error: unknown): string => {
  const parts = [inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true }), JSON.stringify(error), String(error)]
  if (error instanceof Error && error.cause !== undefined) parts.push(shown(error.cause))
  return parts.join('\n')
}

const assertSafe = (error: unknown): void => {
  const text = shown(error)
  for (const hidden of HIDDEN) assert.ok(!text.includes(hidden), `the error shows ${hidden}: ${text}`)
}

const caught = async (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => {
      assert.ok(error instanceof Error)
      return error
    },
  )

test('a server that repeats what it was sent finds no place in an error', async (t) => {
  for (const name of ['standard', 'keycloak', 'auth0', 'webcommander']) {
    const provider = await startProvider(t, name)
    const options: ClientOptions = {
      tokenUrl: provider.tokenUrl,
      dialect: dialect(name),
      clientId: 'ours',
      clientSecret: SECRET,
      username: 'someone',
      password: PASSWORD,
      ...(name === 'webcommander' ? {} : { apiKey: KEY }),
    }
    const repeats = [
      ...FORMS.map((form) => new OAuthError('invalid_client', `wrong: ${form}`)),
      new OAuthError('invalid_client', `wrong: ${SECRET} and ${PASSWORD}`),
      { status: 500, body: JSON.stringify({ error: 'server_error', error_description: SECRET }) },
      { status: 200, body: `{"access_token": 5, "note": ${JSON.stringify(SECRET)}}` },
      { status: 200, body: '{"access_token":"secret-token with spaces"}' },
    ]
    for (const answer of repeats) {
      provider.answer = () => answer
      assertSafe(await caught(createClient(options).token()))
    }
    provider.answer = ({ basic, parameters }) =>
      new OAuthError('invalid_request', `you sent ${JSON.stringify([basic, ...parameters])}`.slice(0, 500))
    assertSafe(await caught(createClient(options).token()))
  }
})

test('a refused refresh token stays out of the error', async (t) => {
  const provider = await startProvider(t)
  const client = createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: SECRET, revocationUrl: provider.tokenUrl })
  provider.answer = () => tokens('secret-token', 3600, { refreshToken: 'secret-refresh' })
  await client.token()
  provider.answer = ({ parameters }) => new OAuthError('invalid_request', `what is ${parameters.get('token')}?`)
  assertSafe(await caught(client.revoke()))
})

test("a stranger's fetch that puts the whole request into its error is not passed on", async () => {
  const fetch: typeof globalThis.fetch = (_, init) => {
    const cause = Object.assign(new Error(`failed: ${JSON.stringify(init)}`), { config: init, code: 'ECONNRESET' })
    return Promise.reject(Object.assign(new TypeError('fetch failed', { cause }), { request: init }))
  }
  const error = await caught(
    createClient({ tokenUrl: 'https://login.example.com/token', clientId: 'ours', clientSecret: SECRET, fetch }).token(),
  )
  assert.match(error.message, /ECONNRESET/)
  assertSafe(error)
})

test('redirects and refused origins tell the origin only', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  provider.answer = () => tokens('secret-token')
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientSecret: SECRET,
    apiKey: KEY,
    apiOrigins: [api.origin],
  })
  api.answer = () => ({ status: 302, headers: { location: 'http://a:b@127.0.0.1/secret-token' } })
  assertSafe(await caught(client.fetch(api.origin)))
  assertSafe(await caught(client.fetch('https://elsewhere.example.com/?access_token=secret-token')))
})

test('options that are refused are never quoted where they are secret', () => {
  const good: ClientOptions = { tokenUrl: 'https://login.example.com/token', clientId: 'ours', clientSecret: SECRET }
  const bad: Partial<ClientOptions>[] = [
    { tokenUrl: `https://user:${encodeURIComponent(SECRET)}@login.example.com/` },
    { apiOrigins: [`https://x:${encodeURIComponent(SECRET)}@api.example.com`] },
    { apiKey: `${KEY} with spaces` },
    { username: 'u' },
    { password: PASSWORD },
    { clientAuth: 'none' },
    { parameters: { client_secret: SECRET } },
    { tokenUrl: 'http://login.example.com/token' },
  ]
  for (const change of bad) {
    assert.throws(
      () => createClient({ ...good, ...change }),
      (error) => {
        assert.equal((error as Error).name, 'ConfigurationError')
        assertSafe(error)
        return true
      },
    )
  }
})

test('a client shows nothing of its credentials when it is inspected', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9]{12,40}$/), (secret) => {
      const client = createClient({ tokenUrl: 'https://login.example.com/token', clientId: 'ours', clientSecret: secret, apiKey: secret })
      assert.ok(!inspect(client, { depth: 10, showHidden: true }).includes(secret))
    }),
    { numRuns: 20 },
  )
})

test('a Basic field that a server repeats is hidden, however long the client id before the secret', () => {
  const endpoint = { url: new URL('https://a.example/token'), dialect: compile(standard), clientAuth: 'client_secret_basic' } as const
  for (const secret of ['sup-secret-value-1', 'sup-secret-value-12', 'sup-secret-value-123', 'with:%&+']) {
    for (const clientId of ['a', 'ab', 'abc']) {
      const basic = Buffer.from(`${clientId}:${new URLSearchParams([['', secret]]).toString().slice(1)}`).toString('base64')
      const body = JSON.stringify({ error: 'invalid_client', error_description: `Basic ${basic} is wrong` })
      const { message } = readFailure(endpoint, { status: 401, headers: {}, body }, [secret], 0)
      assert.ok(message.includes('repeats a credential'), message)
    }
  }
})
