// Malformed HTTP: two of a field, broken framing, strange targets: a refusal or a hang-up, and the server goes on. RFC 9112.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, afterEach, before, test } from 'node:test'
import { requestToken } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import { assertRefusal, BAD_REQUEST, CANARY, FORM, GOOD, WILLBA } from './hostile.ts'

let server: TestServer
before(async () => {
  server = await startDemo()
})
afterEach(async () => {
  // Whatever was sent, the server goes on.
  assert.equal((await requestToken(server.origin, 'willba')).status, 200)
  assert.deepEqual(server.reports, [])
})
after(() => server.close())

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, type = FORM) =>
  send(server.origin + path, { method: 'POST', body, headers: { 'content-type': type } })

test('two Authorization or Host fields are one refusal, not a choice', async () => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const common = ['Content-Type', FORM, 'Content-Length', '29']
  const body = 'grant_type=client_credentials'
  const right = basic('YOUR_CLIENT_ID:YOUR_CLIENT_SECRET')
  for (const headers of [
    ['Host', 'x', ...common, 'Authorization', right, 'Authorization', right],
    ['Host', 'x', ...common, 'Authorization', right, 'authorization', basic(`a:${CANARY}`)],
  ]) {
    assertRefusal(await sendAs(server.origin + WILLBA, { method: 'POST', headers, body }), BAD_REQUEST, 'two Authorization fields')
  }
  const said = await exchange(
    server.origin,
    `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: ${GOOD.length}\r\n\r\n${GOOD}`,
  )
  assert.deepEqual(statuses(said), [400])
})

test('parameters in the URL are refused and not echoed, whatever they are', async () => {
  for (const query of [`client_secret=${CANARY}`, CANARY, `%00${CANARY}`, `?${CANARY}`, '&']) {
    const answer = await sendAs(`${server.origin}${WILLBA}?${query}`, { method: 'POST', headers: { 'content-type': FORM }, body: GOOD })
    assertRefusal(answer, BAD_REQUEST, query)
  }
})

test('a body on GET changes nothing, and methods nobody knows are refused', async () => {
  const metadata = `${server.origin}/realms/willba/.well-known/openid-configuration`
  assert.equal(
    (await sendAs(metadata, { method: 'GET', headers: { 'content-type': 'application/json', 'content-length': '8' }, body: '{"broken' }))
      .status,
    200,
  )
  for (const method of ['GET', 'DELETE', 'PURGE', 'PROPFIND', 'TRACE', 'QUERY', 'M-SEARCH']) {
    const { status } = await sendAs(server.origin + WILLBA, {
      method,
      headers: { 'content-type': FORM, 'content-length': '4' },
      body: 'a=%z',
    })
    assert.equal(status, 405, method)
  }
})

test('a body beyond 32 KiB is a 413 in the words of OAuth, with and without a length', async () => {
  const body = `${GOOD}&x=${CANARY.repeat(3000)}`
  assertRefusal(await post(WILLBA, body), { invalid_request: 413 }, 'with a length')
  const stream = new Blob([body]).stream()
  const chunked = await send(server.origin + WILLBA, {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { 'content-type': FORM },
  })
  assertRefusal(chunked, { invalid_request: 413 }, 'chunked')
})

test('a body of 32 KiB exactly is read', async () => {
  const filler = `&a=${'x'.repeat(16_000)}&b=${'x'.repeat(16_000)}&c=`.padEnd(32 * 1024 - GOOD.length, 'x')
  assert.equal((await post(WILLBA, GOOD + filler)).status, 200)
  assert.equal((await post(WILLBA, `${GOOD}${filler}x`)).status, 413)
})

test('paths that mean nothing are 404 and never echoed', async () => {
  for (const path of [
    `/${CANARY}`,
    `/%zz${CANARY}`,
    `/%00${CANARY}`,
    `//${CANARY}`,
    `/realms/${CANARY}/protocol/openid-connect/token`,
    `${WILLBA}/${CANARY}`,
    `${WILLBA};${CANARY}`,
    `/realms/willba/../willba/protocol/openid-connect/token?${CANARY}`,
    `/%2e%2e/${CANARY}`,
    '/\u0001'.replace('\u0001', '%01'),
  ]) {
    const answer = await sendAs(server.origin + path, { method: 'POST', headers: { 'content-type': FORM }, body: GOOD })
    assert.equal(answer.status, 404, path)
    assert.ok(!answer.text.includes(CANARY), path)
  }
})

