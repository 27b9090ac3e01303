// Metadata of guarded APIs (RFC 9728): at each of their places, about that place, and in challenges where a realm speaks the standards.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured, startDemo } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { API } from '../issue/orders.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

let upstream: Upstream
let server: TestServer
before(async () => {
  upstream = await startEcho()
  const to = { realm: 'main', upstream: upstream.origin }
  const own = { extends: 'standard', name: 'own', presentation: { token: [{ header: 'x-token', scheme: null }], api_key: [] } }
  server = await startConfigured({
    realms: [
      {
        id: 'main',
        hosts: ['login.example.com'],
        scopes: ['read', 'write', 'admin'],
        audiences: [{ identifier: API, scopes: ['read', 'write'] }],
        clients: [],
      },
      { id: 'imitated', dialects: ['keycloak'], audiences: [API], clients: [] },
      { id: 'headed', dialects: [own], audiences: [API], clients: [] },
    ],
    apis: [
      { id: 'orders', ...to, hosts: ['api.example.com'] },
      { id: 'deep', ...to, prefix: '/v1/deep', routes: [{ path: '/a', scopes: ['read'] }] },
      { id: 'imitated', realm: 'imitated', upstream: upstream.origin },
      { id: 'headed', realm: 'headed', upstream: upstream.origin },
    ],
  })
})
after(async () => {
  await server.close()
  await upstream.close()
})

test('each place of an API has metadata about that very place', async () => {
  const places: readonly (readonly [host: string, path: string, resource: string])[] = [
    ['api.example.com', WELL_KNOWN, 'https://api.example.com'],
    ['login.example.com', `${WELL_KNOWN}/apis/orders`, 'https://login.example.com/apis/orders'],
    ['whoever.example', `${WELL_KNOWN}/apis/orders`, `${server.origin}/apis/orders`],
    ['whoever.example', `${WELL_KNOWN}/v1/deep`, `${server.origin}/v1/deep`],
  ]
  for (const [host, path, resource] of places) {
    const { status, json } = await sendAs(server.origin + path, { headers: { host } })
    assert.equal(status, 200, path)
    assert.equal(json['resource'], resource)
    assert.deepEqual(json['authorization_servers'], [`${server.origin}/realms/main`])
  }
})

test('scopes are those that the routes ask for, or all that the audience understands', async () => {
  assert.deepEqual((await send(`${server.origin}${WELL_KNOWN}/v1/deep`)).json['scopes_supported'], ['read'])
  assert.deepEqual((await send(`${server.origin}${WELL_KNOWN}/apis/orders`)).json['scopes_supported'], ['read', 'write'])
})

test('an API that takes tokens in a header of its own does not promise the standard one', async () => {
  const { json } = await send(`${server.origin}${WELL_KNOWN}/apis/headed`)
  assert.deepEqual([json['resource_name'], json['bearer_methods_supported']], ['headed', undefined])
})

test('no other path and no other method has metadata', async () => {
  for (const path of [WELL_KNOWN, `${WELL_KNOWN}/`, `${WELL_KNOWN}/apis/nobody`, `${WELL_KNOWN}/apis/orders/x`])
    assert.equal((await send(server.origin + path)).status, 404, path)
  assert.equal((await send(`${server.origin}${WELL_KNOWN}/apis/orders`, { method: 'POST' })).status, 405)
})

test('challenges name the metadata where the realm speaks the standards, and stay as they were where it imitates a provider', async () => {
  const challenge = async (path: string): Promise<string | null> => (await send(server.origin + path)).headers.get('www-authenticate')
  assert.equal(await challenge('/v1/deep/a'), `Bearer realm="main", resource_metadata="${server.origin}${WELL_KNOWN}/v1/deep"`)
  assert.equal(await challenge('/apis/imitated/a'), 'Bearer realm="imitated"')
})

test("the pages' APIs answer as before, and have metadata for who asks", async () => {
  const demo = await startDemo()
  try {
    const bare = await send(`${demo.origin}/apis/willba/x`)
    assert.equal(bare.headers.get('www-authenticate'), 'Bearer realm="willba"')
    const { status, json } = await send(`${demo.origin}${WELL_KNOWN}/apis/willba`)
    assert.deepEqual([status, json['authorization_servers']], [200, [`${demo.origin}/realms/willba`]])
  } finally {
    await demo.close()
  }
})
