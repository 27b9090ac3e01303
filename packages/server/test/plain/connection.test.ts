// Connections on which plain requests come: their order, their neighbours that are node:http's to read, and their end.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Incoming, Outgoing } from '../../src/gateway/messages.ts'
import { uploadOf } from '../../src/gateway/messages.ts'
import type { ConnectionOwner, Patience } from '../../src/server/plain/connection.ts'
import { PlainConnection } from '../../src/server/plain/connection.ts'
import { connectTo, readUntil } from '../gateway/gate.ts'
import { exchange, statuses } from '../harness/raw.ts'
import type { Front } from './front.ts'
import { startFront } from './front.ts'

const fronts: Front[] = []
after(async () => {
  for (const front of fronts) await front.close()
})

async function start(handle: (request: Incoming, response: Outgoing) => void): Promise<Front> {
  const front = await startFront(handle)
  fronts.push(front)
  return front
}

/** Answers with what it was asked for. */
async function echo(request: Incoming, response: Outgoing): Promise<void> {
  let body = Buffer.from(request.body ?? []).toString()
  for await (const piece of uploadOf(request) ?? []) body += String(piece)
  const text = `<${request.url} ${body}>`
  response.writeHead(200, { 'content-length': text.length }).end(text)
}
const echoing = (request: Incoming, response: Outgoing): void => void echo(request, response)

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const POST = (path: string, body: string): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`
const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

test('one request after another on one connection, with and without a body', async () => {
  const front = await start(echoing)
  const socket = await connectTo(front.origin)
  for (const [sent, told] of [
    [GET('/1'), '</1 >'],
    [POST('/2', 'two'), '</2 two>'],
    [GET('/3'), '</3 >'],
  ] as const) {
    socket.write(sent)
    await readUntil(socket, new RegExp(`${told}$`))
  }
  socket.destroy()
  assert.deepEqual(front.seen, ['GET /1 plain', 'POST /2 plain', 'GET /3 plain'])
})

test('what is not plain goes to node:http with its connection, and all that follows', async () => {
  const front = await start(echoing)
  const said = await exchange(front.origin, GET('/1') + GET('/2') + POST('/3', 'three') + LAST)
  assert.deepEqual(said.match(/<.*?>/g), ['</1 >', '</2 >', '</3 three>', '</last >'])
  assert.deepEqual(
    front.seen.map((one) => one.split(' ')[2]),
    Array.from({ length: 4 }, () => 'node:http'),
  )
})

test('a plain request first and another behind it: each is answered once, in order', async () => {
  const front = await start(echoing)
  const socket = await connectTo(front.origin)
  socket.write(GET('/1'))
  await readUntil(socket, /<\/1 >$/)
  const rest = 'POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n'
  socket.write(rest + LAST)
  assert.match(await readUntil(socket, /<\/last >$/), /<\/2 two>/)
  assert.deepEqual(front.seen, ['GET /1 plain', 'POST /2 node:http', 'GET /last node:http'])
})

test('a request in pieces, cut at every place, is the same request', async () => {
  const front = await start(echoing)
  const whole = POST('/pieces', 'body')
  for (let at = 1; at < whole.length; at++) {
    const socket = await connectTo(front.origin)
    socket.setNoDelay(true).write(whole.slice(0, at))
    await pause(1)
    socket.write(whole.slice(at))
    await readUntil(socket, /<\/pieces body>$/)
    socket.destroy()
  }
  assert.equal(front.seen.length, whole.length - 1)
})

test('requests that come while an answer is under way wait for it: a plain one, one in pieces, one of node:http’s', async () => {
  const held: (() => void)[] = []
  const front = await start((request, response) => {
    if (request.url === '/slow') held.push(() => echoing(request, response))
    else echoing(request, response)
  })
  for (const next of [[GET('/next')], [GET('/next').slice(0, 9), GET('/next').slice(9)], [GET('/next') + GET('/and')]]) {
    const socket = await connectTo(front.origin)
    socket.setNoDelay(true).write(GET('/slow'))
    while (held.length === 0) await pause(1)
    for (const piece of next) {
      socket.write(piece)
      await pause(5)
    }
    assert.equal(front.seen.at(-1), 'GET /slow plain')
    held.shift()?.()
    const said = await readUntil(socket, next.join('').includes('/and') ? /<\/and >$/ : /<\/next >$/)
    assert.ok(said.indexOf('</slow >') < said.indexOf('</next >'))
    socket.destroy()
  }
})

test('a caller who sends without end while his answer is under way is not listened to', async () => {
  const front = await start((request, response) => {
    if (request.url !== '/never') echoing(request, response)
  })
  const socket = await connectTo(front.origin)
  socket.write(GET('/never'))
  while (front.seen.length === 0) await pause(1)
  const flood = Buffer.alloc(1024 * 1024, 'GET /flood HTTP/1.1\r\nHost: x\r\n\r\n')
  let sent = 0
  while (sent < 64 && socket.write(flood)) sent += 1
  for (let waited = 0; waited < 20 && sent < 64; waited++) {
    await pause(10)
    if (socket.writableLength === 0) sent += socket.write(flood) ? 1 : 0
  }
  assert.ok(socket.writableLength > 0, 'all of it was read')
  assert.deepEqual(front.seen, ['GET /never plain'])
  socket.destroy()
})

test('an answer ends with its connection, and hears of it once', async () => {
  const answers: Outgoing[] = []
  const heard = { closed: 0 }
  const front = await start((_request, response) => {
    answers.push(response.once('close', () => (heard.closed += 1)))
    response.writeHead(200, { 'content-length': 100 }).write('a beginning')
  })
  const socket = await connectTo(front.origin)
  socket.write(GET('/'))
  await readUntil(socket, /a beginning$/)
  socket.destroy()
  while (heard.closed === 0) await pause(1)
  const [answer] = answers
  assert.deepEqual([answer?.destroyed, answer?.writableFinished, answer?.write('x'), answer?.socket], [true, false, false, null])
  answer?.end('x')
  await pause(5)
  assert.equal(heard.closed, 1)
})

test('what came behind an answer is not done when the connection was ended with it', async () => {
  const front = await start((request, response) => {
    setTimeout(() => {
      response.writeHead(200, { 'content-length': 4 }).end('done')
      request.socket.destroy()
    }, 20)
  })
  const socket = await connectTo(front.origin)
  socket.resume().write(GET('/'))
  while (front.seen.length === 0) await pause(1)
  socket.write(GET('/behind'))
  await once(socket, 'close')
  await pause(5)
  assert.deepEqual(front.seen, ['GET / plain'])
})

test('a caller who ends his side wants no more', async () => {
  const heard = { closed: false }
  const front = await start((_request, response) => void response.once('close', () => (heard.closed = true)))
  const socket = await connectTo(front.origin)
  socket.end(GET('/'))
  await readUntil(socket, /x/).catch(() => undefined)
  while (!heard.closed) await pause(1)
})

test('an answer that says so ends the connection', async () => {
  const front = await start((_request, response) => {
    response.writeHead(413, { connection: 'close', 'content-length': 4 }).end('much')
  })
  const said = await exchange(front.origin, GET('/'))
  assert.deepEqual(statuses(said), [413])
  assert.match(said, /\r\nconnection: close\r\n/)
})

/** Connections of the test's own patience. */
async function patient(patience: Patience, take: ConnectionOwner['take']): Promise<{ socket: Socket; gone: Promise<unknown> }> {
  const server = createServer({ allowHalfOpen: true })
  const gone = new Promise((resolve) => {
    const owner = { take, passOn: () => assert.fail(), isEnding: () => false, gone: resolve }
    server.on('connection', (socket: Socket) => new PlainConnection(socket, owner, patience))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = await connectTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  socket.once('close', () => server.close()).resume()
  return { socket, gone }
}

test('a connection on which nothing comes is not kept', async () => {
  const { socket, gone } = await patient({ firstMs: 20, nextMs: 60_000 }, () => assert.fail())
  await Promise.all([gone, once(socket, 'close')])
})

test('a connection on which nothing more comes is not kept, though its answer ended long after the last byte', async () => {
  const { socket, gone } = await patient({ firstMs: 60_000, nextMs: 20 }, (_request, answer) => {
    answer.writeHead(200, { 'content-length': 3 }).flushHeaders()
    setTimeout(() => answer.end(), 70)
  })
  socket.write(GET('/').replace('GET', 'HEAD'))
  await Promise.all([gone, once(socket, 'close')])
})

test('a connection is kept longer than its caller was told, since a request may be on its way', async () => {
  let kept = 0
  const front = await start((request, response) => {
    kept = request.socket.timeout ?? 0
    echoing(request, response)
  })
  const socket = await connectTo(front.origin)
  socket.write(GET('/'))
  const told = Number(/\r\nKeep-Alive: timeout=(\d+)\r\n/.exec(await readUntil(socket, /<\/ >$/))?.[1])
  socket.destroy()
  assert.ok(kept > told * 1000, `${kept} ms`)
})
