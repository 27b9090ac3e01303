// The guard away from its issuer: metadata, keys and introspection over real HTTP, and an issuer that misbehaves.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import type { RemoteGuardOptions } from '../src/remote.ts'
import { createRemoteGuardPorts } from '../src/remote.ts'
import { RemoteGuardError } from '../src/remote_exchange.ts'
import { AUDIENCE, allOf, bearer, denied, get, guardWith, mint, NOW, ownPublic } from './realm.ts'

type Answer = (request: IncomingMessage, body: string, response: ServerResponse) => void

/** An issuer at a free port. `answers` by path; what is not in it is 404. */
async function withIssuer(
  answers: (origin: string) => Record<string, Answer>,
  use: (origin: string, seen: string[]) => Promise<void>,
): Promise<void> {
  const seen: string[] = []
  let table: Record<string, Answer> = {}
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    text(request).then(
      (body) => {
        const answer = table[request.url ?? '']
        if (answer === undefined) response.writeHead(404).end()
        else answer(request, body, response)
      },
      () => response.destroy(),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // Bound by listen(port, host): the address is an AddressInfo.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  table = answers(origin)
  try {
    await use(origin, seen)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const json =
  (value: unknown): Answer =>
  (_request, _body, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))

const metadata = (origin: string, issuer = `${origin}/realms/partner`): unknown => ({
  issuer,
  jwks_uri: `${origin}/jwks`,
  introspection_endpoint: `${origin}/introspect`,
})

const well = (origin: string): Record<string, Answer> => ({
  '/realms/partner/.well-known/openid-configuration': json(metadata(origin)),
  '/jwks': json({ keys: [ownPublic] }),
  '/introspect': (request, body, response) => {
    const form = new URLSearchParams(body)
    assert.equal(request.headers.authorization, `Basic ${Buffer.from('api%3A1:s%26cret').toString('base64')}`)
    assert.equal(form.get('token_type_hint'), 'access_token')
    const active = form.get('token') === 'opaque+token'
    json(active ? { active, aud: AUDIENCE, client_id: 'client-7', exp: NOW + 60, scope: 'a' } : { active })(request, body, response)
  },
})

const portsFor = (origin: string, more: Partial<RemoteGuardOptions> = {}) =>
  createRemoteGuardPorts({ issuer: `${origin}/realms/partner`, clientId: 'api:1', clientSecret: 's&cret', fetch, nowMs: () => 0, ...more })

test('keys and introspection are found by the metadata of the issuer, asked once', async () => {
  await withIssuer(well, async (origin, seen) => {
    const guard = guardWith({ issuer: `${origin}/realms/partner`, ...portsFor(origin) })
    const jwt = bearer(mint({ iss: `${origin}/realms/partner` }))
    const verdicts = await allOf([jwt, bearer('opaque+token'), bearer('unknown'), jwt].map((headers) => guard.check(get(headers))))
    assert.deepEqual(
      verdicts.map((verdict) => verdict.allow && verdict.principal.clientId),
      ['client-1', 'client-7', false, 'client-1'],
    )
    assert.equal(seen.filter((line) => line.includes('.well-known')).length, 1)
    assert.equal(seen.filter((line) => line.includes('/jwks')).length, 1)
    assert.equal((await guard.check(get(jwt))).allow, true)
  })
})

test('where the URLs are named no metadata are asked for', async () => {
  await withIssuer(well, async (origin, seen) => {
    const ports = portsFor(origin, { jwksUrl: `${origin}/jwks`, introspectionUrl: `${origin}/introspect` })
    await ports.prefetch()
    const guard = guardWith({ issuer: 'https://login.example', ...ports })
    assert.equal((await guard.check(get(bearer('opaque+token')))).allow, true)
    assert.equal((await guard.check(get(bearer(mint({ iss: 'https://login.example' }))))).allow, true)
    assert.deepEqual(seen, ['GET /jwks', 'POST /introspect'])
  })
})

test('the place of RFC 8414 is asked where OpenID Connect has none', async () => {
  const answers = (origin: string) => ({
    '/.well-known/oauth-authorization-server/realms/partner': json(metadata(origin)),
    '/jwks': json({ keys: [ownPublic] }),
  })
  await withIssuer(answers, async (origin) => {
    const guard = guardWith({ issuer: `${origin}/realms/partner`, ...portsFor(origin) })
    assert.equal((await guard.check(get(bearer(mint({ iss: `${origin}/realms/partner` }))))).allow, true)
  })
})

const redirect: Answer = (_request, _body, response) => response.writeHead(307, { location: '/realms/partner/elsewhere' }).end()
const raw =
  (text: string): Answer =>
  (_request, _body, response) =>
    response.end(text)

const MISBEHAVIOUR: Readonly<Record<string, (origin: string) => Record<string, Answer>>> = {
  'is away': () => ({}),
  'describes another issuer': (origin) => ({
    ...well(origin),
    '/realms/partner/.well-known/openid-configuration': json(metadata(origin, `${origin}/realms/other`)),
  }),
  'redirects its metadata': (origin) => ({
    '/realms/partner/.well-known/openid-configuration': redirect,
    '/realms/partner/elsewhere': json(metadata(origin)),
  }),
  'answers introspection by a redirect': (origin) => ({
    ...well(origin),
    '/introspect': redirect,
    '/realms/partner/elsewhere': json({ active: true }),
    '/jwks': raw(''),
  }),
  'answers introspection with an error': (origin) => ({
    ...well(origin),
    '/introspect': (_request, _body, response) => response.writeHead(401).end(),
    '/jwks': raw(''),
  }),
  'answers with what is no JSON': (origin) => ({ ...well(origin), '/introspect': raw('<html>'), '/jwks': raw('<html>') }),
  'answers with a list': (origin) => ({ ...well(origin), '/introspect': json([{ active: true }]), '/jwks': json(7) }),
  'answers with active twice': (origin) => ({ ...well(origin), '/introspect': raw('{"active":false,"active":true}'), '/jwks': raw('') }),
  'says active in words': (origin) => ({
    ...well(origin),
    '/introspect': json({ active: 'true', aud: AUDIENCE, client_id: 'c' }),
    '/jwks': raw(''),
  }),
  'answers without end': (origin) => ({
    ...well(origin),
    '/introspect': raw(`{"active":true,"x":"${'a'.repeat(300_000)}"}`),
    '/jwks': raw(''),
  }),
}

for (const [what, answers] of Object.entries(MISBEHAVIOUR)) {
  test(`with an issuer that ${what} the guard says 503, not 401`, async () => {
    await withIssuer(answers, async (origin) => {
      const told: unknown[] = []
      const guard = guardWith({ issuer: `${origin}/realms/partner`, ...portsFor(origin), onMalfunction: (error) => told.push(error) })
      for (const token of ['opaque+token', mint({ iss: `${origin}/realms/partner` })]) {
        assert.equal(denied(await guard.check(get(bearer(token)))).status, 503)
      }
      assert.equal(told.length, 2)
      assert.doesNotMatch(told.map(String).join(), /opaque|s&cret|s%26cret/)
    })
  })
}

test('an endpoint that the metadata name without https is not asked', async () => {
  const asked: string[] = []
  const issuer = 'https://login.example'
  const answer = {
    issuer,
    jwks_uri: 'http://login.example/jwks',
    introspection_endpoint: 'http://login.example/introspect',
    active: true,
    keys: [],
  }
  const anything: typeof fetch = async (input) => {
    assert.ok(typeof input === 'string')
    asked.push(input)
    return Response.json(answer)
  }
  const { keys, introspection } = portsFor('', { issuer, fetch: anything })
  await assert.rejects(async () => introspection?.introspect('opaque'), TypeError)
  await assert.rejects(async () => keys.find('kid', 'ES256'), TypeError)
  assert.deepEqual(asked, ['https://login.example/.well-known/openid-configuration'])
})

test('an issuer that does not answer in time is given up', async () => {
  await withIssuer(
    (origin) => ({ ...well(origin), '/introspect': () => {} }),
    async (origin) => {
      await assert.rejects(async () => portsFor(origin, { timeoutMs: 20 }).introspection?.introspect('opaque'), /no answer within 20 ms/)
    },
  )
})

test('an issuer that is away is asked again after a pause, not with every request', async () => {
  const table: Record<string, Answer> = {}
  let clock = 0
  await withIssuer(
    () => table,
    async (origin, seen) => {
      const { introspection } = portsFor(origin, { nowMs: () => clock })
      const ask = async (): Promise<unknown> => introspection?.introspect('opaque+token')
      await assert.rejects(ask, RemoteGuardError)
      const asked = seen.length
      await assert.rejects(ask, RemoteGuardError)
      assert.equal(seen.length, asked)
      Object.assign(table, well(origin))
      clock = 5000
      assert.ok(await ask())
    },
  )
})

test('an address that is not secure is refused when the guard is made', () => {
  const bad: Partial<RemoteGuardOptions>[] = [
    { issuer: 'http://login.example' },
    { issuer: 'login.example' },
    { jwksUrl: 'http://login.example/jwks' },
    { introspectionUrl: 'https://user:secret@login.example/introspect' },
    { introspectionUrl: 'ftp://login.example' },
  ]
  for (const change of bad) assert.throws(() => portsFor('https://login.example', change), TypeError, JSON.stringify(change))
  assert.doesNotThrow(() => portsFor('http://login.example', { allowHttp: true }))
  assert.equal(createRemoteGuardPorts({ issuer: 'https://login.example', fetch, nowMs: () => 0 }).introspection, undefined)
})
