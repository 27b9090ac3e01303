// Attacks on the whole pipeline: tokens of other realms and kinds, keys they bring along, doubled headers, sizes, and costly routes under
// cheap spellings, before real routers that read paths as laxly as routers do.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import test from 'node:test'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import { createSigner } from '@countersign/protocol/jose/jws'
import { signJwt } from '@countersign/protocol/jose/jwt'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import express from 'express'
import fastify from 'fastify'
import { expressGuard } from '../src/adapters/express.ts'
import { fastifyGuard } from '../src/adapters/fastify.ts'
import { nodeGuard } from '../src/adapters/node.ts'
import type { Guard } from '../src/guard.ts'
import { createGuard } from '../src/guard.ts'
import type { Admissions } from '../src/ports.ts'
import { atOnce, bearer, claims, denied, forge, get, guardWith, keycloak, keys, mint, NOW, ownKid, signOver, standard } from './realm.ts'

const REALMS = ['a', 'b']
const AUDIENCES = ['https://orders.example', 'https://stock.example']
/** Every kind of JWT a realm signs, and whether it is an access token of that family. */
const KINDS: readonly (readonly [string, string, Record<string, unknown>, readonly string[]])[] = [
  ['access token', 'at+jwt', {}, ['standard', 'keycloak']],
  ['access token of the Keycloak family', 'JWT', { typ: 'Bearer', azp: 'client-1' }, ['keycloak']],
  ['ID token', 'JWT', { nonce: 'n', azp: 'client-1' }, []],
  ['ID token of the Keycloak family', 'JWT', { typ: 'ID', azp: 'client-1' }, []],
  ['refresh token of the Keycloak family', 'JWT', { typ: 'Refresh', azp: 'client-1' }, []],
  ['logout token', 'logout+jwt', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, []],
  ['identity assertion', 'countersign-identity+jwt', {}, []],
  ['introspection answer', 'token-introspection+jwt', {}, []],
  ['DPoP proof', 'dpop+jwt', { htm: 'GET', htu: 'https://orders.example/orders' }, []],
]

test('in the full matrix of realm, audience and kind a guard takes the access tokens of its own, and nothing else', async () => {
  const realms = await Promise.all(
    REALMS.map(async (name) => {
      const jwk = await generatePrivateJwk('ES256')
      return { name, issuer: `https://login.example/realms/${name}`, signer: createSigner(jwk), keySet: createKeySet([publicOf(jwk)]) }
    }),
  )
  for (const { name, issuer, keySet } of realms) {
    for (const audience of AUDIENCES) {
      for (const [family, dialect] of Object.entries({ standard, keycloak })) {
        const guard = createGuard({ realm: name, issuer, audience, keys: keySet, dialects: [dialect], now: () => NOW })
        for (const from of realms) {
          for (const to of AUDIENCES) {
            for (const [kind, typ, more, families] of KINDS) {
              const token = signJwt(from.signer, typ, { ...claims({ iss: from.issuer, aud: to }), ...more })
              const { allow } = atOnce(guard.check(get(bearer(token))))
              const own = from.name === name && to === audience && families.includes(family)
              assert.equal(allow, own, `${kind} of ${from.name} for ${to} at ${family} guard of ${name} for ${audience}`)
            }
          }
        }
      }
    }
  }
})

test('whatever kid, jku, x5u or jwk a token names, only a plain kid is looked up, and never beyond the key source', () => {
  const asked: (string | undefined)[] = []
  const source = {
    find(kid: string | undefined, alg: Parameters<typeof keys.find>[1]) {
      asked.push(kid)
      return keys.find(kid, alg)
    },
  }
  const guard = guardWith({ keys: source })
  const lures: Record<string, unknown>[] = [
    { kid: '../../../../dev/null' },
    { kid: "x' UNION SELECT 'key" },
    { kid: 'https://evil.example/key.pem' },
    { kid: '' },
    { kid: 0 },
    { kid: ['a'] },
    { kid: `${ownKid}\0` },
    { kid: 'k'.repeat(5000) },
    { kid: '__proto__' },
    { kid: 'constructor' },
    { jku: 'https://evil.example/jwks', kid: 'evil' },
    { x5u: 'https://evil.example/cert', kid: 'evil' },
    { x5c: ['MIIB'], kid: 'evil' },
  ]
  for (const lure of lures) {
    for (const alg of ['ES256', 'HS256', 'none', 'None', 'nOnE', 'RS256']) {
      const deny = denied(atOnce(guard.check(get(bearer(signOver({ alg, typ: 'at+jwt', ...lure }, claims()))))))
      assert.deepEqual([deny.status, deny.code], [401, 'invalid_token'], JSON.stringify({ alg, ...lure }))
    }
  }
  assert.ok(
    asked.every((kid) => kid === undefined || (typeof kid === 'string' && kid.length <= 256)),
    'no other kid is asked for',
  )
})

test('oversized tokens and keys are refused before anybody is asked about them', () => {
  const asked: string[] = []
  const guard = guardWith({
    apiKey: 'optional',
    apiKeys: { find: () => void asked.push('API key') },
    introspection: { introspect: () => void asked.push('introspection') },
    keys: {
      find(kid, alg) {
        asked.push('key')
        return keys.find(kid, alg)
      },
    },
  })
  const huge = { pad: 'x'.repeat(20_000) }
  for (const token of ['o'.repeat(20_000), forge({ alg: 'ES256', typ: 'at+jwt', kid: ownKid }, claims(huge)), mint(huge)]) {
    assert.equal(denied(atOnce(guard.check(get(bearer(token))))).code, 'invalid_request')
  }
  assert.equal(denied(atOnce(guard.check(get({ ...bearer(mint()), 'x-api-key': 'k'.repeat(20_000) })))).code, 'invalid_request')
  assert.deepEqual(asked, [])
})

