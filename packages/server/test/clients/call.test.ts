// @countersign/call against the demo: every preset gets a token and opens its guarded API, and many callers cost one token request.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Client } from '@countersign/call'
import { createClient } from '@countersign/call'
import { demo as demoOptions } from '@countersign/call/demo'
import { OriginNotAllowed, TokenRequestFailed } from '@countersign/call/errors'
import type { DemoRealm } from '../harness/demo.ts'
import { DEMO_REALMS, presentation, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { CountingProxy } from './counting_proxy.ts'
import { startCountingProxy } from './counting_proxy.ts'

let demo: TestServer
const proxies: CountingProxy[] = []
before(async () => {
  demo = await startDemo()
})
after(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await demo.close()
  assert.deepEqual(demo.reports, [])
})

interface Watched {
  readonly client: Client
  /** A call to the guarded API. */
  readonly call: (path: string, init?: RequestInit) => Promise<Response>
  /** Requests at the token endpoint so far. */
  readonly tokenRequests: () => number
}

/** The preset as its user writes it, with everything it sends going through a proxy of its own. */
async function watched(realm: DemoRealm): Promise<Watched> {
  const proxy = await startCountingProxy(demo.origin)
  proxies.push(proxy)
  const client = createClient(demoOptions(realm, { origin: proxy.origin }))
  return {
    client,
    call: (path, init) => client.fetch(`${proxy.origin}/apis/${realm}${path}`, init),
    tokenRequests: () => proxy.seen.filter((line) => line === `POST ${TOKEN_PATHS[realm]}`).length,
  }
}

const LIFETIMES: Readonly<Record<DemoRealm, number>> = { willba: 300, partner: 900, wogeez: 3600, wave: 3600, webcommander: 3600 }

const byName = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number => (one < other ? -1 : 1)

/** The header fields with credentials that reached the API, the scheme in the page's own case. */
function credentialsIn(headers: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(headers as Record<string, string>)
    .filter(([name]) => ['authorization', 'authorisation', 'access_token', 'x-api-key'].includes(name))
    .map(([name, value]) => [name, name === 'authorisation' ? value.replace(/^Bearer /, 'bearer ') : value] as const)
    .toSorted(byName)
}

for (const realm of DEMO_REALMS) {
  test(`the preset of ${realm} gets a token and opens its guarded API, body and query included`, async () => {
    const { client, call, tokenRequests } = await watched(realm)
    const response = await call('/orders?page=2', { method: 'POST', body: 'two apples' })
    assert.equal(response.status, 200)
    const received = (await response.json()) as Record<string, unknown>
    assert.deepEqual([received['method'], received['path'], received['body']], ['POST', '/orders?page=2', 'two apples'])
    const { accessToken } = await client.token()
    assert.deepEqual(credentialsIn(received['headers']), Object.entries(presentation(realm, accessToken)).toSorted(byName))
    const { tokenType, expiresAt } = await client.token()
    assert.equal(tokenType.toLowerCase(), 'bearer')
    const left = expiresAt - Date.now() / 1000
    assert.ok(left > LIFETIMES[realm] - 30 && left <= LIFETIMES[realm], `${left} s left`)
    assert.equal(tokenRequests(), 1)
  })

  test(`fifty parallel cold calls with the preset of ${realm} cost one token request`, async () => {
    const { call, tokenRequests } = await watched(realm)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => call(`/orders/${index}`)))
    const paths = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { path?: string }).path))
    assert.deepEqual(
      answers.map((answer) => answer.status),
      Array.from({ length: 50 }, () => 200),
    )
    assert.deepEqual(
      paths,
      Array.from({ length: 50 }, (_, index) => `/orders/${index}`),
    )
    assert.equal(tokenRequests(), 1)
  })

  test(`the preset of ${realm} revokes what it holds, the API is closed to it, and the next call gets a new token`, async () => {
    const { client, call, tokenRequests } = await watched(realm)
    const shown = await client.headers()
    const show = (): Promise<Response> => fetch(`${demo.origin}/apis/${realm}/orders`, { headers: shown })
    assert.equal((await show()).status, 200)
    await client.revoke()
    assert.equal((await show()).status, 401)
    assert.equal((await call('/orders')).status, 200)
    assert.equal(tokenRequests(), 2)
  })
}

test('a token that was revoked behind the client costs one more token request and no failed call', async () => {
  const { client, call, tokenRequests } = await watched('willba')
  const { accessToken } = await client.token()
  const { client_id: id = '', client_secret: secret = '' } = TOKEN_REQUESTS.willba
  const revocation = `${demo.origin}/realms/willba/protocol/openid-connect/revoke`
  const revoked = await postForm(revocation, { client_id: id, client_secret: secret, token: accessToken })
  assert.equal(revoked.status, 200)
  const answers = await Promise.all(Array.from({ length: 10 }, () => call('/orders')))
  assert.deepEqual(
    answers.map((answer) => answer.status),
    Array.from({ length: 10 }, () => 200),
  )
  assert.equal(tokenRequests(), 2)
})

test('a preset sends nothing to an origin that is not its API', async () => {
  const { client, tokenRequests } = await watched('partner')
  await assert.rejects(client.fetch('https://elsewhere.example/orders'), OriginNotAllowed)
  assert.equal(tokenRequests(), 0)
})

test('a wrong secret is an error that names the refusal and not the secret', async () => {
  const client = createClient({ ...demoOptions('willba', { origin: demo.origin }), clientSecret: 'not-the-secret-at-all' })
  await assert.rejects(client.token(), (thrown: unknown) => {
    assert.ok(thrown instanceof TokenRequestFailed)
    assert.match(thrown.message, /invalid_client|unknown client|authentication/i)
    assert.doesNotMatch(`${thrown.message}${thrown.stack}`, /not-the-secret/)
    return true
  })
})
