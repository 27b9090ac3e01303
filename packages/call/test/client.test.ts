// The life of a token, black box: a client, a provider and an API on real sockets, and clocks that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { TokenRequestFailed } from '../src/errors.ts'
import type { FakeProvider } from './fake_provider.ts'
import { simulatedTime, startApi, startProvider, tokens } from './fake_provider.ts'

const optionsFor = (provider: FakeProvider, more: Partial<ClientOptions> = {}): ClientOptions => ({
  tokenUrl: provider.tokenUrl,
  clientId: 'ours',
  clientSecret: 'our-secret',
  ...more,
})

test('fifty calls at once with nothing cached cost one token request', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const client = createClient(optionsFor(provider, { apiOrigins: [api.origin] }))
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.fetch(`${api.origin}/orders`)))
  assert.ok(answers.every((answer) => answer.status === 200))
  assert.equal(provider.requests.length, 1)
  assert.deepEqual(new Set(api.seen.map((one) => one.headers.authorization)), new Set(['Bearer token-1']))
})

test('tokens of 300 seconds over an hour of a call a second cost one for each soft share of the lifetime', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  provider.answer = (_, count) => tokens(`token-${count}`, 300)
  const client = createClient(optionsFor(provider, { ...time, random: () => 0.5 }))
  for (let second = 0; second < 3600; second++) {
    time.ms = second * 1000
    await client.token()
  }
  // Renewed at 0.8 of 300 s, so every 240 s or a little later: the renewal behind may end a call or two after it began.
  assert.ok(provider.requests.length >= 14 && provider.requests.length <= 15, `${provider.requests.length} token requests`)
})

test('an aging token is used while its successor is fetched behind it', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  let release: () => void = () => undefined
  const held = new Promise<void>((open) => {
    release = open
  })
  let asked: () => void = () => undefined
  const second = new Promise<void>((arrived) => {
    asked = arrived
  })
  provider.answer = async (_, count) => {
    if (count === 2) {
      asked()
      await held
    }
    return tokens(`token-${count}`, 1000)
  }
  const client = createClient(optionsFor(provider, { ...time, random: () => 0 }))
  await client.token()
  time.ms = 760_000
  assert.equal((await client.token()).accessToken, 'token-1')
  await second
  assert.equal((await client.token()).accessToken, 'token-1')
  time.ms = 960_000
  const waiting = client.token()
  release()
  assert.equal((await waiting).accessToken, 'token-2', 'past the hard share a caller waits for the new one')
  assert.equal(provider.requests.length, 2)
})

test('when renewal fails the old token serves to its true end, and then the failure is told', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const client = createClient(optionsFor(provider, time))
  await client.token()
  provider.answer = () => ({ status: 503 })
  for (const second of [2900, 3200, 3500, 3599]) {
    time.ms = second * 1000
    assert.equal((await client.token()).accessToken, 'token-1')
  }
  time.ms = 3_600_000
  await assert.rejects(client.token(), (error) => error instanceof TokenRequestFailed && error.code === 'temporarily_unavailable')
  time.ms += 600_000
  provider.answer = () => tokens('recovered')
  assert.equal((await client.token()).accessToken, 'recovered')
})

test('a token that ends while its renewal fails is not used any more', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const client = createClient(optionsFor(provider, time))
  await client.token()
  provider.answer = () => {
    time.ms = 3_600_000
    return { status: 503 }
  }
  time.ms = 3_599_000
  await assert.rejects(client.token(), { code: 'temporarily_unavailable' })
})

test('a thousand calls with refused credentials ask the provider once, and later ever more rarely', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  provider.answer = () => new OAuthError('invalid_client', 'no such client')
  const client = createClient(optionsFor(provider, time))
  for (let call = 0; call < 1000; call++) {
    await assert.rejects(client.token(), { name: 'TokenRequestFailed', code: 'invalid_client', temporary: false })
  }
  assert.equal(provider.requests.length, 1)
  for (let second = 0; second < 3600; second++) {
    time.ms += 1000
    await client.token().catch(() => undefined)
  }
  assert.ok(provider.requests.length <= 20, `${provider.requests.length} attempts in an hour`)
  provider.answer = () => tokens('mended')
  await client.invalidate()
  assert.equal((await client.token()).accessToken, 'mended', 'invalidate forgets the failure')
})

