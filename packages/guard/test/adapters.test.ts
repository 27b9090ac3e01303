// The guard in front of real Express, Fastify, node:http and fetch-style programs: denied, allowed, at once and late.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import express from 'express'
import fastify from 'fastify'
import { expressGuard, principalOf } from '../src/adapters/express.ts'
import { fastifyGuard } from '../src/adapters/fastify.ts'
import { guarded } from '../src/adapters/fetch.ts'
import { nodeGuard } from '../src/adapters/node.ts'
import type { Guard } from '../src/guard.ts'
import { bound, ORIGIN, prove } from './prover.ts'
import { AUDIENCE, guardWith, mint, NOW } from './realm.ts'

type Call = (path: string, init?: RequestInit) => Promise<Response>

async function overHttp(listener: RequestListener, use: (call: Call) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    // Bound by listen(port, host): the address is an AddressInfo.
    const { port } = server.address() as AddressInfo
    await use((path, init) => fetch(`http://127.0.0.1:${port}${path}`, init))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Each program answers `{client}` at GET /orders and echoes the body at POST /orders. */
const PROGRAMS: Readonly<Record<string, (guard: Guard, use: (call: Call) => Promise<void>) => Promise<void>>> = {
  async express(guard, use) {
    const app = express()
    app.use(expressGuard(guard))
    const router = express.Router()
    router.get('/', (request, response) => {
      response.json({ client: principalOf(request)?.clientId })
    })
    router.post('/', express.text(), (request, response) => void response.send(request.body))
    app.use('/orders', router)
    await overHttp(app, use)
  },
  async fastify(guard, use) {
    const app = fastify()
    app.decorateRequest('auth', null)
    app.addHook('onRequest', fastifyGuard(guard))
    app.get('/orders', (request) => ({ client: (request as typeof request & { auth: { clientId: string } }).auth.clientId }))
    app.post('/orders', (request) => request.body)
    await app.ready()
    try {
      await overHttp((request, response) => app.routing(request, response), use)
    } finally {
      await app.close()
    }
  },
  async 'node:http'(guard, use) {
    const check = nodeGuard(guard)
    await overHttp((request, response) => {
      check(request, response, (principal) => {
        if (request.method === 'POST') request.pipe(response)
        else response.end(JSON.stringify({ client: principal.clientId }))
      })
    }, use)
  },
  async fetch(guard, use) {
    const handler = guarded(guard, async (request, principal) =>
      request.method === 'POST' ? new Response(await request.text()) : Response.json({ client: principal.clientId }),
    )
    await use((path, init) => handler(new Request(`https://api.example${path}`, init)))
  },
}

const policy = { routes: [{ path: '/orders', methods: ['GET', 'POST'], scopes: ['orders:read'] }], otherwise: 'deny' } as const
const late = {
  async introspect() {
    await nextTurn()
    return { aud: AUDIENCE, client_id: 'late', scope: 'orders:read', exp: NOW + 9 }
  },
}

for (const [program, start] of Object.entries(PROGRAMS)) {
  test(`${program} serves whom the guard allows, with the principal and the whole body`, async () => {
    await start(guardWith({ policy, introspection: late }), async (call) => {
      const headers = { authorization: `Bearer ${mint()}`, 'content-type': 'text/plain' }
      assert.deepEqual(await (await call('/orders?page=2', { headers })).json(), { client: 'client-1' })
      assert.deepEqual(await (await call('/orders', { headers: { authorization: 'Bearer opaque' } })).json(), { client: 'late' })
      const body = 'x'.repeat(60_000)
      assert.equal(await (await call('/orders', { method: 'POST', body, headers })).text(), body)
      const opaque = await call('/orders', { method: 'POST', body, headers: { ...headers, authorization: 'Bearer opaque' } })
      assert.equal(await opaque.text(), body)
    })
  })

  test(`${program} answers whom the guard denies with status, challenge and problem`, async () => {
    await start(guardWith({ policy, introspection: { introspect: () => Promise.reject(new Error('away')) } }), async (call) => {
      const none = await call('/orders')
      assert.equal(none.status, 401)
      assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="partner"')
      // Fastify adds a charset.
      assert.match(none.headers.get('content-type') ?? '', /^application\/problem\+json(?:;|$)/)
      assert.deepEqual(await none.json(), {
        type: 'urn:countersign:error:missing_token',
        title: 'Access token missing',
        status: 401,
        detail: 'This API wants an access token.',
        code: 'missing_token',
      })
      const weak = await call('/orders', { headers: { authorization: `Bearer ${mint({ scope: 'profile' })}` } })
      assert.deepEqual([weak.status, ((await weak.json()) as { code: string }).code], [403, 'insufficient_scope'])
      const away = await call('/orders', { headers: { authorization: 'Bearer opaque' } })
      assert.deepEqual([away.status, away.headers.get('retry-after')], [503, '5'])
      const elsewhere = await call('/admin', { headers: { authorization: `Bearer ${mint()}` } })
      assert.deepEqual([elsewhere.status, ((await elsewhere.json()) as { code: string }).code], [404, 'no_route'])
      assert.equal((await call('/orders', { method: 'DELETE' })).headers.get('allow'), 'GET, HEAD, POST')
    })
  })
}

for (const [program, start] of Object.entries(PROGRAMS)) {
  test(`${program} lets a bound token pass with its proof once, whatever host the request names`, async () => {
    await start(guardWith({ policy, baseUrls: [ORIGIN] }), async (call) => {
      const token = bound()
      const proof = prove(token)
      const answer = async (dpop: string): Promise<readonly unknown[]> => {
        const response = await call('/orders?page=2', { headers: { authorization: `DPoP ${token}`, dpop } })
        return [response.status, ((await response.json()) as { code?: string }).code]
      }
      assert.deepEqual(await answer(`${proof}, ${prove(token)}`), [401, 'invalid_dpop_proof'])
      assert.deepEqual(await answer(proof), [200, undefined])
      assert.deepEqual(await answer(proof), [401, 'invalid_dpop_proof'])
    })
  })
}

test('what an Express handler throws after a late verdict is left to Express', async () => {
  const app = express()
  app.use(expressGuard(guardWith({ policy, introspection: late })))
  app.get('/orders', () => {
    throw new Error('boom')
  })
  const quiet: express.ErrorRequestHandler = (_error, _request, response, _next) => void response.status(418).end()
  app.use(quiet)
  await overHttp(app, async (call) => {
    assert.equal((await call('/orders', { headers: { authorization: 'Bearer opaque' } })).status, 418)
  })
})

test('a fetch handler sees what the runtime passes on, and a joined header is refused', async () => {
  const handler = guarded(guardWith(), (_request, principal, env: { name: string }) => new Response(`${principal.clientId} ${env.name}`))
  const request = (headers: Headers) => new Request('https://api.example/orders', { headers })
  const headers = new Headers({ authorization: `Bearer ${mint()}` })
  assert.equal(await (await handler(request(headers), { name: 'edge' })).text(), 'client-1 edge')
  headers.append('authorization', `Bearer ${mint()}`)
  assert.equal((await handler(request(headers), { name: 'edge' })).status, 400)
})
