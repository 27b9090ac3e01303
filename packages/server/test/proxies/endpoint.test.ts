// What a proxy is told that asks, and who may ask: the endpoint of forward-auth over HTTP, without a proxy. RFC 9700 section 4.13.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { IDENTITY_HEADERS } from '@countersign/guard/identity'
import fc from 'fast-check'
import { decodeJwt } from 'jose'
import { send } from '../harness/http.ts'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import type { Shop } from './shop.ts'
import { API_KEY, HOST, PROXY_SECRET, startShop } from './shop.ts'

let shop: Shop
let bearer: string
before(async () => {
  shop = await startShop()
  bearer = await shop.bearer('read')
})
after(async () => {
  await shop.close()
  assert.deepEqual(shop.received, [], 'a question reaches no upstream')
  assert.deepEqual(shop.reports, [])
})

interface Asked {
  readonly api?: string
  readonly method?: string
  readonly url?: string
  readonly headers?: Record<string, string>
}

const PROFILES = ['nginx', 'haproxy', 'caddy', 'traefik', 'envoy'] as const
type Profile = (typeof PROFILES)[number]

/** Each proxy asks in its own words. */
function ask(profile: Profile, { api = 'orders', method = 'GET', url = '/orders/1', headers = {} }: Asked = {}): Promise<RawAnswer> {
  const endpoint = `${shop.origin}/realms/shop/forward-auth/${api}/${profile}`
  const sent = { authorization: bearer, ...headers }
  if (profile === 'envoy') return sendAs(endpoint + url, { method, headers: sent })
  const words = profile === 'nginx' || profile === 'haproxy' ? 'x-original' : 'x-forwarded'
  return sendAs(endpoint, { headers: { [`${words}-method`]: method, [`${words}-uri`]: url, ...sent } })
}

test('what is allowed is 200 without a body, and names every identity header', async () => {
  for (const profile of PROFILES) {
    const { status, headers, text } = await ask(profile, { url: '/orders/1?x=%2F..%2F' })
    assert.deepEqual([status, text, headers['content-length'], headers['cache-control']], [200, '', '0', 'no-store'], profile)
    for (const name of [...IDENTITY_HEADERS, 'x-countersign-assertion']) assert.equal(typeof headers[name], 'string', `${profile}: ${name}`)
    assert.deepEqual([headers['x-countersign-client'], headers['x-countersign-scope']], ['one', 'read'])
  }
})

test('an API that wants an assertion gets one through the proxy', async () => {
  for (const profile of PROFILES) {
    const { status, headers } = await ask(profile, { api: 'asserted' })
    const claims = decodeJwt(String(headers['x-countersign-assertion']))
    assert.deepEqual([status, claims['client_id'], claims.aud], [200, 'one', shop.upstream], profile)
  }
})

test('the method and the path that the proxy names are judged, not its own', async () => {
  for (const profile of PROFILES) {
    const refused = await ask(profile, { method: 'DELETE' })
    assert.deepEqual([refused.status, refused.headers['x-countersign-client']], [403, undefined], profile)
    assert.match(String(refused.headers['www-authenticate']), /error="insufficient_scope".*scope="write"/)
  }
})

test('a refusal has its own status and body for every proxy that passes them on', async () => {
  for (const profile of PROFILES.filter((name) => name !== 'nginx')) {
    const found = await Promise.all([
      ask(profile, { url: '/orders/..%2fx' }),
      ask(profile, { headers: { authorization: 'Bearer wrong' } }),
      ask(profile, { method: 'DELETE' }),
      ask(profile, { url: '/nothing' }),
      ask(profile, { method: 'POST' }),
    ])
    assert.deepEqual(
      found.map(({ status, json }) => [status, json['code']]),
      [
        [400, 'ambiguous_path'],
        [401, 'invalid_token'],
        [403, 'insufficient_scope'],
        [404, 'no_route'],
        [405, 'method_not_allowed'],
      ],
      profile,
    )
  }
})

