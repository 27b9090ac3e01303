// Malformed everything: the RFC's code and one clear sentence, or HTTP's own 400, 413, 417, 431. Never 500, never an echo, and the server goes on.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { once } from 'node:events'
import { after, afterEach, before, test } from 'node:test'
import fc from 'fast-check'
import { requestToken, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { send } from '../harness/http.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import { startDemo, type TestServer } from '../harness/server.ts'

const FORM = 'application/x-www-form-urlencoded'
const WILLBA = TOKEN_PATHS.willba
const WEBCOMMANDER = TOKEN_PATHS.webcommander
/** In every request that may be echoed. */
const CANARY = 'kAnArY-7f3a9c'
const SENTENCE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{8,300}$/

let server: TestServer
before(async () => void (server = await startDemo()))
afterEach(async () => {
  // After whatever was sent, every realm still serves.
  assert.equal((await requestToken(server.origin, 'willba')).status, 200)
  assert.deepEqual(server.reports, [])
})
after(() => server.close())

interface Answered {
  readonly status: number
  readonly text: string
  readonly json: Record<string, unknown>
}

function assertRefusal(answer: Answered, allowed: Readonly<Record<string, number>>, what: string): void {
  const error = String(answer.json['error'])
  assert.equal(allowed[error], answer.status, `${what}: ${answer.status} ${answer.text.slice(0, 200)}`)
  assert.match(String(answer.json['error_description']), SENTENCE, what)
  assert.ok(!answer.text.includes(CANARY), `${what} is echoed`)
}

const BAD_REQUEST = { invalid_request: 400 }
const post = (path: string, body: string | Uint8Array<ArrayBuffer>, type: string | undefined = FORM) =>
  send(server.origin + path, { method: 'POST', body, headers: type === undefined ? {} : { 'content-type': type } })
const good = new URLSearchParams(TOKEN_REQUESTS.willba).toString()

const BAD_FORMS: Readonly<Record<string, string>> = {
  'a parameter twice': `${good}&grant_type=client_credentials`,
  'a parameter twice, once empty': `${good}&client_id=`,
  'a parameter twice, once escaped': `${good}&grant%5Ftype=client_credentials`,
  'a broken escape': `${good}&x=%`,
  'an escape that is no UTF-8': `${good}&x=%ff%fe`,
  'an overlong escape': `${good}&x=%c0%80`,
  'an escaped surrogate': `${good}&x=%ed%a0%80`,
  'an escaped NUL': `${good}&x=a%00b`,
  'a NUL': `${good}&x=a\0b`,
  'an escaped line break': `${good}&x=a%0d%0ab`,
  'an escaped DEL': `${good}&x=%7f`,
  'a NUL in a name': `${good}&%00=1`,
  'an empty name': `${good}&=1`,
  'a name as long as a novel': `${good}&${'n'.repeat(300)}=1`,
  'a value as long as a novel': `${good}&x=${CANARY.repeat(1500)}`,
  '101 parameters': Array.from({ length: 101 }, (_, index) => `p${index}=1`).join('&'),
  '10,000 parameters': Array.from({ length: 10_000 }, () => 'a=').join('&'),
}
for (const [what, body] of Object.entries(BAD_FORMS)) {
  test(`a form with ${what} is an invalid_request`, async () => {
    assertRefusal(await post(WILLBA, body.replace('YOUR_CLIENT_SECRET', CANARY)), BAD_REQUEST, what)
  })
}

const BAD_JSON: Readonly<Record<string, string>> = {
  nothing: '',
  'no JSON': CANARY,
  'an unfinished object': `{"grant_type":"${CANARY}`,
  'a trailing comma': `{"grant_type":"${CANARY}",}`,
  'a comment': `{"grant_type":"x"/* ${CANARY} */}`,
  'something behind the object': `{"grant_type":"x"} ${CANARY}`,
  'a member twice': `{"client_id":"${CANARY}","client_id":"b"}`,
  'a member twice, once escaped': `{"client_id":"${CANARY}","client\\u005fid":"b"}`,
  __proto__: `{"__proto__":{"client_id":"${CANARY}"}}`,
  'constructor and prototype': `{"constructor":{"prototype":{"client_id":"${CANARY}"}}}`,
  'an array': `["${CANARY}"]`,
  'null itself': 'null',
  'a string': `"${CANARY}"`,
  'a number too large': '{"client_id":1e999}',
  'an integer too large': '{"client_id":12345678901234567890}',
  'an object for a value': `{"client_id":{"a":"${CANARY}"}}`,
  'a list for a value': `{"client_secret":["${CANARY}"]}`,
  'half of a surrogate pair': `{"client_id":"\\ud800${CANARY}"}`,
  'an escaped NUL': `{"client_id":"\\u0000${CANARY}"}`,
  'a raw line break': `{"client_id":"a\n${CANARY}"}`,
  'a byte order mark': `\ufeff{"client_id":"${CANARY}"}`,
  'arrays a thousand deep': `${'['.repeat(1000)}${']'.repeat(1000)}`,
  'objects ten thousand deep': `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`,
  'a thousand members': JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`m${index}`, '1']))),
}
for (const [what, body] of Object.entries(BAD_JSON)) {
  test(`a JSON body with ${what} is refused`, async () => {
    const allowed = what === 'nothing' ? { invalid_request: 400, invalid_client: 401 } : BAD_REQUEST
    assertRefusal(await post(WEBCOMMANDER, body, 'application/json'), allowed, what)
  })
}