test('a path of thousands of slashes, or one long segment, costs no more than its length', async () => {
  // Both cost their square once: hundreds of milliseconds of the one event loop for a single request without credentials.
  const cost = async (path: string): Promise<number> => {
    const start = process.cpuUsage()
    for (let round = 0; round < 10; round++) assert.equal((await sendAs(server.origin + path)).status, 404)
    return process.cpuUsage(start).user
  }
  const usual = await cost(`/${'a'.repeat(30_000)}`)
  for (const path of ['/'.repeat(30_000), `/${'a'.repeat(15_000)}/b.pem`, `/apis/willbaX${'/'.repeat(30_000)}`]) {
    assert.ok((await cost(path)) < 10 * usual + 1_000_000, `${path.slice(0, 20)}...`)
  }
})

const RAW: Readonly<Record<string, { readonly bytes: string; readonly allowed: readonly number[] }>> = {
  'no HTTP at all': { bytes: `${CANARY}\r\n\r\n`, allowed: [400] },
  'binary noise': { bytes: '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', allowed: [400] },
  'HTTP/1.1 without Host': { bytes: 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', allowed: [400] },
  'HTTP/9.9': { bytes: 'GET / HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n', allowed: [400, 505] },
  'a field without a colon': { bytes: `GET / HTTP/1.1\r\nHost: x\r\n${CANARY}\r\n\r\n`, allowed: [400] },
  'a space before a colon': { bytes: 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n', allowed: [400] },
  'a NUL in a field': { bytes: 'GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n', allowed: [400] },
  'a folded field': { bytes: 'GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n', allowed: [400] },
  'a bare line feed in a field': { bytes: `GET / HTTP/1.1\r\nHost: x\nX: ${CANARY}\r\nConnection: close\r\n\r\n`, allowed: [400] },
  'headers of 64 KiB': { bytes: `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`, allowed: [431] },
  'a path of 64 KiB': { bytes: `GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`, allowed: [431, 414, 400] },
  'both lengths': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    allowed: [400],
  },
  'two lengths': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\naaaaaa`, allowed: [400] },
  'a length that is no number': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\naaaaa`, allowed: [400] },
  'a negative length': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`, allowed: [400] },
  'a length beyond numbers': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n`,
    allowed: [400],
  },
  'a length of gigabytes': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: 9999999999\r\n\r\na=b`,
    allowed: [413],
  },
  'chunks that are none': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${CANARY}\r\n0\r\n\r\n`,
    allowed: [400],
  },
  'a chunk longer than it says': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n${CANARY}\r\n0\r\n\r\n`,
    allowed: [400],
  },
  'a transfer coding nobody knows': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\n`,
    allowed: [400, 501],
  },
  'an expectation nobody meets': {
    bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n`,
    allowed: [417],
  },
  CONNECT: { bytes: `CONNECT ${CANARY}:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, allowed: [400, 404, 405, 501] },
  'OPTIONS *': { bytes: 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', allowed: [404] },
  'an absolute target': { bytes: `GET http://evil.example/${CANARY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, allowed: [404] },
}
for (const [what, { bytes, allowed }] of Object.entries(RAW)) {
  test(`${what}: HTTP's own refusal, and the connection ends`, async () => {
    const said = await exchange(server.origin, Buffer.from(bytes, 'latin1'))
    const [status] = statuses(said)
    // A hang-up without a word is a refusal too, for what is no request at all.
    if (what !== 'CONNECT' || status !== undefined) assert.ok(allowed.includes(status ?? 0), `${status}: ${said.slice(0, 200)}`)
    assert.ok(!said.includes(CANARY))
  })
}

test('pipelined requests are answered in order, the bad one among them too', async () => {
  const one = (body: string, close = false) =>
    `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\n${close ? 'Connection: close\r\n' : ''}Content-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const said = await exchange(server.origin, one(GOOD) + one('grant_type=%') + one(GOOD.replace('SECRET', 'SECREX')) + one(GOOD, true))
  assert.deepEqual(statuses(said), [200, 400, 401, 200])
})

test('what looks like a second request inside a body is body', async () => {
  const inner = `${GOOD}&x=1\r\n\r\nGET /realms/willba/.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n`
  const said = await exchange(
    server.origin,
    `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
  )
  assert.deepEqual(statuses(said), [400])
})

test('a caller that hangs up in the middle of a body or an answer leaves nothing behind', async () => {
  const { port, hostname } = new URL(server.origin)
  for (const bytes of [
    `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 1000\r\n\r\ngrant`,
    `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${GOOD.length}\r\n\r\n${GOOD}`,
  ]) {
    for (let round = 0; round < 10; round++) {
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      socket.write(bytes, () => socket.resetAndDestroy())
      await once(socket, 'close')
    }
  }
})
