// Tokens that are given up before their end: refused by the API, invalidated by the caller, or waited for in vain.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import type { FakeProvider } from './fake_provider.ts'
import { INVALID_TOKEN, simulatedTime, startApi, startProvider, tokens } from './fake_provider.ts'

const optionsFor = (provider: FakeProvider, more: Partial<ClientOptions> = {}): ClientOptions => ({
  tokenUrl: provider.tokenUrl,
  clientId: 'ours',
  clientSecret: 'our-secret',
  ...more,
})

test('after an invalidation nobody joins the token request of before it', async (t) => {
  const provider = await startProvider(t)
  const client = createClient(optionsFor(provider))
  const gate = Promise.withResolvers<undefined>()
  const arrived = Promise.withResolvers<undefined>()
  provider.answer = async (_, count) => {
    if (count === 1) {
      arrived.resolve(undefined)
      await gate.promise
    }
    return tokens(`token-${count}`)
  }
  const before = client.token()
  await arrived.promise
  await client.invalidate()
  assert.equal((await client.token()).accessToken, 'token-2')
  gate.resolve(undefined)
  await before
  assert.equal((await client.token()).accessToken, 'token-2')
})

test('a token refused as invalid is replaced once, for all who held it', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const client = createClient(optionsFor(provider, { apiOrigins: [api.origin] }))
  await client.token()
  api.answer = (seen) => (seen.headers.authorization === 'Bearer token-1' ? INVALID_TOKEN : { status: 200 })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => client.fetch(`${api.origin}/orders`, { method: 'POST', body: 'the same body' })),
  )
  assert.ok(answers.every((answer) => answer.status === 200))
  assert.equal(provider.requests.length, 2)
  assert.ok(api.seen.every((one) => one.body === 'the same body'))
})

test('an API that refuses every token causes no storm of token requests', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const time = simulatedTime()
  provider.answer = (_, count) => tokens(`token-${count}`, 300)
  api.answer = () => INVALID_TOKEN
  const client = createClient(optionsFor(provider, { ...time, apiOrigins: [api.origin] }))
  const burst = async (): Promise<void> => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.fetch(api.origin)))
    assert.ok(answers.every((answer) => answer.status === 401))
  }
  await burst()
  assert.equal(provider.requests.length, 2, 'the first token and one more')
  await burst()
  assert.equal(provider.requests.length, 2, 'nothing within the back-off')
  for (let second = 0; second < 600; second++) {
    time.ms += 1000
    await client.fetch(api.origin)
  }
  assert.ok(provider.requests.length <= 16, `${provider.requests.length} token requests in ten minutes`)
})

test('other refusals of the API are passed on and cost no token', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const client = createClient(optionsFor(provider, { apiOrigins: [api.origin] }))
  const refusals = [
    { status: 401 },
    { status: 401, headers: { 'www-authenticate': 'Bearer realm="api"' } },
    { status: 403, headers: { 'www-authenticate': 'Bearer error="insufficient_scope"' } },
    { status: 400, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
  ]
  for (const refusal of refusals) {
    api.answer = () => refusal
    assert.equal((await client.fetch(api.origin)).status, refusal.status)
  }
  assert.equal(api.seen.length, refusals.length)
  assert.equal(provider.requests.length, 1)
})

test('a streamed body is not sent twice, but the next call has a new token', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  api.answer = (seen) => (seen.headers.authorization === 'Bearer token-1' ? INVALID_TOKEN : { status: 200 })
  const client = createClient(optionsFor(provider, { apiOrigins: [api.origin] }))
  const body = new Blob(['once']).stream()
  const refused = await client.fetch(api.origin, { method: 'POST', body, duplex: 'half' })
  assert.equal(refused.status, 401)
  assert.equal(api.seen.length, 1)
  assert.equal((await client.fetch(new Request(api.origin))).status, 200)
  assert.equal(provider.requests.length, 2)
})

test('an invalidation during a token request leaves nothing of before it behind', async (t) => {
  const provider = await startProvider(t)
  let release: () => void = () => undefined
  let arrived: () => void = () => undefined
  const asked = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  provider.answer = async (_, count) => {
    if (count === 1) {
      arrived()
      await held
    }
    return tokens(`token-${count}`)
  }
  const client = createClient(optionsFor(provider))
  const before = client.token()
  await asked
  await client.invalidate()
  release()
  assert.equal((await before).accessToken, 'token-1', 'who waited for it gets it')
  assert.equal((await client.token()).accessToken, 'token-2', 'and nobody else')
  assert.equal((await client.token()).accessToken, 'token-2')
  assert.equal(provider.requests.length, 2)
})

test('invalidating a token that was replaced already takes nothing away', async (t) => {
  const provider = await startProvider(t)
  const client = createClient(optionsFor(provider))
  await client.token()
  await client.invalidate('another token')
  assert.equal((await client.token()).accessToken, 'token-1')
  await client.invalidate('token-1')
  assert.equal((await client.token()).accessToken, 'token-2')
  await Promise.all([client.invalidate('token-2'), client.invalidate('token-2'), client.token(), client.token()])
  assert.equal(provider.requests.length, 3)
})

test('an aborted call does not take the token request of the others with it', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  provider.answer = async () => {
    await held
    return tokens('token-1')
  }
  const client = createClient(optionsFor(provider, { apiOrigins: [api.origin] }))
  await assert.rejects(client.fetch(api.origin, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.equal(provider.requests.length, 0)
  const abort = new AbortController()
  const [gone, stays] = [client.fetch(api.origin, { signal: abort.signal }), client.fetch(api.origin)]
  abort.abort()
  await assert.rejects(gone, { name: 'AbortError' })
  release()
  assert.equal((await stays).status, 200)
  assert.equal(api.seen.length, 1)
})
