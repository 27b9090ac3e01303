// Grants that are more than their options: what they send, what they check, and what they refuse.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import type { GrantSource } from '../src/extensions.ts'
import { authorizationCode } from '../src/grants/authorization_code.ts'
import type { DevicePrompt } from '../src/grants/device_code.ts'
import { DEVICE_CODE, deviceCode } from '../src/grants/device_code.ts'
import { jwtBearer } from '../src/grants/jwt_bearer.ts'
import { refreshToken } from '../src/grants/refresh_token.ts'
import { tokenExchange } from '../src/grants/token_exchange.ts'
import { createMemoryCache } from '../src/token_cache.ts'
import { read, serve, simulatedTime, startProvider, tokens } from './fake_provider.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'

interface Asked {
  readonly path: string
  readonly form: Record<string, string>
  readonly headers: IncomingHttpHeaders
}

interface HumanProvider {
  readonly origin: string
  readonly asked: Asked[]
  /** Answers to POSTs in turn: status and JSON; the last one goes on. */
  answers: [number, unknown][]
  metadata: Record<string, unknown>
}

const TOKENS = { access_token: 'a-token', token_type: 'Bearer', expires_in: 100, refresh_token: 'next' }

/** A provider with all the endpoints that a human's grant needs. */
async function startHuman(t: TestContext, answers: [number, unknown][]): Promise<HumanProvider> {
  const asked: Asked[] = []
  const origin: string = await serve(t, async (incoming, outgoing) => {
    const { method, path, body, headers } = await read(incoming)
    const json = (status: number, value: unknown) =>
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (method !== 'POST') {
      return path === '/.well-known/openid-configuration' ? json(200, { ...endpoints(), ...provider.metadata }) : json(404, {})
    }
    asked.push({ path, form: Object.fromEntries(new URLSearchParams(body)), headers })
    const next = provider.answers.length > 1 ? provider.answers.shift() : provider.answers[0]
    return json(next?.[0] ?? 500, next?.[1])
  })
  const endpoints = (): Record<string, string> => ({
    issuer: origin,
    token_endpoint: `${origin}/token`,
    authorization_endpoint: `${origin}/authorize?tenant=7`,
    device_authorization_endpoint: `${origin}/device`,
  })
  const provider: HumanProvider = { origin, asked, answers, metadata: {} }
  return provider
}

const clientOf = (provider: HumanProvider, grant: GrantSource, more: Partial<ClientOptions> = {}) =>
  createClient({ issuer: provider.origin, clientId: 'ours', clientSecret: 'our-secret', scope: 'read', grant, ...more })

test('a token exchange says whose token, of what kind, for which API; the subject is asked for each time', async (t) => {
  const provider = await startProvider(t)
  let count = 0
  const time = simulatedTime()
  const grant = tokenExchange({
    subjectToken: () => `subject-${++count}`,
    actorToken: 'actor',
    requestedTokenType: ACCESS_TOKEN,
    subject: 'ada',
  })
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientSecret: 's',
    audience: 'https://api.example.com',
    scope: ['read', 'write'],
    grant,
    ...time,
  })
  await client.token()
  time.ms = 3_600_000
  await client.token()
  const [first, second] = provider.requests.map(({ parameters }) => Object.fromEntries(parameters))
  assert.deepEqual(first, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'subject-1',
    subject_token_type: ACCESS_TOKEN,
    actor_token: 'actor',
    actor_token_type: ACCESS_TOKEN,
    requested_token_type: ACCESS_TOKEN,
    audience: 'https://api.example.com',
    scope: 'read write',
  })
  assert.equal(second?.['subject_token'], 'subject-2')
})

