// Which requests reach which upstream, and what of them: routing, paths, headers, scopes. RFC 9110 section 7.6.1, RFC 9700 section 4.13.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import { startConfigured, type TestServer } from '../harness/server.ts'
import { startEcho, startUpstream, type Upstream } from '../harness/upstream.ts'
import { API, hashed } from '../issue/orders.ts'

const SECRET = 'a secret that is long enough'
let server: TestServer
let echo: Upstream
let special: Upstream
let bearer: string
let reader: string

before(async () => {
  echo = await startEcho()
  special = await startUpstream((request, response) => {
    request.resume()
    if (request.url === '/204') response.writeHead(204, { 'x-seen': 'yes' }).end()
    else if (request.url === '/304') response.writeHead(304, { etag: '"one"' }).end()
    else if (request.url === '/hop')
      response.writeHead(200, { connection: 'close, x-private', 'x-private': 'mine', 'proxy-authenticate': 'Basic', 'keep-alive': 'timeout=99', 'x-public': 'yours', 'set-cookie': ['a=1', 'b=2'] }).end('x')
    else if (request.url === '/500') response.writeHead(500, { 'content-type': 'text/plain' }).end('upstream trouble')
    else if (request.url === '/broken') response.socket?.destroy()
    else response.writeHead(200, { 'content-length': '5', 'content-type': 'text/plain' }).end('hello')
  })
  const gone = await startUpstream(() => undefined)
  await gone.close()
  const common = { realm: 'shop', upstream: echo.origin }
  const routes = [
    { methods: ['GET'], path: '/orders/:id', scopes: ['read'] },
    { methods: ['POST', 'DELETE'], path: '/orders/:id', scopes: ['write'] },
    { path: '/both/*', scopes: ['read', 'write'] },
  ]
  server = await startConfigured({
    realms: [{ id: 'shop', scopes: ['read', 'write'], audiences: [API], clients: [{ clientId: 'one', secret: hashed(SECRET), scopes: ['read', 'write'] }] }],
    apis: [
      { id: 'orders', ...common, hosts: ['api.example.com'] },
      { id: 'based', ...common, upstream: `${echo.origin}/base/` },
      { id: 'deep', ...common, prefix: '/apis/orders/deep' },
      { id: 'closed', ...common, routes, otherwise: 'deny' },
      { id: 'open', ...common, routes },
      { id: 'strip', ...common, credentials: 'strip' },
      { id: 'special', ...common, upstream: special.origin },
      { id: 'gone', ...common, upstream: gone.origin },
    ],
  })
  const token = async (scope: string) =>
    `Bearer ${(await postForm(`${server.origin}/realms/shop/oauth2/token`, { grant_type: 'client_credentials', scope }, basic('one', SECRET))).json['access_token']}`
  bearer = await token('read write')
  reader = await token('read')
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
  await Promise.all([echo.close(), special.close()])
})

const call = (path: string, { method = 'GET', headers = {}, body = '' }: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
  sendAs(server.origin + path, { method, headers: { authorization: bearer, ...headers }, body })
const seen = (json: Record<string, unknown>): Record<string, string> => json['headers'] as Record<string, string>

test('path and query reach the upstream as they were sent, below its base path', async () => {
  const paths = { '/apis/orders/a/b?x=1&y=%20+': '/a/b?x=1&y=%20+', '/apis/orders/a%20b/': '/a%20b/', '/apis/based/a': '/base/a', '/apis/orders': '/', '/apis/orders/': '/', '/apis/orders?x=1': '/?x=1', '/apis/based': '/base/' }
  for (const [path, received] of Object.entries(paths)) {
    const answer = await call(path)
    assert.deepEqual([answer.status, answer.json['path']], [200, received], path)
  }
})

test('the longest prefix wins, and a prefix ends at a slash', async () => {
  assert.equal((await call('/apis/orders/deep/x')).json['path'], '/x')
  assert.equal((await call('/apis/orders/deeper')).json['path'], '/deeper')
  for (const path of ['/apis/ordersX', '/apis/orders.', '/apis/order', '/apis', '/apis/', '/APIS/orders', '/apis/Orders', '//apis/orders', '/apis//orders', '/apis/%6frders', '/apis%2forders', '/x/apis/orders']) {
    const answer = await call(path)
    assert.equal(answer.status, 404, path)
    assert.equal(answer.json['headers'], undefined)
  }
})

test('an API has its own host names at the root, in any case and with any port', async () => {
  for (const host of ['api.example.com', 'API.Example.COM', 'api.example.com:8443']) {
    const answer = await call('/a/b', { headers: { host } })
    assert.deepEqual([answer.status, answer.json['path'], seen(answer.json)['x-forwarded-host']], [200, '/a/b', host])
  }
  // There its host decides: another API's prefix is a path like any other.
  assert.equal((await call('/apis/closed/x', { headers: { host: 'api.example.com' } })).json['path'], '/apis/closed/x')
  for (const host of ['api.example.com.evil.example', 'xapi.example.com', 'example.com']) assert.equal((await call('/a/b', { headers: { host } })).status, 404)
})

test('X-Forwarded-Host leads nowhere', async () => {
  assert.equal((await call('/a/b', { headers: { 'x-forwarded-host': 'api.example.com' } })).status, 404)
})

test('a path that two programs could read differently is refused before anything is forwarded', async () => {
  for (const path of ['/../x', '/./x', '/a/../../x', '/a//b', '/a%2fb', '/a%2Fb', '/a%5cb', '/a\\b', '/%2e%2e/x', '/.%2e/x', '/a%00b', '/a%0ab', '/%252e%252e/x', '/a%252fb', '/%zz', '/%', '/%ff', '/a/..;/b', '/..;x=1/b', '/%61', '/a#b']) {
    const answer = await call(`/apis/orders${path}`)
    assert.deepEqual([answer.status, answer.json['code']], [400, 'ambiguous_path'], path)
  }
})

test('dot segments do not lead from one API to another', async () => {
  for (const path of ['/apis/open/../closed/x', '/apis/open/%2e%2e/closed/x', '/apis/open/..%2fclosed/x']) assert.equal((await call(path)).status, 400, path)
})

test('without a token nobody passes, at any API, route and method', async () => {
  for (const api of ['orders', 'closed', 'open', 'strip', 'special', 'gone']) {
    for (const path of ['/', '/orders/1', '/both/x']) {
      for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS', 'PROPFIND']) {
        const { status } = await sendAs(`${server.origin}/apis/${api}${path}`, { method })
        assert.ok([401, 404, 405].includes(status), `${method} ${api}${path}: ${status}`)
      }
    }
  }
})