test('for nginx every refusal but 401 is 403, with the true one in headers', async () => {
  const found = await Promise.all([
    ask('nginx', { url: '/orders/..%2fx' }),
    ask('nginx', { headers: { authorization: 'Bearer wrong' } }),
    ask('nginx', { method: 'DELETE' }),
    ask('nginx', { url: '/nothing' }),
    ask('nginx', { method: 'POST' }),
  ])
  const told = found.map(({ status, headers, text }) => {
    const problem = JSON.parse(String(headers['x-guard-problem'])) as { code: string; status: number }
    return [status, headers['x-guard-status'], problem.status, problem.code, text]
  })
  assert.deepEqual(told, [
    [403, '400', 400, 'ambiguous_path', ''],
    [401, '401', 401, 'invalid_token', ''],
    [403, '403', 403, 'insufficient_scope', ''],
    [403, '404', 404, 'no_route', ''],
    [403, '405', 405, 'method_not_allowed', ''],
  ])
  assert.equal(found[4]?.headers['allow'], 'DELETE, GET, HEAD, PUT')
})

test('a proxy that does not say what it asks about is told so, and nobody passes', async () => {
  const endpoint = `${shop.origin}/realms/shop/forward-auth/orders`
  const headers = { authorization: bearer }
  const questions: readonly (readonly [string, Record<string, string>])[] = [
    ['/caddy', {}],
    ['/caddy', { 'x-forwarded-method': 'GET' }],
    ['/caddy', { 'x-forwarded-uri': '/orders/1' }],
    ['/caddy', { 'x-original-method': 'GET', 'x-original-uri': '/orders/1' }],
    ['/traefik', { 'x-forwarded-method': 'GET', 'x-forwarded-uri': 'orders/1' }],
    ['/traefik', { 'x-forwarded-method': 'GET /', 'x-forwarded-uri': '/orders/1' }],
    ['/haproxy', { 'x-original-method': '', 'x-original-uri': '/orders/1' }],
    ['/envoy', {}],
    ['/envoy?/orders/1', {}],
  ]
  for (const [path, words] of questions) {
    const answer = await sendAs(endpoint + path, { headers: { ...headers, ...words } })
    assert.deepEqual([answer.status, answer.json['code']], [500, 'unreadable_question'], `${path} ${JSON.stringify(words)}`)
  }
  for (const repeated of [
    ['x-forwarded-method', 'GET', 'x-forwarded-method', 'DELETE', 'x-forwarded-uri', '/orders/1'],
    ['x-forwarded-method', 'GET', 'x-forwarded-uri', '/orders/1', 'x-forwarded-uri', '/orders/2'],
  ]) {
    const answer = await sendAs(`${endpoint}/caddy`, { headers: ['host', HOST, 'authorization', bearer, ...repeated] })
    assert.notEqual(answer.status, 200)
  }
})

test('headers that a proxy would pass on and an upstream believe are refused', async () => {
  for (const name of [
    'x-consumer-groups',
    'x-credential-username',
    'X_Consumer_Id',
    'x.countersign.client',
    'X-Countersign-Anything',
    'x-http-method-override',
    'X_HTTP_Method',
    'x-original-url',
    'X-Rewrite-Url',
  ]) {
    const answer = await ask('traefik', { headers: { [name]: 'admin' } })
    assert.deepEqual([answer.status, answer.json['code']], [400, 'misleading_header'], name)
  }
})

test('a question that carries the handshake for a WebSocket along is answered like any other', async () => {
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  }
  assert.equal((await ask('traefik', { headers: handshake })).status, 200)
  assert.equal((await ask('traefik', { headers: { ...handshake, authorization: 'Bearer wrong' } })).status, 401)
})

test('two Authorization headers are refused', async () => {
  const words = ['x-forwarded-method', 'GET', 'x-forwarded-uri', '/orders/1']
  const answer = await sendAs(`${shop.origin}/realms/shop/forward-auth/orders/caddy`, {
    headers: ['host', HOST, 'authorization', bearer, 'authorization', bearer, ...words],
  })
  assert.deepEqual([answer.status, answer.json['code']], [400, 'invalid_request'])
})

