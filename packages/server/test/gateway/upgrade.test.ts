// Connections that stop being HTTP: WebSocket and its like through the gateway, guarded first, joined after. RFC 9110 section 7.8, RFC 6455.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { exchange, statuses } from '../harness/raw.ts'
import type { Upstream } from '../harness/upstream.ts'
import type { Gate } from './gate.ts'
import { connectTo, listening, readUntil, startGate } from './gate.ts'

const ASK = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'

let upstream: Upstream
let gate: Gate
/** The upgrades that reached the upstream. */
const upgrades: { readonly request: IncomingMessage; readonly socket: Socket }[] = []
const plain: string[] = []

before(async () => {
  const server = createServer((request, response) => {
    plain.push(`${request.method} ${request.url} ${request.headers.upgrade ?? '-'}`)
    request.resume()
    response.end('plain')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => undefined)
    // Node's own leaves half-open what was HTTP once.
    socket.on('end', () => socket.end())
    upgrades.push({ request, socket })
    if (request.url === '/refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Why: mood\r\n\r\nnope')
    const protocol = request.url === '/other' ? 'something-else' : String(request.headers.upgrade)
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Private\r\nUpgrade: ${protocol}\r\nX-Private: mine\r\nX-Public: yours\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    if (request.url === '/frames') socket.on('data', (frame: Buffer) => socket.write(unmasked(frame)))
    else if (request.url === '/at-once') socket.write('hello at once')
    else socket.on('data', (chunk: Buffer) => socket.write(chunk.toString('latin1').toUpperCase()))
  })
  upstream = await listening(server)
  gate = await startGate(upstream.origin)
})
after(async () => {
  assert.deepEqual(gate.reports, [])
  for (const { socket } of upgrades) socket.destroy()
  await gate.close()
  await upstream.close()
})

/** A short text frame as the server sends it, of one as the client does. */
function unmasked(frame: Buffer): Buffer {
  const length = (frame[1] ?? 0) & 0x7f
  const mask = frame.subarray(2, 6)
  const text = frame.subarray(6, 6 + length).map((byte, at) => byte ^ (mask[at % 4] ?? 0))
  return Buffer.concat([Buffer.from([frame[0] ?? 0, length]), text])
}

async function upgraded(path: string, behind = ''): Promise<Socket> {
  const socket = await connectTo(gate.origin)
  socket.write(`${gate.head(`GET /apis/gate${path}`)}${ASK}\r\n${behind}`)
  return socket
}

test('a WebSocket client talks to the upstream both ways', async () => {
  const socket = new WebSocket(`${gate.origin.replace('http', 'ws')}/apis/gate/frames`, { headers: { authorization: gate.bearer } })
  await once(socket, 'open')
  for (const text of ['one', 'two']) {
    const heard = once(socket, 'message')
    socket.send(text)
    const [{ data }] = await heard
    assert.equal(data, text)
  }
  const closed = once(socket, 'close')
  upgrades.at(-1)?.socket.end(Buffer.from([0x88, 0x02, 0x03, 0xe8]))
  await closed
})

test('the handshake carries what belongs to it: identity and forwarding added, hop-by-hop fields taken away, both ways', async () => {
  const socket = await connectTo(gate.origin)
  socket.write(
    `${gate.head('GET /apis/gate/x?y=1')}Connection: keep-alive, Upgrade, X-Mine\r\nX-Mine: 1\r\nX-Consumer-Id: forged\r\nTE: trailers\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n`,
  )
  const said = await readUntil(socket, /\r\n\r\n/)
  const { url, headers } = upgrades.at(-1)?.request ?? assert.fail('nothing came')
  assert.equal(url, '/x?y=1')
  const { connection, upgrade, 'sec-websocket-key': key, 'x-consumer-id': consumer, 'x-mine': mine, te, 'x-forwarded-for': from } = headers
  assert.deepEqual(
    [connection, upgrade, key, consumer, mine, te, from],
    ['upgrade', 'websocket', 'abc', 'one', undefined, undefined, '127.0.0.1'],
  )
  assert.match(said, /^HTTP\/1\.1 101 /)
  assert.match(said, /\r\nx-public: yours\r\n/i)
  assert.match(said, /\r\nconnection: Upgrade\r\n/i)
  assert.match(said, /\r\nupgrade: websocket\r\n/i)
  assert.doesNotMatch(said, /x-private/i)
  socket.destroy()
})

test('bytes sent right behind the handshake, on either side, arrive behind it', async () => {
  const early = await upgraded('/echo', 'early bird')
  assert.match(await readUntil(early, /BIRD/), /\r\n\r\nEARLY BIRD$/)
  early.destroy()
  const hasty = await upgraded('/at-once')
  assert.match(await readUntil(hasty, /once$/), /\r\n\r\nhello at once$/)
  hasty.destroy()
})

test('each end takes the other with it', async () => {
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const caller = await upgraded('/echo')
    await readUntil(caller, /\r\n\r\n/)
    const there = upgrades.at(-1)?.socket ?? assert.fail('nothing came')
    const gone = once(there, 'close')
    caller[leave]()
    await gone

    const other = await upgraded('/echo')
    await readUntil(other, /\r\n\r\n/)
    const closed = once(other, 'close')
    other.resume()
    upgrades.at(-1)?.socket[leave]()
    await closed
  }
})

