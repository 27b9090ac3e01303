// How credentials may come: headers, spellings, schemes, and twice. Over real sockets where Node would hide the evidence.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import test from 'node:test'
import { nodeGuard } from '../src/adapters/node.ts'
import type { Guard, GuardOptions } from '../src/guard.ts'
import { bound, dpopGuard, prove } from './prover.ts'
import { atOnce, bearer, denied, get, guardWith, mint, standard, webcommander, wych } from './realm.ts'

const token = mint()

/** Sends these header lines as they are; the status line and body of the answer. */
async function send(guard: Guard, lines: readonly string[], target = '/orders'): Promise<{ status: number; body: string }> {
  const server = createServer((request, response) =>
    nodeGuard(guard)(request, response, (principal) => response.end(`client ${principal.clientId}`)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    // Bound by listen(port, host): the address is an AddressInfo.
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.end([`GET ${target} HTTP/1.1`, 'Host: api.example', 'Connection: close', ...lines, '', ''].join('\r\n'))
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), body }
  } finally {
    server.close()
  }
}

test('over a real server a token passes in any case of header and scheme', async () => {
  for (const line of [`Authorization: Bearer ${token}`, `AUTHORIZATION: bearer ${token}`, `authorization:BEARER   ${token}  `]) {
    assert.deepEqual((await send(guardWith(), [line])).status, 200, line)
  }
})

test('a second Authorization header is refused, though Node drops it silently', async () => {
  const lines = [`Authorization: Bearer ${token}`, `Authorization: Bearer ${mint()}`]
  for (const both of [lines, lines.toReversed(), [lines[0] ?? '', lines[0] ?? ''], [lines[0] ?? '', 'aUthorization: Basic YTpi']]) {
    const { status, body } = await send(guardWith(), both)
    assert.equal(status, 400)
    assert.match(body, /"code":"invalid_request"/)
  }
})

test('a second proof is refused, though Node joins the two, and so is a second scheme', async () => {
  const guard = dpopGuard()
  const own = bound()
  const authorization = `Authorization: DPoP ${own}`
  assert.equal((await send(guard, [authorization, `DPoP: ${prove(own)}`])).status, 200)
  const twice = await send(guard, [authorization, `DPoP: ${prove(own)}`, `dpop: ${prove(own)}`])
  assert.deepEqual([twice.status, /"code":"(\w+)"/.exec(twice.body)?.[1]], [401, 'invalid_dpop_proof'])
  for (const scheme of ['Bearer', 'DPoP']) {
    const both = await send(guard, [authorization, `Authorization: ${scheme} ${own}`, `DPoP: ${prove(own)}`])
    assert.deepEqual([both.status, /"code":"(\w+)"/.exec(both.body)?.[1]], [400, 'invalid_request'])
  }
})

test('two carriers at once are refused, also with one and the same token', async () => {
  const guard = guardWith({ dialects: [standard, wych, webcommander] })
  const ways = [`Authorization: Bearer ${token}`, `authorisation: bearer ${token}`, `access_token: ${token}`]
  for (const way of ways) assert.equal((await send(guard, [way])).status, 200, way)
  for (const [first, second] of [
    [0, 1],
    [1, 2],
    [0, 2],
  ]) {
    assert.equal((await send(guard, [ways[first ?? 0] ?? '', ways[second ?? 0] ?? ''])).status, 400)
  }
  for (const way of ways) assert.equal((await send(guard, [way, way])).status, 400)
})

test('a repeated API key is refused, even if both are the same', async () => {
  const guard = guardWith({ apiKey: 'required', apiKeys: { find: () => ({ id: 'k', clientId: 'client-1', expiresAt: null }) } })
  const lines = [`Authorization: Bearer ${token}`, 'X-Api-Key: one']
  assert.equal((await send(guard, lines)).status, 200)
  assert.equal((await send(guard, [...lines, 'x-api-key: one'])).status, 400)
})

