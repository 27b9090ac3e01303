// Between two connections: what an upstream may say and do to the caller's, what a caller may slip in for the upstream's. RFC 9110, RFC 9112.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { exchange, statuses } from '../harness/raw.ts'
import type { Gate, SocketUpstream } from './gate.ts'
import { answered, connectTo, readUntil, startGate, startSockets, whole } from './gate.ts'

let upstream: SocketUpstream
let gate: Gate
/** Heads that reached the upstream. */
const heads: string[] = []
/** What the upstream says to a path; by default 200. */
const answers = new Map<string, string | ((socket: Socket) => void)>()

before(async () => {
  upstream = await startSockets((socket, head) => {
    heads.push(head)
    const answer = answers.get(/^\S+ (\S+)/.exec(head)?.[1] ?? '') ?? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    if (typeof answer === 'string') socket.write(answer, 'latin1')
    else answer(socket)
  })
  gate = await startGate(upstream.origin)
})
after(async () => {
  assert.deepEqual(gate.reports, [])
  await gate.close()
  await upstream.close()
})

/** Two requests on one connection of the caller: what the first leaves behind shows at the second. */
async function twice(path: string): Promise<string> {
  return await exchange(
    gate.origin,
    `${gate.head(`GET /apis/gate${path}`)}\r\n${gate.head('GET /apis/gate/next')}Connection: close\r\n\r\n`,
  )
}

test('a 204 with a length arrives without one, and the answer behind it is whole', async () => {
  answers.set('/204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-Seen: yes\r\n\r\n')
  const said = await twice('/204')
  assert.deepEqual(statuses(said), [204, 200])
  const [first = '', second = ''] = said.split(/(?=HTTP\/1\.1 200)/)
  assert.doesNotMatch(first, /content-length|transfer-encoding/i)
  assert.match(second, /\r\n\r\nok$/)
})