test('Retry-After is obeyed, as seconds and as a date', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const client = createClient(optionsFor(provider, time))
  const date = new Date((time.now() + 500) * 1000).toUTCString()
  for (const [field, seconds] of [
    ['120', 120],
    [date, 500 - 121],
  ] as const) {
    const asked = provider.requests.length
    provider.answer = () => ({ status: 429, headers: { 'retry-after': field } })
    await assert.rejects(client.token(), { code: 'slow_down', retryAfter: seconds })
    time.ms += (seconds - 1) * 1000
    await assert.rejects(client.token(), { code: 'slow_down', retryAfter: 1 })
    assert.equal(provider.requests.length, asked + 1)
    time.ms += 2000
  }
  provider.answer = () => tokens('at-last')
  assert.equal((await client.token()).accessToken, 'at-last')
})

test('a refresh token is used, rotated, and given up for the original grant when it is refused', async (t) => {
  const provider = await startProvider(t)
  const time = simulatedTime()
  provider.answer = ({ parameters }, count) => {
    if (parameters.get('grant_type') !== 'refresh_token') return tokens(`token-${count}`, 100, { refreshToken: `refresh-${count}` })
    if (parameters.get('refresh_token') === 'refresh-2') return new OAuthError('invalid_grant', 'the family is revoked')
    return tokens(`token-${count}`, 100, { refreshToken: `refresh-${count}` })
  }
  const client = createClient(optionsFor(provider, { ...time, username: 'someone', password: 'our-password' }))
  for (const expected of ['token-1', 'token-2', 'token-4']) {
    assert.equal((await client.token()).accessToken, expected)
    time.ms += 100_000
  }
  const grants = provider.requests.map(({ parameters }) => parameters.get('grant_type'))
  assert.deepEqual(grants, ['password', 'refresh_token', 'refresh_token', 'password'])
})

test('a token endpoint that redirects, babbles or lies is a typed failure, and no credential follows it', async (t) => {
  const [provider, trap] = [await startProvider(t), await startApi(t)]
  const answers = [
    [{ status: 307, headers: { location: `${trap.origin}/token` } }, 'redirected'],
    [{ status: 200, body: 'x'.repeat(70_000) }, 'unreadable_answer'],
    [{ status: 200, body: '<html>' }, 'unreadable_answer'],
    [{ status: 200, body: '{"access_token":"two\\r\\nlines","expires_in":60}' }, 'unreadable_answer'],
    [{ status: 200, body: '{"access_token":"abc","token_type":"mac"}' }, 'unreadable_answer'],
    [{ status: 200, body: '{"access_token":"abc","scope":"\\u0000"}' }, 'unreadable_answer'],
  ] as const
  for (const [answer, code] of answers) {
    provider.answer = () => answer
    await assert.rejects(createClient(optionsFor(provider)).token(), { name: 'TokenRequestFailed', code })
  }
  assert.equal(trap.seen.length, 0)
})

test('a provider that never answers is a timeout', async (t) => {
  const provider = await startProvider(t)
  provider.answer = () => Promise.withResolvers<never>().promise
  await assert.rejects(createClient(optionsFor(provider, { timeoutMs: 50 })).token(), { code: 'timeout' })
})

test('a rotated secret is read anew, and one cache serves clients that differ in scope or secret without mixing them up', async (t) => {
  const provider = await startProvider(t)
  const { createMemoryCache } = await import('../src/token_cache.ts')
  const cache = createMemoryCache()
  const base = optionsFor(provider, { cache })
  const variants: ClientOptions[] = [base, { ...base, scope: 'a' }, { ...base, clientSecret: 'guessed' }, { ...base, audience: 'b' }]
  const received = await Promise.all(variants.map((options) => createClient(options).token()))
  assert.equal(new Set(received.map((one) => one.accessToken)).size, variants.length)
  assert.equal((await createClient({ ...base }).token()).accessToken, received[0]?.accessToken)
  let secret = 'first'
  const client = createClient({ ...base, cache: createMemoryCache(), clientSecret: () => Promise.resolve(secret) })
  await client.token()
  secret = 'second'
  await client.invalidate()
  await client.token()
  assert.deepEqual(
    provider.requests.slice(-2).map(({ basic }) => basic?.clientSecret),
    ['first', 'second'],
  )
})

test('a server that revokes refresh tokens only has done enough, and one that revokes nothing has not', async (t) => {
  const provider = await startProvider(t)
  const refusal = new OAuthError('unsupported_token_type', 'JWTs cannot be revoked')
  for (const [refreshToken, works] of [
    ['refresh', true],
    [undefined, false],
  ] as const) {
    provider.answer = ({ parameters }, count) => {
      if (parameters.get('token_type_hint') === 'access_token') return refusal
      return parameters.has('token') ? { status: 200 } : tokens(`token-${count}`, 60, refreshToken === undefined ? {} : { refreshToken })
    }
    const client = createClient(optionsFor(provider, { revocationUrl: provider.tokenUrl }))
    await client.token()
    if (works) await client.revoke()
    else await assert.rejects(client.revoke(), { code: 'unsupported_token_type' })
  }
})
