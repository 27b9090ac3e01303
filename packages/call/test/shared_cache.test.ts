// Clients that share one cache: one asks, the others have it, and what one learns the hard way the others need not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Client, ClientEvents } from '../src/client.ts'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import type { Remembered, TokenCache } from '../src/token_cache.ts'
import { createMemoryCache } from '../src/token_cache.ts'
import type { FakeProvider } from './fake_provider.ts'
import { INVALID_TOKEN, simulatedTime, startApi, startProvider, tokens } from './fake_provider.ts'

/** As a cache of several processes behaves, with its answers a turn later and JSON in between. */
function sharedCache(): TokenCache & { locked: number } {
  const memory = createMemoryCache()
  const notes = new Map<string, string>()
  let last: Promise<unknown> = Promise.resolve()
  const shared = {
    ...memory,
    locked: 0,
    get: async (key: string) => memory.get(key),
    exclusively<Result>(_key: string, work: () => Promise<Result>): Promise<Result> {
      shared.locked++
      const mine = last.then(work)
      last = mine.catch(() => undefined)
      return mine
    },
    recall: async (key: string) => {
      const text = notes.get(key)
      return text === undefined ? {} : (JSON.parse(text) as Remembered)
    },
    // As a file or a server does it: nothing to remember is nothing kept.
    remember: async (key: string, remembered: Remembered) => {
      const text = JSON.stringify(remembered)
      if (text === '{}') notes.delete(key)
      else notes.set(key, text)
    },
  }
  return shared
}

const many = (count: number, provider: FakeProvider, more: Partial<ClientOptions> = {}): Client[] =>
  Array.from({ length: count }, () => createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret', ...more }))

test('twenty cold clients ask for one token, and say where theirs came from', async (t) => {
  const provider = await startProvider(t)
  const cache = sharedCache()
  const clients = many(20, provider, { cache })
  const told: ClientEvents['token'][] = []
  for (const client of clients) client.on('token', (event) => told.push(event))
  const received = await Promise.all(clients.map((client) => client.token()))
  assert.deepEqual(new Set(received.map((one) => one.accessToken)), new Set(['token-1']))
  assert.equal(provider.requests.length, 1)
  assert.deepEqual(told.map(({ how }) => how).sort(), ['new', ...Array<string>(19).fill('shared')])
  assert.ok(told.every(({ lifetime, expiresAt }) => lifetime === 3600 && expiresAt === received[0]?.expiresAt))
  await Promise.all(clients.map((client) => client.token()))
  assert.equal(told.length, 20, 'told once each')
})

test('a warm token takes no lock', async (t) => {
  const cache = sharedCache()
  const [client] = many(1, await startProvider(t), { cache })
  for (let call = 0; call < 20; call++) await client?.token()
  assert.equal(cache.locked, 1)
})

test('a rotating refresh token is used once, whoever comes', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const used = new Set<string>()
  provider.answer = ({ parameters }, count) => {
    const refresh = parameters.get('refresh_token')
    if (refresh !== undefined && used.has(refresh)) return new OAuthError('invalid_grant', 'used before')
    if (refresh !== undefined) used.add(refresh)
    return tokens(`token-${count}`, 100, { refreshToken: `refresh-${count}` })
  }
  const clients = many(8, provider, { ...time, cache: sharedCache(), username: 'someone', password: 'word' })
  for (let round = 0; round < 5; round++) {
    await Promise.all(clients.map((client) => client.token()))
    time.ms += 100_000
  }
  const grants = provider.requests.map(({ parameters }) => parameters.get('grant_type'))
  assert.deepEqual(grants, ['password', ...Array<string>(4).fill('refresh_token')])
})

test('refused credentials are learned once for all, and forgotten once for all', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  provider.answer = () => new OAuthError('invalid_client', 'no such client')
  const clients = many(20, provider, { ...time, cache: sharedCache() })
  for (const client of clients) await assert.rejects(client.token(), { name: 'TokenRequestFailed', code: 'invalid_client', status: 401 })
  assert.equal(provider.requests.length, 1)
  for (let second = 0; second < 600; second++) {
    time.ms += 1000
    await clients[second % 20]?.token().catch(() => undefined)
  }
  assert.ok(provider.requests.length <= 11, `${provider.requests.length} attempts in ten minutes by twenty clients`)
  provider.answer = () => tokens('mended')
  await clients[3]?.invalidate()
  assert.equal((await clients[4]?.token())?.accessToken, 'mended')
})

