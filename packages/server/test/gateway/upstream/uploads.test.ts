// Bodies on their way to an upstream and back: as announced to the byte, as fast as the slower side, and ended when either side goes.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { afterEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Upstream } from '../../../src/gateway/upstream/upstream.ts'
import { answerOf, asking, closed, OK, open, send, turns } from './asking.ts'

interface Played {
  readonly close: () => Promise<void>
}
let played: Played
let upstream: Upstream
let sockets: Socket[] = []
/** Bytes that have come, in latin1, connection by connection. */
let said: string[] = []
afterEach(async () => {
  await upstream.close()
  for (const one of sockets) one.destroy()
  await played.close()
})

async function play(onData: (socket: Socket, sofar: string) => void, timeoutMs = 5_000): Promise<void> {
  sockets = []
  said = []
  const server = createServer((socket) => {
    const i = sockets.push(socket) - 1
    said[i] = ''
    socket
      .on('error', () => undefined)
      .setEncoding('latin1')
      .on('data', (text: string) => {
        said[i] += text
        onData(socket, said[i] ?? '')
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.close()
    await once(server, 'close')
  }
  played = { close }
  upstream = open(`http://127.0.0.1:${port}`, { timeoutMs })
}
const announced = (bytes: number): { method: string; fields: string[] } => ({
  method: 'POST',
  fields: ['content-length', String(bytes)],
})

/** Resolves when there is something, and no more of it comes. */
async function standstill(count: () => number): Promise<void> {
  for (let before = 0; before === 0 || count() !== before; await pause(50)) before = count()
}

test('a body in pieces arrives as it was sent, with its length or in chunks', async () => {
  await play((socket, sofar) => {
    if (/(?:hello world|\r\n0\r\n\r\n)$/.test(sofar)) socket.write(answerOf('thanks'))
  })
  const body = (): Readable => Readable.from([Buffer.from('hello'), Buffer.alloc(0), Buffer.from(' world')], { objectMode: true })
  const one = asking({ ...announced(11), body: body() })
  upstream.send(one)
  assert.equal((await one.ended).body, 'thanks')
  assert.deepEqual([one.sent, said[0]?.split('\r\n\r\n')[1]], [11, 'hello world'])
  await turns()
  const two = asking({ method: 'POST', body: body() })
  upstream.send(two)
  assert.equal((await two.ended).body, 'thanks')
  assert.ok(said[0]?.endsWith('transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'))
  assert.equal(sockets.length, 1)
})

for (const [what, body] of [
  ['shorter', 'four'],
  ['longer', 'five5+GET /admin'],
] as const) {
  test(`a body ${what} than announced is broken off: it would run into the next request`, async () => {
    await play((socket, sofar) => {
      if (/\r\n\r\n./.test(sofar) && !sofar.includes('content-length')) socket.write(answerOf('x'))
    })
    const { how, error } = await send(upstream, { ...announced(5), body: Readable.from([Buffer.from(body)]) })
    assert.deepEqual([how, error?.message], ['failed', `the body is ${what} than announced`])
    await closed(sockets[0] as Socket)
    assert.doesNotMatch(said.join(''), /admin/)
  })
}

test('a body that breaks off, before or in it, fails with its own error, and never looks whole', async () => {
  await play(() => undefined)
  const early = new PassThrough()
  early.on('error', () => undefined).destroy(new Error('too large'))
  await turns()
  assert.equal((await send(upstream, { method: 'POST', body: early })).error?.message, 'too large')
  const late = new PassThrough()
  const one = asking({ method: 'POST', body: late })
  upstream.send(one)
  late.write('part')
  while (one.sent === 0) await turns(1)
  late.destroy(new Error('mine'))
  assert.equal((await one.ended).error?.message, 'mine')
  const silent = new PassThrough()
  const two = asking({ method: 'POST', body: silent })
  upstream.send(two)
  silent.write('part')
  while (two.sent === 0) await turns(1)
  silent.destroy()
  assert.equal((await two.ended).error?.message, 'the body broke off')
  for (const socket of sockets) await closed(socket)
  assert.doesNotMatch(said.join(''), /\r\n0\r\n/)
})

test('an upstream that takes nothing holds the body back: little of it is in memory', async () => {
  await play((socket) => socket.pause())
  let produced = 0
  const body = new Readable({
    highWaterMark: 65_536,
    read() {
      produced += 65_536
      this.push(Buffer.alloc(65_536))
    },
  })
  const one = asking({ method: 'POST', body })
  upstream.send(one)
  await standstill(() => produced)
  // What the two systems' buffers take is their own.
  assert.ok(produced < 32 << 20, `${produced} bytes were taken`)
  assert.equal(body.isPaused(), true)
  one.line?.drop()
  assert.equal(body.isPaused(), true)
  assert.deepEqual(['data', 'end', 'error', 'close'].map((event) => body.listenerCount(event)).slice(0, 3), [0, 0, 0])
  body.destroy()
})

test('a caller who takes nothing holds the answer back', async () => {
  let written = 0
  const flooding = { isOn: true }
  await play((socket) => {
    socket.write(`${OK}Content-Length: 900000000\r\n\r\n`)
    const piece = Buffer.alloc(65_536)
    const flood = (): void => {
      while (flooding.isOn && socket.write(piece)) written += piece.length
    }
    socket.on('drain', flood)
    flood()
  })
  let received = 0
  let resumed = (): void => undefined
  const one = asking({
    onData: (piece) => {
      received += piece.length
      resumed()
      one.line?.pause()
    },
  })
  upstream.send(one)
  await one.begun
  await standstill(() => written)
  assert.ok(received <= 131_072 && written < 32 << 20, `${received} bytes of ${written} were read`)
  const more = Promise.withResolvers<void>()
  resumed = more.resolve
  one.line?.resume()
  await more.promise
  flooding.isOn = false
  one.line?.drop()
})

test('an answer before the upload is through is heard, and the connection ends: the rest would run into the next request', async () => {
  await play((socket, sofar) => {
    if (sofar.endsWith('part\r\n')) socket.write(answerOf('enough'))
  })
  const body = new PassThrough()
  body.write('part')
  const { how, body: heard } = await send(upstream, { method: 'POST', body })
  assert.deepEqual([how, heard], ['answered', 'enough'])
  await closed(sockets[0] as Socket)
  assert.equal(body.isPaused(), true)
  body.destroy()
})

test('the caller who sends no more has his server’s patience; who talks with the upstream, the upstream’s', async () => {
  await play((socket, sofar) => {
    if (sofar.endsWith('talk\r\n')) socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n`)
  }, 60)
  const body = new PassThrough()
  const one = asking({ method: 'POST', body })
  upstream.send(one)
  body.write('part')
  await pause(200)
  assert.deepEqual(one.calls, ['line'])
  body.write('talk')
  assert.equal((await one.ended).error?.code, 'UPSTREAM_TIMEOUT')
  body.destroy()
})

test('an upstream that goes in the middle of an upload lets go of the body', async () => {
  for (const end of ['end', 'resetAndDestroy'] as const) {
    await play((socket, sofar) => {
      if (sofar.endsWith('part\r\n')) socket[end]()
    })
    const body = new PassThrough()
    body.write('part')
    const { how, error } = await send(upstream, { method: 'POST', body })
    assert.equal(how, 'failed')
    assert.ok(['UPSTREAM_CLOSED', 'ECONNRESET', 'EPIPE'].includes(error?.code ?? ''), String(error?.code))
    assert.deepEqual([body.isPaused(), body.destroyed, body.listenerCount('error')], [true, false, 0])
    body.destroy()
    if (end === 'end') await Promise.all([upstream.close(), played.close()])
  }
})

test('a body that ends late is waited for, and the connection is used again behind it', async () => {
  await play((socket, sofar) => {
    if (sofar.endsWith('\r\n0\r\n\r\n') || sofar.endsWith('keep-alive\r\n\r\n')) socket.write(answerOf('x'))
  })
  const body = new PassThrough()
  const one = asking({ method: 'POST', body })
  upstream.send(one)
  body.write('part')
  while (one.sent === 0) await turns(1)
  body.end()
  assert.equal((await one.ended).how, 'answered')
  await turns()
  assert.equal((await send(upstream)).how, 'answered')
  assert.equal(sockets.length, 1)
  if (!body.closed) await once(body, 'close')
})
