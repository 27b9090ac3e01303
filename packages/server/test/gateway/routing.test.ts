// Which requests reach which upstream, and which may: hosts, prefixes, paths, scopes. RFC 3986 section 3.3, RFC 6750.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { postForm, send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { API } from '../issue/orders.ts'
import type { Shop } from './shop.ts'
import { seen, startShop } from './shop.ts'

/** Where clients read how to get in, RFC 9728. */
const METADATA = 'resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"'

let server: Shop
before(async () => {
  server = await startShop()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('path and query reach the upstream as they were sent, below its base path', async () => {
  const paths = {
    '/apis/orders/a/b?x=1&y=%20+': '/a/b?x=1&y=%20+',
    '/apis/orders/a%20b/': '/a%20b/',
    '/apis/based/a': '/base/a',
    '/apis/orders': '/',
    '/apis/orders/': '/',
    '/apis/orders?x=1': '/?x=1',
    '/apis/based': '/base/',
  }
  for (const [path, received] of Object.entries(paths)) {
    const answer = await server.call(path)
    assert.deepEqual([answer.status, answer.json['path']], [200, received], path)
  }
})

test('the longest prefix wins, and a prefix ends at a slash', async () => {
  assert.equal((await server.call('/apis/orders/deep/x')).json['path'], '/x')
  assert.equal((await server.call('/apis/orders/deeper')).json['path'], '/deeper')
  for (const path of [
    '/apis/ordersX',
    '/apis/orders.',
    '/apis/order',
    '/apis',
    '/apis/',
    '/APIS/orders',
    '/apis/Orders',
    '//apis/orders',
    '/apis//orders',
    '/apis/%6frders',
    '/apis%2forders',
    '/x/apis/orders',
  ]) {
    const answer = await server.call(path)
    assert.equal(answer.status, 404, path)
    assert.equal(answer.json['headers'], undefined)
  }
})

test('an API has its own host names at the root, in any case and with any port', async () => {
  for (const host of ['api.example.com', 'API.Example.COM', 'api.example.com:8443']) {
    const answer = await server.call('/a/b', { headers: { host } })
    assert.deepEqual([answer.status, answer.json['path'], seen(answer)['x-forwarded-host']], [200, '/a/b', host])
  }
  // There its host decides: another API's prefix is a path like any other.
  assert.equal((await server.call('/apis/closed/x', { headers: { host: 'api.example.com' } })).json['path'], '/apis/closed/x')
  for (const host of ['api.example.com.evil.example', 'xapi.example.com', 'example.com'])
    assert.equal((await server.call('/a/b', { headers: { host } })).status, 404)
})

test('X-Forwarded-Host leads nowhere', async () => {
  assert.equal((await server.call('/a/b', { headers: { 'x-forwarded-host': 'api.example.com' } })).status, 404)
})

test('a path that two programs could read differently is refused before anything is forwarded', async () => {
  for (const path of [
    '/../x',
    '/./x',
    '/a/../../x',
    '/a//b',
    '/a%2fb',
    '/a%2Fb',
    '/a%5cb',
    '/a\\b',
    '/%2e%2e/x',
    '/.%2e/x',
    '/a%00b',
    '/a%0ab',
    '/%252e%252e/x',
    '/a%252fb',
    '/%zz',
    '/%',
    '/%ff',
    '/a/..;/b',
    '/..;x=1/b',
    '/%61',
    '/a#b',
  ]) {
    const answer = await server.call(`/apis/orders${path}`)
    assert.deepEqual([answer.status, answer.json['code']], [400, 'ambiguous_path'], path)
  }
})

test('dot segments do not lead from one API to another', async () => {
  for (const path of ['/apis/open/../closed/x', '/apis/open/%2e%2e/closed/x', '/apis/open/..%2fclosed/x'])
    assert.equal((await server.call(path)).status, 400, path)
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
  const token = server.bearer.slice('Bearer '.length)
  const bare = await send(`${server.origin}/apis/orders/x?access_token=${token}`)
  assert.deepEqual([bare.status, bare.headers.get('www-authenticate')], [401, `Bearer realm="shop", ${METADATA}`])
  assert.equal((await sendAs(`${server.origin}/apis/orders/x`, { headers: { cookie: `access_token=${token}` } })).status, 401)
  assert.equal((await postForm(`${server.origin}/apis/orders/x`, { access_token: token })).status, 401)
})

test('scopes hold route by route and method by method', async () => {
  const as = async (authorization: string, method: string, path: string) =>
    (await server.call(`/apis/closed${path}`, { method, headers: { authorization } })).status
  assert.equal(await as(server.reader, 'GET', '/orders/1'), 200)
  assert.equal(await as(server.reader, 'HEAD', '/orders/1'), 200)
  assert.equal(await as(server.reader, 'POST', '/orders/1'), 403)
  assert.equal(await as(server.bearer, 'POST', '/orders/1'), 200)
  assert.equal(await as(server.bearer, 'DELETE', '/orders/1'), 200)
  assert.equal(await as(server.reader, 'GET', '/both/x/y'), 403)
  assert.equal(await as(server.bearer, 'GET', '/both/x/y'), 200)
  assert.equal(await as(server.bearer, 'PUT', '/orders/1'), 405)
  assert.equal(await as(server.bearer, 'GET', '/elsewhere'), 404)
  assert.equal((await server.call('/apis/open/elsewhere')).status, 200)
  // Whoever names routes and says no more means these routes only.
  assert.equal(await as(server.bearer, 'GET', '/orders/1'), 200)
  assert.equal((await server.call('/apis/unsaid/elsewhere')).status, 404)
})

test('403 names the scopes that are needed', async () => {
  const answer = await server.call('/apis/closed/both/x', { headers: { authorization: server.reader } })
  assert.match(
    String(answer.headers['www-authenticate']),
    /^Bearer realm="shop", error="insufficient_scope", error_description="[^"]+", scope="read write", resource_metadata="[^"]+"$/,
  )
  assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
})

test('other spellings of a route do not get round its scopes', async () => {
  for (const path of ['/Orders/1', '/ORDERS/1', '/both;x/y', '/orders;a=b/1', '/orders/1/']) {
    const { status } = await server.call(`/apis/open${path}`, { method: 'POST', headers: { authorization: server.reader } })
    assert.ok([400, 403, 404].includes(status), `${path}: ${status}`)
  }
})

test("no API's prefix hides an endpoint of a realm", async () => {
  const echo = await startEcho()
  const prefixed = await startConfigured({
    realms: [{ id: 'hidden', hosts: ['auth.example.com'], audiences: [API], clients: [] }],
    apis: ['/oauth2', '/.well-known'].map((prefix, index) => ({ id: `api-${index}`, realm: 'hidden', upstream: echo.origin, prefix })),
  })
  const status = async (path: string): Promise<number> =>
    (await sendAs(prefixed.origin + path, { headers: { host: 'auth.example.com' } })).status
  assert.equal(await status('/.well-known/oauth-authorization-server'), 200)
  assert.equal(await status('/oauth2/token'), 405)
  assert.equal(await status('/oauth2/else'), 401)
  await prefixed.close()
  await echo.close()
})