test('who was refused himself hears too that it is forgotten', async (t) => {
  const provider = await startProvider(t)
  provider.answer = () => new OAuthError('invalid_client', 'no such client')
  const [one, other] = many(2, provider, { ...simulatedTime(), cache: sharedCache() })
  await assert.rejects(Promise.resolve(other?.token()), { code: 'invalid_client' })
  provider.answer = () => tokens('mended')
  await assert.rejects(Promise.resolve(other?.token()), { code: 'invalid_client' })
  await one?.invalidate()
  assert.equal((await other?.token())?.accessToken, 'mended')
})

test('a provider that cannot be reached from here is not said to be away everywhere', async (t) => {
  const provider = await startProvider(t)
  const cache = sharedCache()
  const [away] = many(1, provider, { cache, fetch: () => Promise.reject(new TypeError('fetch failed')) })
  const [here] = many(1, provider, { cache })
  await assert.rejects(Promise.resolve(away?.token()), { code: 'unreachable' })
  assert.equal((await here?.token())?.accessToken, 'token-1')
})

test('an API that refuses every token gets few, however many processes call it', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const time = simulatedTime()
  api.answer = () => INVALID_TOKEN
  provider.answer = (_, count) => tokens(`token-${count}`, 3600)
  const cache = sharedCache()
  const refused: boolean[] = []
  for (let process = 0; process < 40; process++) {
    // Each as short-lived as can be: it knows nothing of the others but what the cache tells.
    const [client] = many(1, provider, { ...time, cache, apiOrigins: [api.origin] })
    client?.on('rejected', ({ renewed }) => refused.push(renewed))
    assert.equal((await client?.fetch(api.origin))?.status, 401)
    time.ms += 100
  }
  assert.ok(provider.requests.length <= 4, `${provider.requests.length} tokens for forty processes in four seconds`)
  assert.equal(refused.filter(Boolean).length, provider.requests.length - 1)
})

test('a token that is handed out again is used nearly to its end, and asked for a few times at most', async () => {
  const time = simulatedTime()
  const hows: string[] = []
  let asked = 0
  // A server that serves one token for an hour, whoever asks, and signs it anew each time.
  const fetch = (): Promise<Response> => {
    const token = `hour-${Math.floor(time.ms / 3_600_000)}-signed-${++asked}`
    return Promise.resolve(Response.json({ access_token: token, expires_in: 3600 - ((time.ms / 1000) % 3600) }))
  }
  const client = createClient({ tokenUrl: 'https://login.example.com/token', clientId: 'ours', fetch, ...time, random: () => 0.5 })
  client.on('token', ({ how }) => hows.push(how))
  for (let second = 0; second < 7200; second += 10) {
    time.ms = second * 1000
    await client.token()
    await setImmediate()
    while (hows.length < asked) await setImmediate()
  }
  assert.ok(asked <= 8, `${asked} requests for two tokens`)
  assert.ok(hows.includes('same') && hows.filter((how) => how === 'new').length === 2, hows.join(' '))
})

test('a failure says when the next try goes out, and a listener that throws or has gone changes nothing', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const [client] = many(1, provider, { ...time, random: () => 0.5 })
  const told: ClientEvents['failure'][] = []
  client?.on('failure', () => assert.fail('a listener that throws'))
  const off = client?.on('failure', (event) => told.push(event))
  provider.answer = () => ({ status: 503, headers: { 'retry-after': '120' } })
  await assert.rejects(Promise.resolve(client?.token()), { code: 'temporarily_unavailable' })
  assert.deepEqual([told[0]?.error.code, told[0]?.retryAt], ['temporarily_unavailable', time.now() + 120])
  off?.()
  time.ms = 121_000
  await assert.rejects(Promise.resolve(client?.token()))
  assert.equal(told.length, 1)
})
