// What is told of each admitted request when it is over: once, whatever happened, with what left and what came. Also how an upstream is doing.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as openRequest } from 'node:http'
import type { Socket } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import type { Guard } from '@countersign/guard'
import type { Outcome } from '@countersign/guard/ports'
import type { Allow, Deny } from '@countersign/guard/verdict'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createGateway } from '../../src/gateway/gateway.ts'
import { watchHealth } from '../../src/gateway/health.ts'
import type { Incoming, Outgoing } from '../../src/gateway/messages.ts'
import type { Api } from '../../src/model/api.ts'
import { createClientAddress } from '../../src/server/client_address.ts'
import { createPublicListener } from '../../src/server/public_listener.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { Upstream } from '../harness/upstream.ts'
import { answered, connectTo, listening, readUntil } from './gate.ts'

const outcomes: Outcome[] = []
const told: string[] = []
const reached: string[] = []
/** What the guard waits for before it lets a request in; none: it answers at once. */
let pending: Promise<void> | undefined
let verdict: Allow | Deny
let well = true

const allowed: Allow = {
  allow: true,
  principal: {
    realm: 'shop',
    clientId: 'one',
    subject: 'one',
    scope: [],
    audience: [],
    claims: {},
    apiKeyId: undefined,
    tokenId: undefined,
    anonymous: false,
  },
  headers: { ratelimit: '"x";r=1' },
  done: (outcome) => {
    outcomes.push(outcome)
    woken()
  },
}
const guard: Guard = {
  check() {
    const one = verdict
    return pending === undefined ? one : pending.then(() => one)
  },
  credentialHeaders: [],
  now: () => 0,
  forget: () => undefined,
}

let woken = (): void => undefined
const handlers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
let upstream: Upstream
let gateway: Gateway
let front: Upstream

before(async () => {
  const server = createServer((request, response) => {
    reached.push(request.url ?? '')
    request.resume().on('error', () => undefined)
    if (request.url === '/health') response.writeHead(well ? 200 : 500).end()
    else (handlers.get(request.url ?? '') ?? ((_request, answer) => answer.end('12345')))(request, response)
  })
  server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => undefined).on('end', () => socket.end())
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('data', () => socket.end('seven b'))
  })
  upstream = await listening(server)
  const api: Api = {
    id: 'api',
    realmId: 'shop',
    hosts: [],
    prefix: '/api',
    upstream: upstream.origin,
    audience: 'x',
    apiKey: 'off',
    routes: [],
    otherwise: 'authenticated',
    credentials: 'pass',
    assertion: false,
    forwardAuth: null,
    maxBodyBytes: 10,
    timeout: 1,
    retries: 0,
    healthPath: null,
  }
  const { callerOf } = createClientAddress([])
  gateway = createGateway({
    apis: [
      { api, guard },
      { api: { ...api, id: 'sick', prefix: '/sick', healthPath: '/health' }, guard },
      { api: { ...api, id: 'gone', prefix: '/gone', upstream: 'http://127.0.0.1:1' }, guard },
    ],
    callerOf,
    nowMs: () => performance.now(),
    healthEveryMs: 20,
    onVerdict: (_api, code) => told.push(code),
    onMalfunction: (_api, error) => assert.fail(String(error)),
  })
  const take = (request: Incoming, response: Outgoing, upgrade?: Parameters<Gateway['handle']>[3]): boolean => {
    const route = gateway.find('x', request.url ?? '/')
    if (route) gateway.handle(route, request, response, upgrade)
    // As a body that is too slow is answered, whatever the guard does meanwhile.
    if (request.url === '/api/given-up') response.writeHead(408, { 'content-length': 0 }).end()
    return route !== undefined
  }
  front = await listening(
    createPublicListener({ mountTable: () => ({ find: () => undefined }), gateway: take, callerOf, report: () => undefined }),
  )
})
beforeEach(() => {
  outcomes.length = 0
  told.length = 0
  reached.length = 0
  pending = undefined
  verdict = allowed
})
after(async () => {
  await front.close()
  await gateway.close()
  await upstream.close()
})

const over = async (): Promise<readonly unknown[]> => {
  while (outcomes.length === 0) {
    await new Promise<void>((resolve) => {
      woken = resolve
    })
  }
  // A second word on it would come now.
  await new Promise(setImmediate)
  const [outcome] = outcomes
  assert.equal(outcomes.length, 1)
  assert.ok(outcome && outcome.milliseconds >= 0)
  return [outcome.status, outcome.bytesIn, outcome.bytesOut]
}

test('an answer that came through: its status, and the bytes of both bodies', async () => {
  const answer = await sendAs(`${front.origin}/api/x`, { method: 'POST', body: '123', headers: { 'content-length': '3' } })
  assert.deepEqual([answer.status, answer.headers['ratelimit']], [200, '"x";r=1'])
  assert.deepEqual(await over(), [200, 3, 5])
  assert.deepEqual(told, ['allowed'])
})