test('bytes behind a 204 are nobody’s answer', async () => {
  answers.set('/204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
  const said = await twice('/204')
  assert.deepEqual(statuses(said), [204, 200])
  assert.doesNotMatch(said, /poison/)
})

test('early hints and their like end here, and the answer comes through', async () => {
  const hints = 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
  answers.set('/hints', `${hints}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal`)
  const said = await twice('/hints')
  assert.deepEqual(statuses(said), [200, 200])
  assert.doesNotMatch(said, /preload/)
})

test('trailers go no further, on either way', async () => {
  answers.set('/trailers', 'HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-End: trailing\r\n\r\n')
  const said = await exchange(
    gate.origin,
    `${gate.head('POST /apis/gate/trailers')}Connection: close\r\nTrailer: X-Consumer-Id\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Consumer-Id: forged\r\n\r\n`,
  )
  assert.deepEqual(statuses(said), [200])
  assert.doesNotMatch(said, /trailing|x-end/i)
  assert.doesNotMatch(heads.join('\n'), /forged/)
})

test('an answer that begins and is silent then shows its head at once, and each piece as it comes', async () => {
  const at = Promise.withResolvers<Socket>()
  answers.set('/events', (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
    at.resolve(socket)
  })
  const sent = gate.open('/events')
  sent.end()
  const answer = await answered(sent)
  assert.equal(answer.headers['content-type'], 'text/event-stream')
  const socket = await at.promise
  for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n`)
    assert.equal(String((await once(answer, 'data'))[0]), event)
  }
  const gone = once(socket, 'close')
  sent.destroy()
  await gone
})

test('a stream that its upstream breaks off is broken off at the caller: never a clean end', async () => {
  answers.set('/cut', (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n')
    socket.end()
  })
  const sent = gate.open('/cut')
  sent.end()
  const answer = await answered(sent)
  await assert.rejects(whole(answer), /aborted/)
})

test('bytes beyond ASCII in the fields of an answer do not break it', async () => {
  answers.set('/latin', 'HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok')
  assert.deepEqual(statuses(await twice('/latin')), [200, 200])
})

test('an upstream that breaks the rules of HTTP is a 502, and the caller’s connection goes on', async () => {
  for (const answer of [
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nno',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nno',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nno',
    'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\nno',
    'HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nno',
    `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(70_000)}\r\nContent-Length: 2\r\n\r\nno`,
    'SSH-2.0-OpenSSH_9.2\r\n',
  ]) {
    answers.set('/broken', answer)
    const said = await twice('/broken')
    assert.deepEqual(statuses(said), [502, 200], answer.slice(0, 80))
    assert.doesNotMatch(said, /HPE_|UPSTREAM_|SSH/)
  }
})

test('what an upstream hints at before its answer ends here, asked for or not', async () => {
  answers.set(
    '/hints',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  )
  const said = await twice('/hints')
  assert.deepEqual(statuses(said), [200, 200])
  assert.doesNotMatch(said, /link/i)
})

test('TRACE is refused with what else there is, and CONNECT is not done here', async () => {
  const before = heads.length
  const traced = await gate.call('/x', { method: 'TRACE' })
  assert.deepEqual([traced.status, traced.json['code']], [405, 'trace_refused'])
  assert.match(String(traced.headers['allow']), /GET/)
  const said = await exchange(gate.origin, gate.head('CONNECT /apis/gate/x').concat('\r\nGET /apis/gate/smuggled HTTP/1.1\r\n\r\n'))
  assert.deepEqual(statuses(said), [501])
  assert.equal(heads.length, before)
})

test('who asks for 100 Continue gets it when the guard has let the request in, and a refusal instead of it otherwise', async () => {
  const expecting = 'Expect: 100-continue\r\nContent-Length: 2\r\n\r\n'
  const socket = await connectTo(gate.origin)
  socket.write(`${gate.head('POST /apis/gate/x')}${expecting}`)
  assert.deepEqual(statuses(await readUntil(socket, /\r\n\r\n/)), [100])
  socket.write('hi')
  assert.deepEqual(statuses(await readUntil(socket, /ok$/)), [200])
  socket.destroy()
  // What follows would be read as the body that was announced: the connection ends instead.
  const refused = await exchange(gate.origin, `POST /apis/gate/x HTTP/1.1\r\nHost: x\r\n${expecting}`)
  assert.deepEqual([statuses(refused), /connection: close/i.test(refused)], [[401], true])
})

const GET = 'GET /apis/gate/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
const SMUGGLED: Readonly<Record<string, string>> = {
  'both lengths': `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
  'both lengths, the other way round': `Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${GET}`,
  'two lengths': `Content-Length: 5\r\nContent-Length: 6\r\n\r\naaaaa${GET}`,
  'the same length twice': `Content-Length: 5\r\nContent-Length: 5\r\n\r\naaaaa${GET}`,
  'a list of lengths': `Content-Length: 5, 5\r\n\r\naaaaa${GET}`,
  'a hexadecimal length': `Content-Length: 0x5\r\n\r\naaaaa${GET}`,
  'a length with a sign': `Content-Length: +5\r\n\r\naaaaa${GET}`,
  'a length with an underscore': `Content-Length: 1_0\r\n\r\naaaaaaaaaa${GET}`,
  'an empty length': `Content-Length:\r\n\r\n${GET}`,
  'chunked twice': `Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${GET}`,
  'chunked in two fields': `Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
  'chunked, then identity': `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${GET}`,
  'identity, then chunked': `Transfer-Encoding: identity\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n${GET}`,
  'a coding nobody knows': `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${GET}`,
  'chunked behind a vertical tab': `Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${GET}`,
  'a space before the colon': `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${GET}`,
  'a space before the colon of a length': `Content-Length : 5\r\n\r\naaaaa${GET}`,
  'a folded field': `Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${GET}`,
  'a field that begins with a space': ` Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
  'a bare line feed between fields': `X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
  'a bare carriage return in a field': `X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
  'a NUL in a field': `X: a\0b\r\n\r\n${GET}`,
  'a chunk size with a sign': `Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n${GET}`,
  'a chunk size in another base': `Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n${GET}`,
  'a chunk longer than it says': `Transfer-Encoding: chunked\r\n\r\n2\r\nhiXX0\r\n\r\n${GET}`,
  'a chunk that ends in a bare line feed': `Transfer-Encoding: chunked\r\n\r\n2\r\nhi\n0\r\n\r\n${GET}`,
  'a chunk size of more than 64 bits': `Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\nhi\r\n0\r\n\r\n${GET}`,
}
for (const [what, rest] of Object.entries(SMUGGLED)) {
  test(`${what}: refused, and no second request comes of it`, async () => {
    const before = heads.length
    const said = await exchange(gate.origin, Buffer.from(gate.head('POST /apis/gate/x') + rest, 'latin1'))
    assert.deepEqual(statuses(said), [400], said)
    // A head may have left before its chunks were seen to be none; behind it nothing may have.
    assert.ok(!heads.slice(before).some((head) => head.includes('smuggled')))
    assert.ok(heads.length - before <= 1)
  })
}