/** The adapters over node:http, each before `served`. */
const LISTENERS: Readonly<Record<string, (guard: Guard, served: () => void) => Promise<RequestListener>>> = {
  express: async (guard, served) => {
    const app = express()
    app.use(expressGuard(guard))
    app.use((_request, response) => {
      served()
      response.end()
    })
    return app
  },
  fastify: async (guard, served) => {
    const app = fastify()
    app.decorateRequest('auth', null)
    app.addHook('onRequest', fastifyGuard(guard))
    app.get('/*', () => {
      served()
      return ''
    })
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
  'node:http': async (guard, served) => (request, response) =>
    nodeGuard(guard)(request, response, () => {
      served()
      response.end()
    }),
}

async function withPort(listener: RequestListener, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    // Bound by listen(port, host): the address is an AddressInfo.
    await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** With names and values exactly as they are. */
async function statusOf(port: number, headers: readonly string[]): Promise<number> {
  const sent = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/orders',
    headers: ['Host', 'api.example', 'Connection', 'close', ...headers],
  })
  sent.end()
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

for (const [program, listen] of Object.entries(LISTENERS)) {
  test(`${program} serves headers in any case, and no request whose credentials come twice or are too large`, async () => {
    const served: string[] = []
    const apiKeys = { find: () => ({ id: 'k', clientId: 'client-1', expiresAt: null }) }
    const guard = guardWith({ apiKey: 'required', apiKeys })
    const token = `Bearer ${mint()}`
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [200, ['AUTHORIZATION', token, 'X-API-KEY', 'k']],
      [200, ['aUtHoRiZaTiOn', token.replace('Bearer', 'bEaReR'), 'x-Api-key', 'k']],
      [400, ['Authorization', token, 'authorization', token, 'X-Api-Key', 'k']],
      [400, ['Authorization', token, 'AUTHORIZATION', 'Basic eDp5', 'X-Api-Key', 'k']],
      [400, ['Authorization', token, 'X-Api-Key', 'k', 'x-api-key', 'k']],
      [400, ['Authorization', token, 'X-Api-Key', 'k, k']],
      [400, ['Authorization', `${token}, ${token}`, 'X-Api-Key', 'k']],
      [401, ['X-Api-Key', 'k']],
      [401, ['Authorisation', token, 'X-Api-Key', 'k']],
      [431, ['Authorization', `Bearer ${'a'.repeat(20_000)}`, 'X-Api-Key', 'k']],
    ]
    await withPort(await listen(guard, () => void served.push(program)), async (port) => {
      for (const [status, headers] of cases) assert.equal(await statusOf(port, headers), status, headers.join(' ').slice(0, 90))
    })
    assert.equal(served.length, 2)
  })
}

const PRICES = { '/reports/annual': 100, '/reports/:id': 5 }
const SPELLINGS = [
  '/reports/annual',
  '/reports/annual/',
  '/reports/annual?x=/status',
  '/reports/ANNUAL',
  '/Reports/Annual/',
  '/reports/annual;v=1',
  '/reports;x/annual',
  '/reports/%61nnual',
  '/reports%2Fannual',
  '/reports/%2e/annual',
  '/reports/./annual',
  '/status/../reports/annual',
  '/status/..%2freports/annual',
  '//reports/annual',
  '/reports//annual',
  '/reports\\annual',
  '/reports/annual%20',
  '/reports/annual%3F',
  '/reports/annual%00',
  '/reports/annual#/status',
  'http://api.example/reports/annual',
  '/%72eports/7',
  '/reports/7;annual',
  '/REPORTS/7',
]

/** Two routers, as lax as they come, that say which of their routes took a request. */
const ROUTERS: Readonly<Record<string, (guard: Guard, took: (route: string) => void) => Promise<RequestListener>>> = {
  async express(guard, took) {
    const app = express()
    app.use(expressGuard(guard))
    for (const route of Object.keys(PRICES)) {
      app.get(route, (_request, response) => {
        took(route)
        response.end()
      })
    }
    return app
  },
  async fastify(guard, took) {
    const routerOptions = { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, useSemicolonDelimiter: true }
    const app = fastify({ routerOptions })
    app.decorateRequest('auth', null)
    app.addHook('onRequest', fastifyGuard(guard))
    for (const route of Object.keys(PRICES)) {
      app.get(route, () => {
        took(route)
        return ''
      })
    }
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
}

for (const [router, listen] of Object.entries(ROUTERS)) {
  test(`no spelling of a path reaches a route of ${router} at another's price`, async () => {
    const charged: number[] = []
    const took: string[] = []
    const admissions: Admissions = {
      admit({ cost }) {
        charged.push(cost)
        return { admitted: true, headers: {}, done: () => undefined }
      },
    }
    const routes = Object.entries(PRICES).map(([path, cost]) => ({ path, methods: ['GET'], scopes: [], cost }))
    const guard = guardWith({ admissions, policy: { routes: [...routes, { path: '/*', scopes: [], cost: 0 }] } })
    await withPort(await listen(guard, (route) => void took.push(route)), async (port) => {
      for (const path of SPELLINGS) {
        charged.length = 0
        took.length = 0
        const socket = connect(port, '127.0.0.1')
        socket.end(`GET ${path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\nAuthorization: Bearer ${mint()}\r\n\r\n`)
        for await (const _ of socket);
        const [route] = took
        if (route !== undefined) assert.deepEqual(charged, [PRICES[route as keyof typeof PRICES]], `${path} reached ${route}`)
        if (path === '/reports/annual') assert.equal(route, path)
      }
    })
  })
}
