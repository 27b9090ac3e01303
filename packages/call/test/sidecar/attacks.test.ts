// Whoever should not come in by a sidecar, does not; and nothing that comes in changes where it goes. Over raw sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { readListen } from '@countersign/call/sidecar/listen'
import { startApi } from '../fake_provider.ts'
import { ANY_PORT, say, startBetween, statusOf } from './running.ts'

test('only the literal loopback address is a right Host, so a name that was bound to it anew gets nothing', async (t) => {
  const { host, api, provider } = await startBetween(t)
  const port = host.split(':')[1] ?? ''
  for (const right of [host, `localhost:${port}`, `LOCALHOST:${port}`]) {
    assert.equal(statusOf(await say(host, `GET / HTTP/1.1\r\nHost: ${right}\r\nConnection: close\r\n\r\n`)), 200)
  }
  const before = api.seen.length
  for (const wrong of [
    `rebound.example:${port}`,
    '127.0.0.1',
    'localhost',
    '127.0.0.1:1',
    `127.0.0.1.nip.example:${port}`,
    `[::1]:${port}`,
    '',
  ]) {
    assert.equal(statusOf(await say(host, `GET / HTTP/1.1\r\nHost: ${wrong}\r\nConnection: close\r\n\r\n`)), 421, wrong)
  }
  assert.equal(statusOf(await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`)), 400)
  assert.equal(statusOf(await say(host, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')), 400)
  assert.equal(statusOf(await say(host, 'GET / HTTP/1.0\r\n\r\n')), 400)
  assert.deepEqual([api.seen.length, provider.requests.length], [before, 1])
})

test('a web page is refused whatever it sends, and is never given leave to read an answer', async (t) => {
  const { host, api, provider } = await startBetween(t)
  const fields = [
    'Origin: https://evil.example',
    'Origin: null',
    `Origin: http://${host}`,
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: none',
    'sec-fetch-mode: no-cors',
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Dest: image',
    'Access-Control-Request-Method: GET',
    'Access-Control-Request-Private-Network: true',
  ]
  for (const field of fields) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const said = await say(host, `${method} /.sidecar/health HTTP/1.1\r\nHost: ${host}\r\n${field}\r\nConnection: close\r\n\r\n`)
      assert.equal(statusOf(said), 403, field)
      assert.doesNotMatch(said, /access-control-/i)
    }
  }
  assert.deepEqual([api.seen.length, provider.requests.length], [0, 0])
  api.answer = () => ({ status: 200, headers: { 'access-control-allow-origin': '*', 'access-control-allow-credentials': 'true' } })
  const said = await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  assert.equal(statusOf(said), 200)
  assert.doesNotMatch(said, /access-control-/i)
})

test('no request target leads to another origin', async (t) => {
  const [{ host, api, provider }, evil] = [await startBetween(t), await startApi(t)]
  const place = evil.origin.replace('http://', '')
  const refused = [
    `http://${place}/`,
    `https://${place}/`,
    `HTTP://${host}/`,
    `//${place}/`.replace('//', 'x://'),
    `@${place}/`,
    `\\\\${place}/`,
    `/\\${place}/`,
    '/a\\..\\b',
    `/\t/${place}/`,
    '/a#b',
    '*',
    `:80@${place}/`,
    '/\u00ff',
  ]
  for (const target of refused) {
    assert.equal(statusOf(await say(host, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)), 400, target)
  }
  assert.deepEqual([api.seen.length, provider.requests.length], [0, 0])
  const kept = [
    `//${place}/`,
    `///${place}`,
    `/@${place}/`,
    `/..//${place}/`,
    '/a/../../b',
    '/a/%2e%2e/b',
    `/%2f%2f${place}`,
    `/%5c%5c${place}`,
    '/a?next=//evil.example',
    "/a?$filter=Name eq 'x'".replaceAll(' ', '%20'),
    '/a;b=c?q={"x":[1]}|y',
  ]
  for (const target of kept) {
    assert.equal(statusOf(await say(host, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)), 200, target)
    const seen = api.seen.at(-1)
    assert.deepEqual([seen?.path, seen?.headers.host], [target, api.origin.replace('http://', '')])
  }
  assert.equal(evil.seen.length, 0)
})