test('names of Object.prototype are parameters like any other', async () => {
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
    assert.equal((await post(WILLBA, `${good}&${name}=x`)).status, 200, name)
    assertRefusal(await post(WILLBA, `grant_type=${name}&client_id=YOUR_CLIENT_ID&client_secret=YOUR_CLIENT_SECRET`), { unsupported_grant_type: 400 }, name)
    assertRefusal(await post(WILLBA, `grant_type=client_credentials&client_id=${name}&client_secret=${CANARY}`), { invalid_client: 401 }, name)
  }
})

test('bytes that are no UTF-8 are an invalid_request in either encoding', async () => {
  for (const bytes of [[0xff, 0xfe, 0x41], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x1f, 0x8b, 0x08]]) {
    assertRefusal(await post(WILLBA, Uint8Array.from([...Buffer.from(`${good}&x=`), ...bytes])), BAD_REQUEST, 'form')
    assertRefusal(await post(WEBCOMMANDER, Uint8Array.from([...Buffer.from('{"client_id":"'), ...bytes, 0x22, 0x7d]), 'application/json'), BAD_REQUEST, 'json')
  }
})

test('a content type that is unknown, broken, missing or doubled is refused, whatever the body', async () => {
  const types = ['text/plain', 'multipart/form-data; boundary=x', 'application/jsonp', 'application/x-www-form-urlencodedx', 'application', '/', ';', 'a'.repeat(4000), 'text/plain; charset="', '\u00e9/x', '*/*']
  for (const type of types) assertRefusal(await post(WILLBA, good.replace('YOUR_CLIENT_SECRET', CANARY), type), BAD_REQUEST, type.slice(0, 40))
  const none = await sendAs(server.origin + WILLBA, { method: 'POST', headers: ['Host', 'x', 'Content-Length', String(good.length)], body: good })
  assertRefusal(none, BAD_REQUEST, 'none')
  const twice = await sendAs(server.origin + WILLBA, { method: 'POST', headers: ['Host', 'x', 'Content-Type', FORM, 'Content-Type', 'application/json', 'Content-Length', String(good.length)], body: good })
  assertRefusal(twice, BAD_REQUEST, 'two')
})

test('a content type in any case and with parameters is the same content type', async () => {
  for (const type of [`${FORM}; charset=UTF-8`, FORM.toUpperCase(), `${FORM};`, `${FORM} ; q=1`]) assert.equal((await post(WILLBA, good, type)).status, 200, type)
})

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
  const said = await exchange(server.origin, `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: ${good.length}\r\n\r\n${good}`)
  assert.deepEqual(statuses(said), [400])
})

test('parameters in the URL are refused and not echoed, whatever they are', async () => {
  for (const query of [`client_secret=${CANARY}`, CANARY, `%00${CANARY}`, `?${CANARY}`, '&']) {
    const answer = await sendAs(`${server.origin}${WILLBA}?${query}`, { method: 'POST', headers: { 'content-type': FORM }, body: good })
    assertRefusal(answer, BAD_REQUEST, query)
  }
})