test('other protocols pass, but not those that carry requests of their own', async () => {
  const socket = await connectTo(gate.origin)
  socket.write(`${gate.head('GET /apis/gate/x')}Connection: upgrade\r\nUpgrade: chat/2\r\n\r\nhi`)
  assert.match(await readUntil(socket, /HI$/), /^HTTP\/1\.1 101 (?:.|\r\n)*upgrade: chat\/2/)
  socket.destroy()
  for (const protocol of ['h2c', 'H2C', 'h2', 'HTTP/2.0', 'TLS/1.0', 'websocket, h2c', 'web socket']) {
    const before = upgrades.length
    const said = await exchange(gate.origin, `${gate.head('GET /apis/gate/p')}Connection: Upgrade, close\r\nUpgrade: ${protocol}\r\n\r\n`)
    assert.deepEqual([statuses(said), plain.at(-1), upgrades.length], [[200], 'GET /p -', before], protocol)
  }
})

test('only a GET without a body is upgraded: all else is a request like any other', async () => {
  const before = upgrades.length
  for (const [method, rest] of [
    ['POST', 'Content-Length: 4\r\n\r\nbody'],
    ['GET', 'Content-Length: 4\r\n\r\nbody'],
    ['GET', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['POST', '\r\n'],
  ]) {
    const said = await exchange(
      gate.origin,
      `${gate.head(`${method} /apis/gate/p`)}Connection: Upgrade, close\r\nUpgrade: websocket\r\n${rest}`,
    )
    assert.deepEqual([statuses(said), plain.at(-1)], [[200], `${method} /p -`])
  }
  assert.equal(upgrades.length, before)
})

test('a realm’s endpoint answers a request for an upgrade as any other', async () => {
  const path = '/realms/shop/.well-known/oauth-authorization-server'
  const said = await exchange(gate.origin, `GET ${path} HTTP/1.1\r\nHost: x\r\n${ASK}\r\n`)
  assert.deepEqual(statuses(said), [200])
  assert.match(said, /"issuer"/)
})

test('an upstream that answers instead of upgrading is heard', async () => {
  const said = await exchange(gate.origin, `${gate.head('GET /apis/gate/refuse')}${ASK}\r\n`)
  assert.deepEqual(statuses(said), [403])
  assert.match(said, /x-why: mood(?:.|\r\n)*nope$/i)
})

test('an upgrade behind a request that is not answered yet ends the connection: no answer overtakes another', async () => {
  const before = upgrades.length
  const said = await exchange(gate.origin, `${gate.head('GET /apis/gate/p')}\r\n${gate.head('GET /apis/gate/echo')}${ASK}\r\n`)
  assert.deepEqual([statuses(said), upgrades.length], [[], before])
})

test('refused by the guard it is a plain answer, and nothing reaches the upstream', async () => {
  const before = upgrades.length
  for (const [line, status] of [
    ['GET /apis/gate/echo HTTP/1.1\r\nHost: x\r\n', 401],
    ['GET /apis/gate/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer forged\r\n', 401],
    [gate.head('GET /apis/gate/a%2fb'), 400],
    ['GET /nowhere HTTP/1.1\r\nHost: x\r\n', 404],
  ] as const) {
    const said = await exchange(gate.origin, `${line}${ASK}\r\nGET /apis/gate/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
    assert.deepEqual(statuses(said), [status])
  }
  assert.equal(upgrades.length, before)
})

test('an upstream that switches to what nobody asked for is not believed', async () => {
  const said = await exchange(gate.origin, `${gate.head('GET /apis/gate/other')}${ASK}\r\n`)
  assert.deepEqual(statuses(said), [502])
})

test('a caller that is refused and never hangs up keeps no connection', { timeout: 20_000 }, async () => {
  const { hostname, port } = new URL(gate.origin)
  for (const head of [`GET /apis/gate/echo HTTP/1.1\r\nHost: x\r\n${ASK}\r\n`, 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n']) {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const closed = new Promise<void>((resolve) => {
      socket.on('error', () => undefined).once('close', () => resolve())
    })
    socket.write(head)
    await once(socket.resume(), 'end')
    // What is sent to a connection that is gone is answered with a reset.
    const talk = setInterval(() => socket.write('still here'), 5)
    await closed
    clearInterval(talk)
  }
})

test('a tunnel in which nothing is said is closed after the timeout', async () => {
  const impatient = await startGate(upstream.origin, { timeout: '1s' })
  const socket = await connectTo(impatient.origin)
  socket.write(`${impatient.head('GET /apis/gate/echo')}${ASK}\r\n`)
  await readUntil(socket, /\r\n\r\n/)
  const there = once(upgrades.at(-1)?.socket ?? assert.fail('nothing came'), 'close')
  await Promise.all([there, once(socket.resume(), 'close')])
  await impatient.close()
})

test('told to close, the server ends its tunnels after a while and is gone', async () => {
  const leaving = await startGate(upstream.origin)
  const socket = await connectTo(leaving.origin)
  socket.write(`${leaving.head('GET /apis/gate/echo')}${ASK}\r\n`)
  await readUntil(socket, /\r\n\r\n/)
  const closed = leaving.close()
  // It still talks while the server drains.
  socket.write('still here')
  await readUntil(socket, /STILL HERE/)
  await Promise.all([closed, once(socket.resume(), 'close')])
  assert.deepEqual([leaving.reports, leaving.notices], [[], []])
})
