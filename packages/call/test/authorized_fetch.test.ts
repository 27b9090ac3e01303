// Where credentials go and where they never go: the allow-list, and redirects of a hostile API.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from '../src/client.ts'
import { createClient } from '../src/client.ts'
import { dialect } from '../src/dialect.ts'
import { OriginNotAllowed, RedirectRefused } from '../src/errors.ts'
import { WYCH_DIALECT } from '../src/presets.ts'
import type { FakeApi } from './fake_provider.ts'
import { startApi, startProvider } from './fake_provider.ts'

const SECRETS = /token-1|demo-key|callers-/

interface Scene {
  readonly api: FakeApi
  readonly other: FakeApi
  readonly client: Client
}

const scenes = ['standard', 'webcommander', 'wych'] as const

async function stage(t: Parameters<typeof startApi>[0], name: (typeof scenes)[number]): Promise<Scene> {
  const spoken = name === 'wych' ? WYCH_DIALECT : name
  const [provider, api, other] = [await startProvider(t, spoken), await startApi(t), await startApi(t)]
  const user = name === 'webcommander' ? { username: 'u', password: 'our-password' } : { apiKey: 'demo-key' }
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    dialect: dialect(spoken),
    clientId: 'ours',
    clientSecret: 'our-secret',
    apiOrigins: [api.origin],
    ...user,
  })
  return { api, other, client }
}

for (const name of scenes) {
  test(`a redirect to another origin gets no credential in the dialect ${name}`, async (t) => {
    const { api, other, client } = await stage(t, name)
    for (const status of [301, 302, 303, 307, 308]) {
      api.answer = () => ({ status, headers: { location: `${other.origin}/stolen` } })
      const headers = {
        cookie: 'callers-cookie',
        authorization: 'Basic callers-basic',
        authorisation: 'Bearer callers-token',
        access_token: 'callers-token',
        'x-api-key': 'callers-key',
        'x-trace': 'kept',
      }
      if (name !== 'wych') Reflect.deleteProperty(headers, 'authorisation')
      const answer = await client.fetch(`${api.origin}/orders`, { headers })
      assert.equal(await answer.text(), `answer ${other.seen.length}`)
      assert.equal(other.seen.length > 0 && other.seen.at(-1)?.headers['x-trace'], 'kept')
      assert.doesNotMatch(JSON.stringify(other.seen), SECRETS)
    }
    assert.match(JSON.stringify(api.seen), /token-1/)
  })
}

test('who was led off the allowed origins and back comes without credentials, since a stranger chose where to', async (t) => {
  const { api, other, client } = await stage(t, 'standard')
  api.answer = ({ path }) => (path === '/back' ? { status: 200 } : { status: 302, headers: { location: other.origin } })
  other.answer = () => ({ status: 302, headers: { location: `${api.origin}/back` } })
  assert.equal((await client.fetch(api.origin, { method: 'POST', body: 'x' })).status, 200)
  assert.deepEqual(
    api.seen.map(({ path, headers }) => [path, headers.authorization]),
    [
      ['/', 'Bearer token-1'],
      ['/back', undefined],
    ],
  )
  assert.doesNotMatch(JSON.stringify(other.seen), SECRETS)
})

