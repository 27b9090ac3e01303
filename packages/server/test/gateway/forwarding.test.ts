// What of a request reaches the upstream, and what of its answer the caller. RFC 9110 section 7.6.1, RFC 9700 section 4.13.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addForwarded } from '../../src/gateway/forwarded.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { Shop } from './shop.ts'
import { seen, startShop } from './shop.ts'

let server: Shop
before(async () => {
  server = await startShop()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('what the caller claims to be is taken away in every spelling, and the truth put in its place', async () => {
  const claimed = [
    'x-consumer-id',
    'X-Consumer-Username',
    'x_consumer_id',
    'X_Countersign_Client',
    'x-countersign_client',
    'x.countersign.scope',
    'x-countersign-anything',
    'x-credential-identifier',
    'x-anonymous-consumer',
    'X-COUNTERSIGN-SUBJECT',
  ]
  const headers = ['Host', 'x', 'Authorization', server.bearer, ...claimed.flatMap((name) => [name, 'forged'])]
  const answer = await sendAs(`${server.origin}/apis/orders/x`, { headers })
  assert.equal(answer.status, 200)
  assert.ok(!answer.text.includes('forged'), answer.text)
  const {
    'x-countersign-client': client,
    'x-countersign-subject': subject,
    'x-countersign-scope': scope,
    'x-countersign-realm': realm,
  } = seen(answer)
  assert.deepEqual({ client, subject, scope, realm }, { client: 'one', subject: 'one', scope: 'read write', realm: 'shop' })
  assert.equal(seen(answer)['x-anonymous-consumer'], '')
})

test('the upstream hears of no other method or path than those the guard has judged', async () => {
  const overrides = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL', 'x_original_url']
  const answer = await sendAs(`${server.origin}/apis/orders/x`, {
    headers: ['Host', 'here.example', 'Authorization', server.bearer, ...overrides.flatMap((name) => [name, 'DELETE-THE-REST'])],
  })
  assert.equal(answer.status, 200)
  assert.ok(!answer.text.includes('DELETE-THE-REST'), answer.text)
})

test('forwarding fields of the caller are replaced in every spelling', async () => {
  const forged = [
    'X-Forwarded-For',
    'x_forwarded_for',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'Forwarded',
    'X-Forwarded-Prefix',
    'X-Forwarded-Ssl',
    'X-Forwarded-User',
    'x_forwarded_email',
    'X-Real-IP',
    'x_real_ip',
    'x.forwarded.for',
  ]
  const answer = await sendAs(`${server.origin}/apis/orders/x`, {
    headers: ['Host', 'here.example', 'Authorization', server.bearer, ...forged.flatMap((name) => [name, '6.6.6.6'])],
  })
  assert.ok(!answer.text.includes('6.6.6.6'), answer.text)
  const headers = seen(answer)
  assert.deepEqual(
    [headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host'], headers['forwarded']],
    ['127.0.0.1', 'http', 'here.example', 'for=127.0.0.1;proto=http;host=here.example'],
  )
})

test('hop-by-hop fields of the caller, and those its Connection names, go no further', async () => {
  const headers = {
    connection: 'keep-alive, x-private',
    'x-private': 'mine',
    te: 'trailers',
    'proxy-authorization': 'Basic eA==',
    'keep-alive': 'timeout=99',
    upgrade: 'h2c',
    'x-public': 'yours',
  }
  const answer = await server.call('/apis/orders/x', { headers })
  assert.equal(answer.status, 200)
  const received = seen(answer)
  for (const name of ['x-private', 'te', 'proxy-authorization', 'keep-alive', 'upgrade']) assert.equal(received[name], undefined, name)
  assert.equal(received['x-public'], 'yours')
})

test('Connection cannot be used to take our own fields away', async () => {
  const answer = await server.call('/apis/orders/x', {
    headers: { connection: 'close, x-countersign-client, x-forwarded-for, authorization' },
  })
  assert.deepEqual([answer.status, seen(answer)['x-countersign-client'], seen(answer)['x-forwarded-for']], [200, 'one', '127.0.0.1'])
})

test('hop-by-hop fields of the upstream go no further either', async () => {
  const answer = await server.call('/apis/special/hop')
  assert.equal(answer.status, 200)
  for (const name of ['x-private', 'proxy-authenticate']) assert.equal(answer.headers[name], undefined, name)
  assert.notEqual(answer.headers['keep-alive'], 'timeout=99')
  assert.deepEqual([answer.headers['x-public'], answer.headers['set-cookie']], ['yours', ['a=1', 'b=2']])
})

test('the upstream sees the caller’s token by default, and with credentials: strip it does not', async () => {
  assert.equal(seen(await server.call('/apis/orders/x'))['authorization'], server.bearer)
  const stripped = await server.call('/apis/strip/x')
  assert.deepEqual([stripped.status, seen(stripped)['authorization'], seen(stripped)['x-countersign-client']], [200, undefined, 'one'])
  assert.ok(!stripped.text.includes(server.bearer.slice(7)))
})

test('HEAD, 204, 304 and the upstream’s own errors come through as they are', async () => {
  const head = await server.call('/apis/special/x', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '5', ''])
  const empty = await server.call('/apis/special/204')
  assert.deepEqual([empty.status, empty.text, empty.headers['x-seen']], [204, '', 'yes'])
  const same = await server.call('/apis/special/304', { headers: { 'if-none-match': '"one"' } })
  assert.deepEqual([same.status, same.headers['etag'], same.text], [304, '"one"', ''])
  const failed = await server.call('/apis/special/500')
  assert.deepEqual([failed.status, failed.text], [500, 'upstream trouble'])
})

test('methods of every kind come through', async () => {
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'QUERY'])
    assert.equal((await server.call('/apis/orders/x', { method })).json['method'], method)
})