test('a token in the query, a cookie or the body is none', async () => {
  const token = bearer.slice('Bearer '.length)
  const bare = await send(`${server.origin}/apis/orders/x?access_token=${token}`)
  assert.deepEqual([bare.status, bare.headers.get('www-authenticate')], [401, 'Bearer realm="shop"'])
  assert.equal((await sendAs(`${server.origin}/apis/orders/x`, { headers: { cookie: `access_token=${token}` } })).status, 401)
  assert.equal((await postForm(`${server.origin}/apis/orders/x`, { access_token: token })).status, 401)
})

test('scopes hold route by route and method by method', async () => {
  const as = async (authorization: string, method: string, path: string) => (await call(`/apis/closed${path}`, { method, headers: { authorization } })).status
  assert.equal(await as(reader, 'GET', '/orders/1'), 200)
  assert.equal(await as(reader, 'HEAD', '/orders/1'), 200)
  assert.equal(await as(reader, 'POST', '/orders/1'), 403)
  assert.equal(await as(bearer, 'POST', '/orders/1'), 200)
  assert.equal(await as(bearer, 'DELETE', '/orders/1'), 200)
  assert.equal(await as(reader, 'GET', '/both/x/y'), 403)
  assert.equal(await as(bearer, 'GET', '/both/x/y'), 200)
  assert.equal(await as(bearer, 'PUT', '/orders/1'), 405)
  assert.equal(await as(bearer, 'GET', '/elsewhere'), 404)
  assert.equal((await call('/apis/open/elsewhere')).status, 200)
})

test('403 names the scopes that are needed', async () => {
  const answer = await call('/apis/closed/both/x', { headers: { authorization: reader } })
  assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="shop", error="insufficient_scope", error_description="[^"]+", scope="read write"$/)
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
})