test('tunnels, upgrades and methods that echo the credentials are refused', async (t) => {
  const [{ host, api }, evil] = [await startBetween(t), await startApi(t)]
  const place = evil.origin.replace('http://', '')
  assert.equal(statusOf(await say(host, `CONNECT ${place} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)), 405)
  assert.equal(statusOf(await say(host, `TRACE / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)), 405)
  const upgrade = (to: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade, close\r\nUpgrade: ${to}\r\n\r\n`
  assert.equal(statusOf(await say(host, upgrade('websocket'))), 501)
  assert.equal(api.seen.length, 0)
  assert.equal(statusOf(await say(host, upgrade('h2c'))), 200)
  assert.equal(api.seen[0]?.headers.upgrade, undefined)
  assert.equal(evil.seen.length, 0)
})

test('a tunnel that is refused to a caller who never hangs up does not hold up the end', { timeout: 20_000 }, async (t) => {
  const { host, sidecar } = await startBetween(t)
  const socket = connect({ host: '127.0.0.1', port: Number(host.split(':')[1]), allowHalfOpen: true })
  t.after(() => socket.destroy())
  socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  await once(socket.resume(), 'end')
  await sidecar.close(0)
})

test('a message with two lengths, or with a length that is none, is refused and the connection closed', async (t) => {
  const { host, api } = await startBetween(t)
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  const framings = [
    'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
    'Content-Length: 0\r\nContent-Length: 5\r\n\r\nabcde',
    'Content-Length: 0, 5\r\n\r\nabcde',
    'Content-Length: +5\r\n\r\nabcde',
    'Content-Length: 0x5\r\n\r\nabcde',
    'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    'Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n',
    'X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'X: a\0b\r\n\r\n',
  ]
  for (const framing of framings) {
    const said = await say(host, `POST /first HTTP/1.1\r\nHost: ${host}\r\n${framing}${smuggled}`)
    assert.ok([400, 501].includes(statusOf(said)), `${JSON.stringify(framing)}: ${said.slice(0, 80)}`)
  }
  assert.deepEqual(
    api.seen.map(({ path }) => path),
    [],
  )
})

test('a field that Connection names stays behind, but none that the message or the credentials rest on', async (t) => {
  const { host, api } = await startBetween(t)
  const named = 'close, authorization, x-hop, content-length, host, transfer-encoding'
  await say(host, `POST / HTTP/1.1\r\nHost: ${host}\r\nX-Hop: 1\r\nX-End: 2\r\nConnection: ${named}\r\nContent-Length: 3\r\n\r\nabc`)
  const [seen] = api.seen
  assert.deepEqual([seen?.body, seen?.headers['x-hop'], seen?.headers['x-end']], ['abc', undefined, '2'])
  assert.equal(seen?.headers.authorization, 'Bearer token-1')
  assert.equal(seen?.headers.host, api.origin.replace('http://', ''))
})

test("the caller's own credentials stay behind in every spelling", async (t) => {
  const { host, api } = await startBetween(t)
  const own = [
    'Authorization: Bearer mine',
    'authorisation: mine',
    'Proxy-Authorization: Basic bWluZQ==',
    'DPoP: mine',
    'X-API-Key: mine',
    'x_api_key: mine',
  ]
  await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\n${own.join('\r\n')}\r\nX-Sidecar-Key: mine\r\nConnection: close\r\n\r\n`)
  const [seen] = api.seen
  assert.equal(seen?.headers.authorization, 'Bearer token-1')
  assert.doesNotMatch(JSON.stringify(seen), /mine/)
})

test('fields, bodies and time to send them are bounded', async (t) => {
  const { host, api } = await startBetween(t, { maxBodyBytes: 10, headersTimeoutMs: 300 })
  assert.equal(statusOf(await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`)), 431)
  assert.equal(statusOf(await say(host, `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 11\r\n\r\n`)), 413)
  const chunked = `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n`
  assert.equal(statusOf(await say(host, chunked)), 413)
  // The server hangs up by itself: say() waits for that.
  assert.equal(statusOf(await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Slow`)), 408)
  assert.equal(api.seen.length, 0)
})

test('with a key nobody comes in without it', async (t) => {
  const { host, api, provider } = await startBetween(t, { key: 'correct-horse-battery' })
  const ask = async (path: string, field: string): Promise<number> =>
    statusOf(await say(host, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${field}Connection: close\r\n\r\n`))
  assert.equal(await ask('/', 'X-Sidecar-Key: correct-horse-battery\r\n'), 200)
  assert.equal(api.seen[0]?.headers['x-sidecar-key'], undefined)
  assert.equal(await ask('/.sidecar/health', ''), 200)
  for (const field of [
    '',
    'X-Sidecar-Key: \r\n',
    'X-Sidecar-Key: correct-horse-batterz\r\n',
    'Authorization: Bearer correct-horse-battery\r\n',
  ]) {
    assert.equal(await ask('/', field), 401, field)
    assert.equal(await ask('/.sidecar/quota', field), 401, field)
  }
  assert.deepEqual([api.seen.length, provider.requests.length], [1, 1])
})

test('only a loopback address or a unix socket can be listened on', () => {
  const refused = [
    '0.0.0.0:80',
    '192.168.1.1:80',
    '[::]:80',
    ':80',
    '127.0.0.1',
    'example.com:80',
    '127.0.0.1:99999',
    '127.0.0.1.example.com:80',
    '127.1:80',
    '2130706433:80',
    'unix:',
    `unix:/${'a'.repeat(120)}`,
  ]
  for (const text of refused) assert.throws(() => readListen(text), { name: 'ConfigurationError' }, text)
  assert.deepEqual(readListen('[::1]:80'), { kind: 'tcp', host: '::1', port: 80 })
  assert.deepEqual(readListen('localhost:0'), ANY_PORT)
  assert.deepEqual(readListen('8089'), { kind: 'tcp', host: '127.0.0.1', port: 8089 })
})

test('credentials go to no API over plain http, nor to a URL with more in it than an origin', async (t) => {
  for (const to of [
    'http://api.example.com',
    'https://u:p@api.example.com',
    'https://api.example.com/v1',
    'https://api.example.com/?x',
    'ftp://x',
    'api.example.com',
  ]) {
    await assert.rejects(startBetween(t, { to }), { name: 'ConfigurationError' }, to)
  }
  await assert.rejects(startBetween(t, { serveToken: true }), /unix socket only/)
  await assert.rejects(startBetween(t, { key: 'short' }), /16 to 1024/)
})