test('a body on GET changes nothing, and methods nobody knows are refused', async () => {
  const metadata = `${server.origin}/realms/willba/.well-known/openid-configuration`
  assert.equal((await sendAs(metadata, { method: 'GET', headers: { 'content-type': 'application/json', 'content-length': '8' }, body: '{"broken' })).status, 200)
  for (const method of ['GET', 'DELETE', 'PURGE', 'PROPFIND', 'TRACE', 'QUERY', 'M-SEARCH']) {
    const { status } = await sendAs(server.origin + WILLBA, { method, headers: { 'content-type': FORM, 'content-length': '4' }, body: 'a=%z' })
    assert.equal(status, 405, method)
  }
})

test('a body beyond 32 KiB is a 413 in the words of OAuth, with and without a length', async () => {
  const body = `${good}&x=${CANARY.repeat(3000)}`
  assertRefusal(await post(WILLBA, body), { invalid_request: 413 }, 'with a length')
  const stream = new Blob([body]).stream()
  const chunked = await send(server.origin + WILLBA, { method: 'POST', body: stream, duplex: 'half', headers: { 'content-type': FORM } } as RequestInit)
  assertRefusal(chunked, { invalid_request: 413 }, 'chunked')
})

test('a body of 32 KiB exactly is read', async () => {
  const filler = `&a=${'x'.repeat(16_000)}&b=`.padEnd(32 * 1024 - good.length, 'x')
  assert.equal((await post(WILLBA, good + filler)).status, 200)
  assert.equal((await post(WILLBA, `${good}${filler}x`)).status, 413)
})

test('paths that mean nothing are 404 and never echoed', async () => {
  for (const path of [`/${CANARY}`, `/%zz${CANARY}`, `/%00${CANARY}`, `//${CANARY}`, `/realms/${CANARY}/protocol/openid-connect/token`, `${WILLBA}/${CANARY}`, `${WILLBA};${CANARY}`, `/realms/willba/../willba/protocol/openid-connect/token?${CANARY}`, `/%2e%2e/${CANARY}`, `/\u0001`.replace('\u0001', '%01')]) {
    const answer = await sendAs(server.origin + path, { method: 'POST', headers: { 'content-type': FORM }, body: good })
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
  'HTTP/1.1 without Host': { bytes: `GET / HTTP/1.1\r\nConnection: close\r\n\r\n`, allowed: [400] },
  'HTTP/9.9': { bytes: `GET / HTTP/9.9\r\nHost: x\r\nConnection: close\r\n\r\n`, allowed: [400, 505] },
  'a field without a colon': { bytes: `GET / HTTP/1.1\r\nHost: x\r\n${CANARY}\r\n\r\n`, allowed: [400] },
  'a space before a colon': { bytes: `GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n`, allowed: [400] },
  'a NUL in a field': { bytes: `GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n`, allowed: [400] },
  'a folded field': { bytes: `GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n`, allowed: [400] },
  'a bare line feed in a field': { bytes: `GET / HTTP/1.1\r\nHost: x\nX: ${CANARY}\r\nConnection: close\r\n\r\n`, allowed: [400] },
  'headers of 64 KiB': { bytes: `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`, allowed: [431] },
  'a path of 64 KiB': { bytes: `GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`, allowed: [431, 414, 400] },
  'both lengths': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, allowed: [400] },
  'two lengths': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\naaaaaa`, allowed: [400] },
  'a length that is no number': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 5x\r\n\r\naaaaa`, allowed: [400] },
  'a negative length': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`, allowed: [400] },
  'a length beyond numbers': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n`, allowed: [400] },
  'a length of gigabytes': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: 9999999999\r\n\r\na=b`, allowed: [413] },
  'chunks that are none': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${CANARY}\r\n0\r\n\r\n`, allowed: [400] },
  'a chunk longer than it says': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n${CANARY}\r\n0\r\n\r\n`, allowed: [400] },
  'a transfer coding nobody knows': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: gzip\r\n\r\n`, allowed: [400, 501] },
  'an expectation nobody meets': { bytes: `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n`, allowed: [417] },
  'CONNECT': { bytes: `CONNECT ${CANARY}:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, allowed: [400, 404, 405, 501] },
  'OPTIONS *': { bytes: `OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, allowed: [404] },
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
  const said = await exchange(server.origin, one(good) + one('grant_type=%') + one(good.replace('SECRET', 'SECREX')) + one(good, true))
  assert.deepEqual(statuses(said), [200, 400, 401, 200])
})

