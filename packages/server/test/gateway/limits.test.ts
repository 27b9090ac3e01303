// What the gateway does not wait for, does not pass on, and tries again: body limits, timeouts, retries, a crowd.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, before, test } from 'node:test'
import { exchange, statuses } from '../harness/raw.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import type { Gate } from './gate.ts'
import { answered, connectTo, readUntil, startGate, startSockets, whole } from './gate.ts'

let upstream: Upstream
/** Takes bodies of 1000 bytes, waits a second, tries twice more. */
let gate: Gate
const arrived: { readonly request: IncomingMessage; body: string }[] = []
const handlers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()

before(async () => {
  upstream = await startUpstream((request, response) => {
    const one = { request, body: '' }
    arrived.push(one)
    request.on('error', () => undefined).on('data', (chunk: Buffer) => (one.body += String(chunk)))
    const handler = handlers.get(request.url ?? '')
    if (handler) handler(request, response)
    else request.once('end', () => response.end('done'))
  })
  gate = await startGate(upstream.origin, { maxBodyBytes: 1000, timeout: '1s', retries: 2 })
})
after(async () => {
  assert.deepEqual(gate.reports, [])
  await gate.close()
  await upstream.close()
})

test('a body of just the size that is allowed passes, with a length and in chunks', async () => {
  const body = 'x'.repeat(1000)
  assert.equal((await gate.call('/fits', { method: 'POST', body })).status, 200)
  assert.equal((await gate.call('/fits', { method: 'POST', body, headers: { 'transfer-encoding': 'chunked' } })).status, 200)
  assert.deepEqual(
    arrived.slice(-2).map(({ body: there }) => there.length),
    [1000, 1000],
  )
})

test('a body whose length is too much is a 413 at once, and nothing of it reaches the upstream', async () => {
  const count = arrived.length
  const answer = await gate.call('/large', { method: 'POST', body: 'x'.repeat(1001) })
  assert.deepEqual([answer.status, answer.json['code'], answer.headers['connection']], [413, 'body_too_large', 'close'])
  assert.equal(arrived.length, count)
})

test('who announces too much need not send it to hear so, and 100 Continue is not said', async () => {
  const said = await exchange(gate.origin, `${gate.head('POST /apis/gate/large')}Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n`)
  assert.deepEqual(statuses(said), [413])
})

test('the connection ends behind a body that was refused, and behind one that was given up', async () => {
  const large = await exchange(gate.origin, `${gate.head('POST /apis/gate/large')}Content-Length: 1001\r\n\r\n${'x'.repeat(1000)}`)
  assert.deepEqual(statuses(large), [413])
  handlers.set('/gives-up', (request) => request.socket.destroy())
  const half = await exchange(gate.origin, `${gate.head('POST /apis/gate/gives-up')}Content-Length: 900\r\n\r\nhalf`)
  assert.deepEqual(statuses(half), [502])
})

test('the connection goes on behind a body that was refused when all of it had come', async () => {
  const socket = await connectTo(gate.origin)
  const large = `${gate.head('POST /apis/gate/large')}Content-Length: 1001\r\n\r\n${'x'.repeat(1001)}`
  for (let time = 0; time < 2; time++) {
    socket.write(large)
    assert.deepEqual(statuses(await readUntil(socket, /\}$/)), [413])
  }
  socket.destroy()
})

test('a body in chunks is a 413 at the first byte too many, and the upstream never has a whole request', async () => {
  const sent = gate.open('/chunked', 'POST')
  sent.write('x'.repeat(600))
  while (!arrived.some(({ request, body }) => request.url === '/chunked' && body.length === 600)) await new Promise(setImmediate)
  const there = arrived.find(({ request }) => request.url === '/chunked') ?? assert.fail('nothing came')
  const ended = new Promise<void>((resolve) => {
    there.request.once('close', resolve)
  })
  sent.write('y'.repeat(401))
  const answer = await answered(sent)
  assert.deepEqual([answer.statusCode, JSON.parse(await whole(answer)).code], [413, 'body_too_large'])
  await ended
  assert.deepEqual([there.request.complete, there.body], [false, 'x'.repeat(600)])
  sent.destroy()
})