test('a guard that remembers a token still sees another scheme and a second carrier', () => {
  const guard = guardWith({ dialects: [standard, wych, webcommander] })
  assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
  const twice = [{ authorisation: `bearer ${token}` }, { access_token: token }, { authorisation: 'bearer' }, { access_token: '' }]
  for (const more of twice) {
    assert.equal(denied(atOnce(guard.check(get({ ...bearer(token), ...more })))).code, 'invalid_request', JSON.stringify(more))
  }
  assert.equal(denied(atOnce(guard.check(get({ authorization: `Digest ${token}` })))).code, 'missing_token')
  const listed = (...list: string[]) => atOnce(guard.check({ ...get(), headers: { authorization: list } }))
  assert.equal(listed(`Bearer ${token}`).allow, true)
  assert.equal(denied(listed(`Bearer ${token}`, `Bearer ${token}`)).code, 'invalid_request')
})

test('a header that is only almost a presentation is no presentation', () => {
  const guard = guardWith({ dialects: [standard, wych] })
  const almost: Record<string, string>[] = [
    { authorization: 'Basic YTpi' },
    { authorization: `Bearer2 ${token}` },
    { authorization: `Bearer${token}` },
    { authorization: token },
    { authorization: `DPoP ${token}` },
    { access_token: token },
    { 'x-access-token': token },
    { cookie: `access_token=${token}` },
  ]
  for (const headers of almost)
    assert.equal(denied(atOnce(guard.check(get(headers)))).code, 'missing_token', JSON.stringify(headers).slice(0, 40))
  assert.equal(denied(atOnce(guard.check(get({}, `/orders?access_token=${token}`)))).code, 'missing_token')
})

test('a presentation that cannot be read is malformed, not missing', () => {
  const guard = guardWith({ dialects: [standard, webcommander] })
  const bad = [
    'Bearer',
    'Bearer ',
    `Bearer ${token}, Bearer ${token}`,
    `Bearer ${token} x`,
    `Bearer ${token}\0`,
    `Bearer "${token}"`,
    `Bearer ${'a'.repeat(20_000)}`,
    'Bearer \u00e9',
  ]
  for (const field of bad)
    assert.equal(denied(atOnce(guard.check(get({ authorization: field })))).code, 'invalid_request', JSON.stringify(field).slice(0, 40))
  for (const field of ['', 'a b', `${token},${token}`])
    assert.equal(denied(atOnce(guard.check(get({ access_token: field })))).code, 'invalid_request')
})

test('a bare header is challenged by Bearer all the same', () => {
  const deny = denied(atOnce(guardWith({ dialects: [webcommander] }).check(get())))
  assert.deepEqual([deny.status, deny.headers['www-authenticate']], [401, 'Bearer realm="partner"'])
})

test('headers that carry credentials are named, for a gateway to take out', () => {
  const options: Partial<GuardOptions> = { apiKey: 'optional', apiKeys: { find: () => undefined }, dialects: [wych, webcommander] }
  assert.deepEqual([...guardWith(options).credentialHeaders].sort(), ['access_token', 'authorisation', 'authorization', 'x-api-key'])
})

test('paths that two programs could read differently are refused on the wire too', async () => {
  const policy = {
    routes: [
      { path: '/public/*', scopes: [], anonymous: true },
      { path: '/admin/*', scopes: ['admin'] },
    ],
  }
  const guard = guardWith({ policy })
  for (const target of [
    '/public/../admin/x',
    '/public/%2e%2e/admin',
    '/public/..%2fadmin',
    '/public//admin',
    '/public/..;/admin',
    'http://api.example/public/x',
  ]) {
    assert.equal((await send(guard, [], target)).status, 400, target)
  }
  assert.equal((await send(guard, [`Authorization: Bearer ${token}`], '/Admin/x')).status, 404)
  assert.equal((await send(guard, [`Authorization: Bearer ${token}`], '/admin/x')).status, 403)
  assert.equal((await send(guard, [], '/public/x')).body, 'client undefined')
})