test('what looks like a second request inside a body is body', async () => {
  const inner = `${good}&x=1\r\n\r\nGET /realms/willba/.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n`
  const said = await exchange(server.origin, `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: ${FORM}\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`)
  assert.deepEqual(statuses(said), [400])
})

test('a caller that hangs up in the middle of a body or an answer leaves nothing behind', async () => {
  const { port, hostname } = new URL(server.origin)
  for (const bytes of [`POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: 1000\r\n\r\ngrant`, `POST ${WILLBA} HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${good.length}\r\n\r\n${good}`]) {
    for (let round = 0; round < 10; round++) {
      const socket = connect(Number(port), hostname)
      await once(socket, 'connect')
      socket.write(bytes, () => socket.resetAndDestroy())
      await once(socket, 'close')
    }
  }
})

test('whatever bytes come as a body, in whatever type, to whatever endpoint: a refusal in good form', async () => {
  const paths = [WILLBA, WEBCOMMANDER, TOKEN_PATHS.wave, `${WILLBA}/introspect`, '/realms/wave/oauth/revoke', '/realms/wogeez/protocol/openid-connect/logout']
  const structured = fc
    .array(fc.tuple(fc.oneof(fc.constantFrom('grant_type', 'client_id', 'client_secret', 'scope', 'resource', 'audience', 'token', 'auth_string', 'username'), fc.string()), fc.string({ unit: 'binary' })))
    .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'))
  const body = fc.oneof(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), structured.map((text) => Buffer.from(text)), fc.json().map((text) => Buffer.from(text)))
  const type = fc.oneof(fc.constantFrom(FORM, 'application/json'), fc.stringMatching(/^[\x21-\x7e]{1,40}$/))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), body, type, async (path, bytes, contentType) => {
      const answer = await sendAs(server.origin + path, { method: 'POST', headers: { 'content-type': contentType, 'content-length': String(bytes.length) }, body: bytes })
      assert.ok([400, 401].includes(answer.status), `${answer.status} ${answer.text}`)
      assert.match(String(answer.json['error']), /^(?:invalid_|unsupported_|unauthorized_)[a-z_]+$/)
      assert.match(String(answer.json['error_description']), SENTENCE)
    }),
    { numRuns: 600, interruptAfterTimeLimit: 4000 },
  )
})

test('whatever comes as Authorization: 400 or 401, with a Basic challenge exactly if Basic was tried', async () => {
  const value = fc.oneof(
    fc.stringMatching(/^[\x20-\x7e]{1,60}$/),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => `Basic ${Buffer.from(bytes).toString('base64')}`),
    fc.stringMatching(/^[\x21-\x7e]{0,40}$/).map((text) => `basic ${text}`),
  )
  await fc.assert(
    fc.asyncProperty(value, async (authorization) => {
      const answer = await sendAs(server.origin + WILLBA, { method: 'POST', headers: { 'content-type': FORM, authorization }, body: 'grant_type=client_credentials' })
      assert.ok([400, 401].includes(answer.status), `${answer.status} ${answer.text}`)
      const tried = /^\s*basic(?![!#$%&'*+.^_`|~0-9A-Za-z-])/i.test(authorization)
      assert.equal(/^Basic /.test(String(answer.headers['www-authenticate'] ?? '')), tried && answer.status === 401, authorization)
    }),
    { numRuns: 400, interruptAfterTimeLimit: 3000 },
  )
})

test('whatever bytes come over the socket: an answer below 500 or a hang-up', async () => {
  const line = fc.oneof(fc.constantFrom(`POST ${WILLBA} HTTP/1.1`, 'GET / HTTP/1.1', 'Host: x', 'Connection: close', 'Transfer-Encoding: chunked', 'Content-Length: 3', `Content-Type: ${FORM}`, '', '5', 'Expect: 100-continue'), fc.string({ maxLength: 40 }))
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      // The noise at the end is no request and no chunk: the server hangs up on it at the latest.
      const said = await exchange(server.origin, `${lines.join('\r\n')}\r\n\r\n\0\0\0\r\n\r\n\0 \0\r\n\r\n`)
      for (const status of statuses(said)) assert.ok(status < 500, said)
    }),
    { numRuns: 150, interruptAfterTimeLimit: 4000 },
  )
})