test('a tunnel, when it has ended: 101, and the bytes of both ways', async () => {
  const said = await exchange(front.origin, 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello')
  assert.deepEqual(statuses(said), [101])
  assert.match(said, /ratelimit/)
  assert.deepEqual(await over(), [101, 5, 7])
})

test('an API that cannot be reached: what the caller was told', async () => {
  const answer = await sendAs(`${front.origin}/gone/x`)
  assert.deepEqual([answer.status, answer.headers['ratelimit']], [502, '"x";r=1'])
  assert.deepEqual((await over())[0], 502)
})

test('an API that is too slow, and a body that grew too large', async () => {
  handlers.set('/slow', () => undefined)
  assert.equal((await sendAs(`${front.origin}/api/slow`)).status, 504)
  assert.deepEqual(await over(), [504, 0, 0])
  outcomes.length = 0
  const large = await sendAs(`${front.origin}/api/x`, { method: 'POST', body: '12345678901', headers: { 'transfer-encoding': 'chunked' } })
  assert.equal(large.status, 413)
  assert.equal((await over())[0], 413)
})

test('a caller who leaves before the answer: no status, and in its middle: what had left', async () => {
  const { hostname, port } = new URL(front.origin)
  const leave = async (path: string, begin: (response: ServerResponse) => void): Promise<readonly unknown[]> => {
    const arrived = new Promise<ServerResponse>((resolve) => {
      handlers.set(path, (_request, response) => resolve(response))
    })
    const sent = openRequest({ hostname, port, path: `/api${path}`, agent: false })
    sent.on('error', () => undefined).end()
    const response = await arrived
    begin(response)
    if (response.headersSent)
      await once(
        (await answered(sent)).on('error', () => undefined),
        'data',
      )
    sent.destroy()
    return await over()
  }
  assert.deepEqual(await leave('/early', () => undefined), [0, 0, 0])
  outcomes.length = 0
  assert.deepEqual(await leave('/late', (response) => response.write('123')), [200, 0, 3])
})

test('a caller who leaves while the guard still thinks: told of, and never passed on', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  pending = promise
  const socket = await connectTo(front.origin)
  socket.write('GET /api/thought HTTP/1.1\r\nHost: x\r\n\r\n')
  // Another connection's answer proves that the first request has been read.
  assert.equal((await sendAs(`${front.origin}/nowhere`)).status, 404)
  socket.resetAndDestroy()
  await once(socket, 'close')
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  resolve()
  assert.deepEqual(await over(), [0, 0, 0])
  assert.deepEqual(reached, [])
})

test('what is refused before the guard is not admitted, and told of by its own code', async () => {
  const headers = ['Host', 'x', 'Host', 'y']
  assert.equal((await sendAs(`${front.origin}/api/x`, { headers })).status, 400)
  assert.equal((await sendAs(`${front.origin}/api/x`, { method: 'TRACE' })).status, 405)
  assert.equal(
    (await sendAs(`${front.origin}/api/x`, { method: 'PUT', body: 'x'.repeat(11), headers: { 'content-length': '11' } })).status,
    413,
  )
  assert.deepEqual([told, outcomes, reached], [['repeated_host', 'trace_refused', 'body_too_large'], [], []])
})

test('an upstream that says it is unwell three times is spared, and is asked until it is well', async () => {
  const ask = async (): Promise<number> => (await sendAs(`${front.origin}/sick/x`)).status
  assert.equal(await ask(), 200)
  well = false
  while ((await ask()) === 200);
  const answer = await sendAs(`${front.origin}/sick/x`)
  assert.deepEqual([answer.status, answer.json['code'], answer.headers['retry-after']], [503, 'upstream_unhealthy', '5'])
  assert.equal(told.at(-1), 'upstream_unhealthy')
  well = true
  while ((await ask()) === 503);
})

test('health: two failures are none, nobody’s requests are nobody’s questions, and what is old is forgotten', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 0
  let asked = 0
  const answers: boolean[] = [false, false, true, false, false, false]
  const health = watchHealth({
    nowMs: () => now,
    ask: () => {
      asked += 1
      const answer = answers.shift() ?? false
      return answer ? Promise.resolve(true) : Promise.reject(new Error('down'))
    },
  })
  const tick = async (): Promise<void> => {
    now += 5_000
    context.mock.timers.tick(5_000)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
  await tick()
  assert.equal(asked, 0)
  const unwell: boolean[] = [health.isUnwell()]
  for (let round = 0; round < 6; round++) {
    await tick()
    unwell.push(health.isUnwell())
  }
  assert.deepEqual(unwell, [false, false, false, false, false, false, true])
  for (let round = 0; round < 14; round++) await tick()
  const before = asked
  for (let round = 0; round < 5; round++) await tick()
  assert.equal(asked, before)
  assert.equal(health.isUnwell(), false)
  health.close()
})

test('a connection that reads nothing of its tunnel’s end does not keep it', async () => {
  const socket = await connectTo(front.origin)
  socket.write('GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await readUntil(socket, /\r\n\r\n/)
  socket.write('x')
  assert.deepEqual(await over(), [101, 1, 7])
  socket.destroy()
})

test('a verdict that comes behind another answer says nothing more, and what it let in ends', async () => {
  const code = 'invalid_token'
  const denied: Deny = { allow: false, status: 401, code, title: 'No', detail: 'No.', headers: {}, reason: code }
  for (const late of [denied, allowed]) {
    const decided = Promise.withResolvers<void>()
    pending = decided.promise
    verdict = late
    const said = exchange(front.origin, 'GET /api/given-up HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    assert.deepEqual(statuses(await said), [408])
    decided.resolve()
  }
  assert.deepEqual(await over(), [408, 0, 0])
  assert.ok(!reached.includes('/given-up'))
})
