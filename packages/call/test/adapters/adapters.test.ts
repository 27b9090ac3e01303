// Each adapter with the real package: the credentials are shown, one token serves all, a refused one is replaced once, and neither
// another origin nor a redirect to one gets anything of them.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Client } from '@countersign/call'
import { createClient } from '@countersign/call'
import { demo } from '@countersign/call/demo'
import { wych } from '@countersign/call/presets'
import { startDemo } from '../../../server/test/harness/server.ts'
import type { FakeApi, FakeProvider } from '../fake_provider.ts'
import { INVALID_TOKEN, startApi, startProvider, tokens } from '../fake_provider.ts'
import type { Answer, Call } from './libraries.ts'
import { LIBRARIES, REDIRECTS_INSIDE } from './libraries.ts'

interface Place {
  readonly provider: FakeProvider
  readonly api: FakeApi
  readonly client: Client
}

/** A client of a dialect with two headers that no library knows to be secret. */
async function start(t: TestContext): Promise<Place> {
  const [provider, api] = [await startProvider(t, 'keycloak'), await startApi(t)]
  const credentials = { clientId: 'ours', clientSecret: 'our-secret', apiKey: 'our-api-key' }
  return { provider, api, client: createClient(wych({ ...credentials, tokenUrl: provider.tokenUrl, apiOrigins: [api.origin] })) }
}

for (const [name, use] of LIBRARIES) {
  test(`${name}: calls show both headers, and twenty at once cost one token`, async (t) => {
    const { provider, api, client } = await start(t)
    const call: Call = use(client)
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(`${api.origin}/orders?a=1`, { body: '{"a":1}' })))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    const shown = api.seen.map(({ method, path, body, headers }) =>
      [method, path, body, headers['authorisation'], headers['x-api-key']].join(),
    )
    assert.deepEqual([...new Set(shown)], ['POST,/orders?a=1,{"a":1},bearer token-1,our-api-key'])
    assert.equal(provider.requests.length, 1)
  })

  test(`${name}: a refused token is replaced once and the call repeated with its body`, async (t) => {
    const { provider, api, client } = await start(t)
    const call = use(client)
    api.answer = ({ headers }) => (headers['authorisation'] === 'bearer token-1' ? INVALID_TOKEN : { status: 200, body: 'done' })
    assert.deepEqual(await call(`${api.origin}/orders`, { body: '{"a":1}' }), { status: 200, text: 'done' })
    assert.deepEqual([provider.requests.length, api.seen.map(({ body }) => body)], [2, ['{"a":1}', '{"a":1}']])
  })

  test(`${name}: an API that refuses every token gets two of them, and the caller its answer`, async (t) => {
    const { provider, api, client } = await start(t)
    const call = use(client)
    api.answer = () => ({ ...INVALID_TOKEN, body: 'never' })
    for (let n = 0; n < 6; n++) assert.deepEqual(await call(`${api.origin}/orders`, {}), { status: 401, text: 'never' })
    assert.equal(provider.requests.length, 2)
    api.answer = () => ({ status: 401, headers: { 'www-authenticate': 'Basic realm="other"' } })
    assert.equal((await call(`${api.origin}/orders`, {})).status, 401)
    assert.equal(provider.requests.length, 2)
  })

  test(`${name}: a redirect to another origin takes nothing along, one within the API shows the credentials anew`, async (t) => {
    const [{ api, client }, other] = [await start(t), await startApi(t)]
    const call = use(client)
    for (const status of [302, 307, 308]) {
      api.answer = ({ path }) =>
        path === '/away' ? { status, headers: { location: `${other.origin}/there` } } : { status: 200, body: 'in' }
      assert.deepEqual((await call(`${api.origin}/away`, { follow: true })).status, 200)
      const seen = other.seen.at(-1)
      assert.deepEqual([seen?.path, seen?.headers['authorisation'], seen?.headers['x-api-key']], ['/there', undefined, undefined])
      assert.doesNotMatch(JSON.stringify(seen), /token-|our-api-key/)
      api.answer = ({ path }) => (path === '/near' ? { status, headers: { location: '/in' } } : { status: 200, body: 'in' })
      assert.deepEqual(await call(`${api.origin}/near`, { follow: true }), { status: 200, text: 'in' })
      const last = api.seen.at(-1)
      assert.deepEqual([last?.path, last?.headers['authorisation'], last?.headers['x-api-key']], ['/in', 'bearer token-1', 'our-api-key'])
    }
  })

  test(`${name}: another origin gets no credentials when it is called by itself`, async (t) => {
    const [{ provider, client }, other] = [await start(t), await startApi(t)]
    const call = use(client)
    const answer = await call(`${other.origin}/`, {}).catch((error: unknown): Answer => ({ status: 0, text: String(error) }))
    // Refused before the wire, or sent as a stranger would send it.
    if (answer.status === 0) assert.match(answer.text, /allowed origin/)
    assert.equal(other.seen.length, answer.status === 0 ? 0 : 1)
    assert.doesNotMatch(JSON.stringify(other.seen), /token-|our-api-key/)
    assert.equal(provider.requests.length, 0)
  })

  test(`${name}: without a token nothing is sent, and the failure names it`, async (t) => {
    const { provider, api, client } = await start(t)
    provider.answer = () => ({ status: 401, headers: { 'content-type': 'application/json' }, body: '{"error":"invalid_client"}' })
    await assert.rejects(use(client)(`${api.origin}/`, {}), (error: Error) =>
      /invalid_client/.test(`${error.message} ${String(error.cause)}`),
    )
    assert.equal(api.seen.length, 0)
    provider.answer = () => tokens('unused')
  })
}

test('undici fetch: a large body streams, and its refusal is the answer', async (t) => {
  const { api, client } = await start(t)
  const call = LIBRARIES.find(([name]) => name === 'undici fetch')?.[1](client)
  const body = 'x'.repeat(200_000)
  assert.equal((await call?.(`${api.origin}/`, { body }))?.status, 200)
  assert.equal(api.seen.at(-1)?.body, body)
})

test('every adapter opens a guarded API that wants an API key beside the token', async (t) => {
  const server = await startDemo()
  t.after(() => server.close())
  const client = createClient(demo('partner', { origin: server.origin }))
  for (const [name, use] of LIBRARIES) {
    const { status, text } = await use(client)(`${server.origin}/apis/partner/some-endpoint`, {})
    assert.equal(status, 200, `${name}: ${text}`)
  }
})

test('undici with its redirects inside the interceptor: none is followed, so none takes anything along', async (t) => {
  const [{ api, client }, other] = [await start(t), await startApi(t)]
  api.answer = () => ({ status: 302, headers: { location: other.origin } })
  assert.equal((await REDIRECTS_INSIDE(client)(api.origin, {})).status, 302)
  assert.equal(other.seen.length, 0)
})
