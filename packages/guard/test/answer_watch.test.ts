// The end of a request where it is easily missed: a caller gone before the verdict, answers without a body, handlers that throw.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import test from 'node:test'
import fastify from 'fastify'
import { fastifyGuard } from '../src/adapters/fastify.ts'
import { guarded } from '../src/adapters/fetch.ts'
import { nodeGuard } from '../src/adapters/node.ts'
import type { Outcome } from '../src/verdict.ts'
import { bearer, guardWith, mint } from './realm.ts'

function telling(outcomes: Outcome[], before?: () => Promise<void>) {
  return guardWith({
    admissions: {
      async admit() {
        await before?.()
        return { admitted: true, headers: { ratelimit: '"requests-1s";r=9;t=1' }, done: (outcome) => void outcomes.push(outcome) }
      },
    },
  })
}

const request = (init: RequestInit = {}): Request => new Request('https://api.example/orders', { headers: bearer(mint()), ...init })

test('a caller who goes away before the verdict has used up his request, and no answer began', async () => {
  const outcomes: Outcome[] = []
  const events = new EventEmitter()
  const gone = once(events, 'gone')
  const told = once(events, 'told')
  const guard = telling(outcomes, async () => {
    events.emit('asked')
    await gone
  })
  const server = createServer((incoming, response) => {
    response.once('close', () => events.emit('gone'))
    nodeGuard(guard)(incoming, response, () => assert.fail('nobody is left to serve'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const asked = once(events, 'asked')
    // Bound by listen(port, host): the address is an AddressInfo.
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(`GET /orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${mint()}\r\n\r\n`)
    await asked
    socket.destroy()
    await gone
    setImmediate(() => events.emit('told'))
    await told
    assert.deepEqual(outcomes, [{ status: 0, bytesIn: 0, bytesOut: 0, milliseconds: 0 }])
  } finally {
    server.close()
  }
})

test('an injected Fastify request is told of like any other', async () => {
  const outcomes: Outcome[] = []
  const app = fastify()
  app.decorateRequest('auth', null)
  app.addHook('onRequest', fastifyGuard(telling(outcomes)))
  app.get('/orders', (_request, reply) => reply.code(204).send())
  const { statusCode, headers } = await app.inject({ url: '/orders', headers: bearer(mint()) })
  assert.deepEqual(
    [statusCode, headers['ratelimit'], outcomes.map(({ status, bytesOut }) => [status, bytesOut])],
    [204, '"requests-1s";r=9;t=1', [[204, 0]]],
  )
  await app.close()
})

test('a fetch handler that throws, answers without a body, or is asked by HEAD ends its request at once', async () => {
  const outcomes: Outcome[] = []
  const failing = guarded(telling(outcomes), () => {
    throw new Error('boom')
  })
  await assert.rejects(failing(request()), /boom/)
  const empty = guarded(telling(outcomes), () => new Response(null, { status: 204 }))
  assert.equal((await empty(request())).status, 204)
  const unread = guarded(telling(outcomes), () => new Response('a body'))
  assert.equal((await unread(request({ method: 'HEAD' }))).headers.get('ratelimit'), '"requests-1s";r=9;t=1')
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [0, 204, 200],
  )
})

test('a fetch caller whose signal says that he is gone ends his request, though nobody reads the answer', async () => {
  const outcomes: Outcome[] = []
  const caller = new AbortController()
  const handler = guarded(telling(outcomes), () => new Response('a body'))
  await handler(request({ signal: caller.signal }))
  assert.equal(outcomes.length, 0)
  caller.abort()
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [200],
  )
})

test("a fetch answer passes byte for byte, with its status, its headers and the plan's", async () => {
  const outcomes: Outcome[] = []
  const bytes = crypto.getRandomValues(new Uint8Array(50_000))
  const handler = guarded(telling(outcomes), () => new Response(bytes, { status: 201, headers: { etag: '"x"' } }))
  const response = await handler(request({ method: 'POST', body: 'abc', headers: { ...bearer(mint()), 'content-length': '3' } }))
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), bytes)
  assert.deepEqual([response.status, response.headers.get('etag')], [201, '"x"'])
  assert.deepEqual(outcomes, [{ status: 201, bytesIn: 3, bytesOut: 50_000, milliseconds: 0 }])
})

test('an answer that cannot be made again, such as an upgrade, is left as it is', async () => {
  const outcomes: Outcome[] = []
  const upgrade = Response.error()
  assert.equal(await guarded(telling(outcomes), () => upgrade)(request()), upgrade)
  assert.equal(outcomes.length, 1)
})
