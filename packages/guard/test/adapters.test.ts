// The guard in front of real Express, Fastify, node:http and fetch-style programs: denied, allowed, at once and late.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import express from 'express'
import { expressGuard } from '../src/adapters/express.ts'
import { guarded } from '../src/adapters/fetch.ts'
import { overHttp, PROGRAMS } from './programs.ts'
import { bound, ORIGIN, prove } from './prover.ts'
import { AUDIENCE, guardWith, mint, NOW } from './realm.ts'

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