test('what was exchanged for one subject never goes to another, and is found again by its name', async (t) => {
  const provider = await startProvider(t)
  const cache = createMemoryCache()
  const ask = async (...grants: GrantSource[]) =>
    Promise.all(
      grants.map(
        async (grant) => (await createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', cache, grant }).token()).accessToken,
      ),
    )
  const different = await ask(
    tokenExchange({ subjectToken: 'ada' }),
    tokenExchange({ subjectToken: 'bob' }),
    tokenExchange({ subjectToken: 'ada', actorToken: 'x' }),
    tokenExchange({ subjectToken: 'x', subject: 'ada' }),
    jwtBearer({ assertion: 'ada' }),
    refreshToken({ refreshToken: 'ada' }),
  )
  assert.equal(new Set(different).size, different.length)
  assert.deepEqual(await ask(tokenExchange({ subjectToken: 'renewed', subject: 'ada' }), tokenExchange({ subjectToken: 'ada' })), [
    different[3],
    different[0],
  ])
})

test('an assertion is read anew for each token request, without the line break of its file', async (t) => {
  const provider = await startProvider(t)
  await createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', grant: jwtBearer({ assertion: () => 'a.b.c\n' }) }).token()
  const { parameters } = provider.requests[0] ?? assert.fail()
  assert.deepEqual([parameters.get('grant_type'), parameters.get('assertion')], ['urn:ietf:params:oauth:grant-type:jwt-bearer', 'a.b.c'])
})

test('a refresh token to start with is used once where the server rotates, and goes on where it does not', async (t) => {
  for (const rotates of [true, false]) {
    const provider = await startProvider(t)
    const time = simulatedTime()
    provider.answer = (_, count) => tokens(`token-${count}`, 100, rotates ? { refreshToken: `refresh-${count}` } : {})
    const client = createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', grant: refreshToken({ refreshToken: 'start' }), ...time })
    for (let round = 0; round < 3; round++) {
      await client.token()
      time.ms += 100_000
    }
    const used = provider.requests.map(({ parameters }) => parameters.get('refresh_token'))
    assert.deepEqual(used, rotates ? ['start', 'refresh-1', 'refresh-2'] : ['start', 'start', 'start'])
  }
})

const DEVICE = {
  device_code: 'device-secret',
  user_code: 'WDJB-MJHT',
  verification_uri: 'https://login.example.com/device',
  expires_in: 600,
  interval: 7,
}

test('the device grant shows the code and asks at the interval, slower when told to, until a human has said yes', async (t) => {
  const provider = await startHuman(t, [
    [200, DEVICE],
    [400, { error: 'authorization_pending' }],
    [400, { error: 'slow_down' }],
    [400, { error: 'authorization_pending' }],
    [200, TOKENS],
  ])
  const time = simulatedTime()
  const [prompts, waits]: [DevicePrompt[], number[]] = [[], []]
  const grant = deviceCode({ prompt: (prompt) => void prompts.push(prompt), wait: async (ms) => void waits.push(ms) })
  const client = clientOf(provider, grant, time)
  assert.equal((await client.token()).accessToken, 'a-token')
  assert.deepEqual(waits, [7000, 7000, 12_000, 12_000])
  const { user_code: userCode, verification_uri: verificationUri } = DEVICE
  assert.deepEqual(prompts, [{ userCode, verificationUri, verificationUriComplete: undefined, expiresAt: time.now() + 600 }])
  assert.deepEqual([provider.asked[0]?.path, provider.asked[0]?.form['scope']], ['/device', 'read'])
  assert.ok(provider.asked.every(({ headers }) => headers.authorization === `Basic ${btoa('ours:our-secret')}`))
  assert.deepEqual(provider.asked[4]?.form, { grant_type: DEVICE_CODE, device_code: 'device-secret' })
  time.ms = 100_000
  provider.answers = [[200, { ...TOKENS, access_token: 'refreshed' }]]
  await client.token()
  assert.equal(prompts.length, 1, 'the refresh token serves, and nobody is asked again')
})

test('a device authorization that is refused, runs out or makes no sense is a typed failure without its code', async (t) => {
  const wait = async (): Promise<void> => undefined
  const outcomes: [unknown, [number, unknown], string][] = [
    [DEVICE, [400, { error: 'access_denied' }], 'authorization_refused'],
    [DEVICE, [400, { error: 'expired_token' }], 'authorization_refused'],
    [DEVICE, [400, { error: 'invalid_grant', error_description: 'device-secret is wrong' }], 'invalid_grant'],
    [{ ...DEVICE, verification_uri: 'data:text/html,x' }, [200, TOKENS], 'unreadable_answer'],
    [{ ...DEVICE, verification_uri_complete: 'file:///etc/passwd' }, [200, TOKENS], 'unreadable_answer'],
    [{}, [200, TOKENS], 'unreadable_answer'],
  ]
  for (const [device, last, code] of outcomes) {
    const provider = await startHuman(t, [[200, device], last])
    await assert.rejects(clientOf(provider, deviceCode({ prompt: () => undefined, wait })).token(), (error) => {
      assert.equal((error as { code?: string }).code, code)
      assert.ok(!String(error).includes('device-secret'))
      return true
    })
  }
  const provider = await startHuman(t, [
    [200, DEVICE],
    [400, { error: 'authorization_pending' }],
  ])
  const time = simulatedTime()
  const pass = (ms: number): Promise<void> => {
    time.ms += ms
    return Promise.resolve()
  }
  const slow = deviceCode({ prompt: () => undefined, wait: pass })
  await assert.rejects(clientOf(provider, slow, time).token(), { code: 'authorization_refused' })
  assert.ok(provider.asked.length < 90, 'it ends with the code')
})

/** A browser that says yes; `change` is what somebody in between makes of the answer. */
const browser =
  (seen: URL[], change: (answer: URL) => void = () => undefined, iss?: string) =>
  async (url: URL) => {
    seen.push(url)
    const answer = new URL(url.searchParams.get('redirect_uri') ?? '')
    answer.searchParams.set('code', 'the-code')
    answer.searchParams.set('state', url.searchParams.get('state') ?? '')
    if (iss !== undefined) answer.searchParams.set('iss', iss)
    change(answer)
    return Promise.resolve(answer)
  }
const redirectUri = 'http://127.0.0.1:49152/callback'

test('a code is asked for with PKCE S256 and a state, both new each time, and the verifier goes with the code', async (t) => {
  const provider = await startHuman(t, [[200, { ...TOKENS, refresh_token: undefined }]])
  const seen: URL[] = []
  const time = simulatedTime()
  const authorize = browser(seen, undefined, provider.origin)
  const client = clientOf(provider, authorizationCode({ redirectUri, authorize, request: { prompt: 'login' } }), {
    ...time,
    resource: ['https://a.example', 'https://b.example'],
  })
  await client.token()
  time.ms = 99_000
  await client.token()
  assert.equal(seen.length, 1, 'nobody is asked while the token is good')
  time.ms = 100_000
  await client.token()
  const [first, second] = seen.map((url) => url.searchParams)
  assert.equal(seen[0]?.pathname, '/authorize')
  assert.deepEqual(
    [first?.get('tenant'), first?.get('scope'), first?.get('prompt'), first?.getAll('resource').length],
    ['7', 'read', 'login', 2],
  )
  assert.deepEqual([first?.get('response_type'), first?.get('client_id'), first?.get('code_challenge_method')], ['code', 'ours', 'S256'])
  assert.ok((first?.get('state') ?? '').length >= 43)
  for (const name of ['state', 'code_challenge']) assert.notEqual(first?.get(name), second?.get(name))
  const { code_verifier: verifier = '', ...form } = provider.asked[0]?.form ?? {}
  assert.deepEqual(form, { grant_type: 'authorization_code', code: 'the-code', redirect_uri: redirectUri })
  assert.equal(createHash('sha256').update(verifier).digest('base64url'), first?.get('code_challenge'))
})

test('an answer of another transaction, another issuer or another place is refused, and its code never sent', async (t) => {
  const changes: [(answer: URL) => void, Record<string, unknown>?][] = [
    [(answer) => answer.searchParams.set('state', 'of another')],
    [(answer) => answer.searchParams.delete('state')],
    [(answer) => answer.searchParams.append('state', 'of another')],
    [(answer) => answer.searchParams.append('code', 'another')],
    [(answer) => answer.searchParams.delete('code')],
    [(answer) => answer.searchParams.set('iss', 'https://attacker.example')],
    [() => undefined, { authorization_response_iss_parameter_supported: true }],
    [(answer) => answer.searchParams.set('error', 'access_denied')],
    [(answer) => answer.searchParams.set('error', 'the-code <script>')],
    [(answer) => Object.assign(answer, { pathname: '/elsewhere' })],
    [(answer) => Object.assign(answer, { port: '1' })],
  ]
  for (const [change, metadata = {}] of changes) {
    const provider = await startHuman(t, [[200, TOKENS]])
    provider.metadata = metadata
    await assert.rejects(clientOf(provider, authorizationCode({ redirectUri, authorize: browser([], change) })).token(), (error) => {
      assert.equal((error as { code?: string }).code, 'authorization_refused', String(error))
      assert.ok(!String(error).includes('the-code'))
      return true
    })
    assert.equal(provider.asked.length, 0, String(change))
  }
})

test('a provider without S256, or without the endpoint, is refused before anybody is sent there', async (t) => {
  const provider = await startHuman(t, [[200, TOKENS]])
  const seen: URL[] = []
  const grant = (request = {}) => authorizationCode({ redirectUri, authorize: browser(seen), request })
  provider.metadata = { code_challenge_methods_supported: ['plain'] }
  await assert.rejects(clientOf(provider, grant()).token(), { name: 'ConfigurationError' })
  await assert.rejects(clientOf(provider, grant({ state: 'mine' })).token(), { name: 'ConfigurationError' })
  const known = createClient({ tokenUrl: `${provider.origin}/token`, clientId: 'ours', grant: grant() })
  await assert.rejects(known.token(), { name: 'ConfigurationError', message: /authorization_endpoint/ })
  assert.equal(seen.length, 0)
})