test('an API that is not open for questions has no such endpoint, nor has an unknown one, or an unknown proxy', async () => {
  for (const api of ['closed', 'none', 'orders%2f', '']) assert.equal((await ask('caddy', { api })).status, 404, api)
  const words = { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/orders/1', authorization: bearer }
  for (const path of [
    'orders',
    'orders/',
    'orders/apache',
    'orders/caddy/',
    'orders/caddy/x',
    'orders/caddyx',
    'orders/CADDY',
    'orders//caddy',
  ]) {
    const answer = await send(`${shop.origin}/realms/shop/forward-auth/${path}`, { headers: words })
    assert.equal(answer.status, 404, path)
  }
  assert.equal((await send(`${shop.origin}/realms/other/forward-auth/orders/caddy`, { headers: words })).status, 404)
})

test('it answers at any host, that of the API too: some proxies ask with the host they were asked with', async () => {
  for (const host of [HOST, 'other.example', '127.0.0.1']) assert.equal((await ask('caddy', { headers: { host } })).status, 200, host)
})

test('with a secret in the configuration only the secret counts, and it is no wrong one', async () => {
  const shown = (secret: string): Asked => ({ api: 'secured', headers: { 'x-countersign-proxy-secret': secret } })
  assert.equal((await ask('caddy', shown(PROXY_SECRET))).status, 200)
  assert.equal((await ask('caddy', { api: 'secured' })).status, 404)
  for (const wrong of ['', 'x', PROXY_SECRET.slice(1), `${PROXY_SECRET}x`])
    assert.equal((await ask('caddy', shown(wrong))).status, 404, wrong)
})

test("a key's addresses are held against the caller that the proxy names last, whatever stands before", async () => {
  const at = async (address: string): Promise<number> =>
    (await ask('caddy', { api: 'keyed', headers: { 'x-api-key': API_KEY, 'x-forwarded-for': address } })).status
  assert.equal(await at('203.0.113.7'), 200)
  assert.equal(await at('198.51.100.1, 203.0.113.7'), 200)
  // As the gateway reads it: some proxies write the port as well.
  for (const same of ['::ffff:203.0.113.7', '203.0.113.7:80', '[::ffff:203.0.113.7]:80', '198.51.100.1, 203.0.113.7:65535'])
    assert.equal(await at(same), 200, same)
  for (const address of [
    '198.51.100.1',
    '203.0.113.7, 198.51.100.1',
    '198.51.100.1:80',
    '203.0.113.7:',
    '203.0.113.7:x',
    '203.0.113.7, unknown',
    '',
    ',',
    Array.from({ length: 40 }, () => '203.0.113.7').join(','),
  ])
    assert.equal(await at(address), 403, address)
})

test('whatever is asked, the answer is a verdict and never a malfunction', async () => {
  const piece = fc.constantFrom(
    '/',
    '..',
    '%2f',
    '%2e',
    '%',
    '?',
    '#',
    '//',
    '\\',
    ';',
    'orders',
    '1',
    '%00',
    '~',
    '%41',
    'é'.normalize('NFD'),
    '*',
  )
  const url = fc.array(piece, { maxLength: 8 }).map((pieces) => encodeURI(`/${pieces.join('')}`).replaceAll('%25', '%'))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PROFILES),
      url,
      fc.constantFrom('GET', 'get', 'DELETE', 'TRACE', 'X'),
      async (profile, path, method) => {
        if (profile === 'envoy' && !/^[A-Z]+$/.test(method)) return
        const { status } = await ask(profile, { url: path, method: profile === 'envoy' && method === 'X' ? 'GET' : method })
        assert.ok([200, 400, 403, 404, 405].includes(status), `${status} ${path}`)
      },
    ),
    { numRuns: 150 },
  )
})