test('other spellings of a route do not get round its scopes', async () => {
  for (const path of ['/Orders/1', '/ORDERS/1', '/both;x/y', '/orders;a=b/1', '/orders/1/']) {
    const { status } = await call(`/apis/open${path}`, { method: 'POST', headers: { authorization: reader } })
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`)
  }
})

test('what the caller claims to be is taken away in every spelling, and the truth put in its place', async () => {
  const claimed = ['x-consumer-id', 'X-Consumer-Username', 'x_consumer_id', 'X_Countersign_Client', 'x-countersign_client', 'x.countersign.scope', 'x-countersign-anything', 'x-credential-identifier', 'x-anonymous-consumer', 'X-COUNTERSIGN-SUBJECT']
  const headers = ['Host', 'x', 'Authorization', bearer, ...claimed.flatMap((name) => [name, 'forged'])]
  const answer = await sendAs(`${server.origin}/apis/orders/x`, { headers })
  assert.equal(answer.status, 200)
  assert.ok(!answer.text.includes('forged'), answer.text)
  const { 'x-countersign-client': client, 'x-countersign-subject': subject, 'x-countersign-scope': scope, 'x-countersign-realm': realm } = seen(answer.json)
  assert.deepEqual({ client, subject, scope, realm }, { client: 'one', subject: 'one', scope: 'read write', realm: 'shop' })
  assert.equal(seen(answer.json)['x-anonymous-consumer'], '')
})

test('forwarding fields of the caller are replaced in every spelling', async () => {
  const forged = ['X-Forwarded-For', 'x_forwarded_for', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'Forwarded', 'X-Real-IP', 'x_real_ip', 'x.forwarded.for']
  const answer = await sendAs(`${server.origin}/apis/orders/x`, { headers: ['Host', 'here.example', 'Authorization', bearer, ...forged.flatMap((name) => [name, '6.6.6.6'])] })
  assert.ok(!answer.text.includes('6.6.6.6'), answer.text)
  const headers = seen(answer.json)
  assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']], ['127.0.0.1', 'http', 'here.example'])
})

test('hop-by-hop fields of the caller, and those its Connection names, go no further', async () => {
  const headers = { connection: 'keep-alive, x-private', 'x-private': 'mine', te: 'trailers', 'proxy-authorization': 'Basic eA==', 'keep-alive': 'timeout=99', upgrade: 'h2c', 'x-public': 'yours' }
  const answer = await call('/apis/orders/x', { headers })
  assert.equal(answer.status, 200)
  const received = seen(answer.json)
  for (const name of ['x-private', 'te', 'proxy-authorization', 'keep-alive', 'upgrade']) assert.equal(received[name], undefined, name)
  assert.equal(received['x-public'], 'yours')
})

test('Connection cannot be used to take our own fields away', async () => {
  const answer = await call('/apis/orders/x', { headers: { connection: 'close, x-countersign-client, x-forwarded-for, authorization' } })
  assert.deepEqual([answer.status, seen(answer.json)['x-countersign-client'], seen(answer.json)['x-forwarded-for']], [200, 'one', '127.0.0.1'])
})

test('hop-by-hop fields of the upstream go no further either', async () => {
  const answer = await call('/apis/special/hop')
  assert.equal(answer.status, 200)
  for (const name of ['x-private', 'proxy-authenticate']) assert.equal(answer.headers[name], undefined, name)
  assert.notEqual(answer.headers['keep-alive'], 'timeout=99')
  assert.deepEqual([answer.headers['x-public'], answer.headers['set-cookie']], ['yours', ['a=1', 'b=2']])
})

test('the upstream sees the caller’s token by default, and with credentials: strip it does not', async () => {
  assert.equal(seen((await call('/apis/orders/x')).json)['authorization'], bearer)
  const stripped = await call('/apis/strip/x')
  assert.deepEqual([stripped.status, seen(stripped.json)['authorization'], seen(stripped.json)['x-countersign-client']], [200, undefined, 'one'])
  assert.ok(!stripped.text.includes(bearer.slice(7)))
})

test('HEAD, 204, 304 and the upstream’s own errors come through as they are', async () => {
  const head = await call('/apis/special/x', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', ''])
  const empty = await call('/apis/special/204')
  assert.deepEqual([empty.status, empty.text, empty.headers['x-seen']], [204, '', 'yes'])
  const same = await call('/apis/special/304', { headers: { 'if-none-match': '"one"' } })
  assert.deepEqual([same.status, same.headers['etag'], same.text], [304, '"one"', ''])
  const failed = await call('/apis/special/500')
  assert.deepEqual([failed.status, failed.text], [500, 'upstream trouble'])
})

test('methods of every kind come through', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY']) assert.equal((await call('/apis/orders/x', { method })).json['method'], method)
})

test('an upstream that is down, or hangs up, is a 502 that names nothing of it', async () => {
  for (const path of ['/apis/gone/x', '/apis/special/broken']) {
    const answer = await call(path)
    assert.deepEqual([answer.status, answer.json['code'], answer.headers['cache-control']], [502, 'upstream_unreachable', 'no-store'])
    assert.ok(!/127\.0\.0\.1|ECONN|localhost/.test(answer.text), answer.text)
  }
})

test('a request with both lengths, or two, is refused and never forwarded', async () => {
  const start = `POST /apis/orders/x HTTP/1.1\r\nHost: x\r\nAuthorization: ${bearer}\r\n`
  for (const [fields, body] of [
    ['Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'],
    ['Content-Length: 5\r\nContent-Length: 5', 'aaaaa'],
    ['Content-Length: 5, 5', 'aaaaa'],
    ['Content-Length: +5', 'aaaaa'],
    ['Transfer-Encoding: chunked, identity', '0\r\n\r\n'],
    ['Transfer-Encoding: xchunked', '0\r\n\r\n'],
  ] as const) {
    const said = await exchange(server.origin, `${start}${fields}\r\n\r\n${body}GET /apis/orders/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
    assert.deepEqual(statuses(said), [400], fields)
    assert.ok(!said.includes('smuggled'))
  }
})

test('two Authorization fields are refused', async () => {
  for (const headers of [['Host', 'x', 'Authorization', bearer, 'Authorization', bearer], ['Host', 'x', 'Authorization', bearer, 'authorization', 'Basic eA==']]) {
    assert.equal((await sendAs(`${server.origin}/apis/orders/x`, { headers })).status, 400)
  }
})