test('an upstream that is down, or hangs up, is a 502 that names nothing of it', async () => {
  for (const path of ['/apis/gone/x', '/apis/special/broken']) {
    const answer = await server.call(path)
    assert.deepEqual([answer.status, answer.json['code'], answer.headers['cache-control']], [502, 'upstream_unreachable', 'no-store'])
    assert.ok(!/127\.0\.0\.1|ECONN|localhost/.test(answer.text), answer.text)
  }
})

test('a request with both lengths, or two, is refused and never forwarded', async () => {
  const start = `POST /apis/orders/x HTTP/1.1\r\nHost: x\r\nAuthorization: ${server.bearer}\r\n`
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
  for (const headers of [
    ['Host', 'x', 'Authorization', server.bearer, 'Authorization', server.bearer],
    ['Host', 'x', 'Authorization', server.bearer, 'authorization', 'Basic eA=='],
  ]) {
    assert.equal((await sendAs(`${server.origin}/apis/orders/x`, { headers })).status, 400)
  }
})

test('two Host fields are refused', async () => {
  for (const name of ['Host', 'host']) {
    const headers = ['Host', 'here.example', 'Authorization', server.bearer, name, 'there.example']
    const answer = await sendAs(`${server.origin}/apis/orders/x`, { headers })
    assert.deepEqual([answer.status, answer.json['code']], [400, 'repeated_host'])
  }
})

test('Forwarded quotes what must be quoted, and a host that would break out of it is left out', () => {
  const forwarded = (address: string, host: string | undefined): string | undefined => {
    const fields: string[] = []
    addForwarded(fields, { address, proto: 'https' }, host)
    return fields[fields.indexOf('forwarded') + 1]
  }
  assert.equal(forwarded('203.0.113.7', 'api.example:8443'), 'for=203.0.113.7;proto=https;host="api.example:8443"')
  assert.equal(forwarded('2001:db8::1', '[2001:db8::2]'), 'for="[2001:db8::1]";proto=https;host="[2001:db8::2]"')
  assert.equal(forwarded('', undefined), 'for=unknown;proto=https')
  for (const host of ['a";for=6.6.6.6', 'a,for=6.6.6.6', 'a b', 'a\\', '']) assert.equal(forwarded('::1', host), 'for="[::1]";proto=https')
})