test('an idempotent request is tried again when the connection fails before an answer', async () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) {
    let tries = 0
    handlers.set('/flaky', (request, response) => (++tries < 3 ? request.socket.destroy() : response.end('at last')))
    assert.deepEqual([(await gate.call('/flaky', { method })).status, tries], [200, 3], method)
  }
})

test('it is not tried more often than configured', async () => {
  let tries = 0
  handlers.set('/dead', (request) => {
    tries += 1
    request.socket.destroy()
  })
  assert.deepEqual([(await gate.call('/dead')).status, tries], [502, 3])
})

test('a request that may do something twice is not tried again', async () => {
  let tries = 0
  handlers.set('/once', (request) => {
    tries += 1
    request.socket.destroy()
  })
  for (const [method, body] of [
    ['POST', ''],
    ['POST', 'body'],
    ['PUT', 'body'],
    ['PATCH', ''],
    ['DELETE', 'body'],
    ['GET', 'body'],
  ] as const) {
    tries = 0
    const headers = body === '' ? {} : { 'content-length': '4' }
    assert.deepEqual([(await gate.call('/once', { method, body, headers })).status, tries], [502, 1], method)
  }
})

test('nothing is tried again once a byte of an answer has come', async () => {
  let tries = 0
  const sockets = await startSockets((socket) => {
    tries += 1
    socket.end('HTTP/1.1 2')
  })
  const brittle = await startGate(sockets.origin, { retries: 2 })
  assert.deepEqual([(await brittle.call('/x')).status, tries], [502, 1])
  await brittle.close()
  await sockets.close()
})

test('an upstream that does not begin its answer in time is a 504, and is not asked again', async () => {
  let tries = 0
  const ended: Promise<unknown>[] = []
  handlers.set('/silent', (_request, response) => {
    tries += 1
    ended.push(once(response, 'close'))
  })
  const answer = await gate.call('/silent')
  assert.deepEqual([answer.status, answer.json['code'], tries], [504, 'upstream_timeout', 1])
  await Promise.all(ended)
})

test('an answer that stops in its middle is broken off, and one that goes on is not, however long it takes', async () => {
  handlers.set('/stops', (_request, response) => response.write('some'))
  const stopping = gate.open('/stops')
  stopping.end()
  await assert.rejects(whole(await answered(stopping)), /aborted/)

  handlers.set('/goes-on', (_request, response) => {
    let left = 6
    const timer = setInterval(() => {
      response.write('.')
      if (--left > 0) return
      clearInterval(timer)
      response.end()
    }, 300)
  })
  const going = gate.open('/goes-on')
  going.end()
  assert.equal(await whole(await answered(going)), '......')
})

test('a request that finds every connection taken waits for one, and no longer than an answer may take', async () => {
  const held: ServerResponse[] = []
  handlers.set('/held', (_request, response) => {
    held.push(response)
    response.write('.')
  })
  const dripping = setInterval(() => {
    for (const response of held) response.write('.')
  }, 300)
  const streams = Array.from({ length: 256 }, () => gate.open('/held'))
  for (const sent of streams) sent.end()
  await Promise.all(streams.map(async (sent) => (await answered(sent)).on('error', () => undefined).resume()))

  const late = await gate.call('/late')
  assert.deepEqual([late.status, late.json['code'], late.headers['retry-after']], [503, 'upstream_busy', '1'])
  const patient = gate.call('/patient')
  streams[0]?.destroy()
  assert.equal((await patient).status, 200)
  // It stood before the other in the queue, and nobody waits for it any more.
  assert.ok(!arrived.some(({ request }) => request.url === '/late'))
  clearInterval(dripping)
  for (const sent of streams) sent.destroy()
})