test('a foreign origin that says invalid_token causes no new token', async (t) => {
  const { api, other, client } = await stage(t, 'standard')
  api.answer = () => ({ status: 302, headers: { location: other.origin } })
  other.answer = () => ({ status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
  assert.equal((await client.fetch(api.origin)).status, 401)
  assert.equal(other.seen.length, 1)
  assert.equal((await client.token()).accessToken, 'token-1')
})

test('method and body go with a redirect as the Fetch standard says', async (t) => {
  const { api, client } = await stage(t, 'standard')
  const cases = [
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [307, 'POST', 'POST', 'body'],
    [308, 'PUT', 'PUT', 'body'],
    [302, 'PUT', 'PUT', 'body'],
  ] as const
  for (const [status, method, expected, body] of cases) {
    api.answer = ({ path }) => (path === '/end' ? { status: 200 } : { status, headers: { location: '/end' } })
    await client.fetch(`${api.origin}/start`, { method, body: 'body', headers: { 'content-type': 'text/plain' } })
    const last = api.seen.at(-1)
    assert.deepEqual([last?.method, last?.body, last?.headers['content-type']], [expected, body, body === '' ? undefined : 'text/plain'])
  }
})

test('a URL outside the allow-list is refused before anything is sent', async (t) => {
  const { api, other, client } = await stage(t, 'standard')
  const outside = [other.origin, `${api.origin.replace('http:', 'https:')}/`, 'https://example.com', 'file:///etc/passwd']
  for (const url of outside) {
    await assert.rejects(client.fetch(url), OriginNotAllowed)
    await assert.rejects(client.fetch(url.startsWith('http') ? new Request(url) : url), OriginNotAllowed)
    await assert.rejects(client.headers(url), OriginNotAllowed)
  }
  assert.equal(other.seen.length + api.seen.length, 0)
})

test('a URL with a user in it is refused without being quoted', async (t) => {
  const { api, client } = await stage(t, 'standard')
  const url = api.origin.replace('//', '//user:hidden@')
  await assert.rejects(client.fetch(url), (error: Error) => error instanceof TypeError && !error.message.includes('hidden'))
})

test('redirects that go round, to another scheme or with a spent body are typed refusals', async (t) => {
  const { api, client } = await stage(t, 'standard')
  const refusal = (reason: string) => (error: unknown) => error instanceof RedirectRefused && error.reason === reason
  api.answer = () => ({ status: 302, headers: { location: '/again' } })
  await assert.rejects(client.fetch(api.origin), refusal('too_many'))
  assert.equal(api.seen.length, 6)
  api.answer = () => ({ status: 302, headers: { location: 'file:///etc/passwd' } })
  await assert.rejects(client.fetch(api.origin), refusal('not_http'))
  api.answer = () => ({ status: 302, headers: { location: 'http://user:pass@127.0.0.1/' } })
  await assert.rejects(client.fetch(api.origin), refusal('not_http'))
  await assert.rejects(client.fetch(api.origin, { redirect: 'error' }), refusal('forbidden'))
  assert.equal((await client.fetch(api.origin, { redirect: 'manual' })).status, 302)
  api.answer = () => ({ status: 307, headers: { location: '/again' } })
  const body = new Blob(['once']).stream()
  await assert.rejects(client.fetch(api.origin, { method: 'POST', body, duplex: 'half' }), refusal('not_replayable'))
})

test("the caller's own copies of the credential headers are replaced, in every spelling the dialect tolerates", async (t) => {
  const { api, client } = await stage(t, 'wych')
  await client.fetch(api.origin, { headers: { Authorization: 'Bearer theirs', Authorisation: 'Bearer theirs', 'X-API-Key': 'theirs' } })
  const headers = api.seen[0]?.headers
  assert.equal(headers?.authorization, undefined)
  assert.equal(headers?.['authorisation'], 'bearer token-1')
  assert.equal(headers?.['x-api-key'], 'demo-key')
})

test('headers are those that fetch would send', async (t) => {
  const { api, client } = await stage(t, 'webcommander')
  assert.deepEqual(await client.headers(`${api.origin}/orders`), { access_token: 'token-1' })
})

test('fetch can be handed on as a bare function and takes a Request with its body', async (t) => {
  const { api, client } = await stage(t, 'standard')
  const { fetch } = client
  const answer = await fetch(new Request(`${api.origin}/orders`, { method: 'POST', body: 'data', headers: { 'x-mine': '1' } }))
  assert.equal(answer.status, 200)
  assert.deepEqual([api.seen[0]?.body, api.seen[0]?.headers['x-mine']], ['data', '1'])
})
