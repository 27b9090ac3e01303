// The feed of revocations itself, and what else guards in other programs ask: who may listen, what is told, and when it ends.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { EventStreamReader } from '@countersign/guard/event_stream'
import { secretHash } from '../../src/model/secret_hash.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { secretOf } from '../issue/orders.ts'
import { commandLine } from './commands.ts'
import type { Elsewhere } from './elsewhere.ts'
import { API_KEY, BOUNDED, startElsewhere } from './elsewhere.ts'

const AS_API = basic('api', secretOf('api'))

let server: Elsewhere
before(async () => {
  server = await startElsewhere()
})
after(() => server.stop())

interface Told {
  readonly event: string
  readonly id: string | undefined
  readonly data: Record<string, unknown>
}

interface Listening {
  /** Waits for the next event of that name, passing over others. */
  next(event: string): Promise<Told>
  /** All that came so far. */
  readonly told: readonly Told[]
  /** Resolves when the server has ended it. */
  ended(): Promise<void>
  hangUp(): Promise<void>
}

async function listen(headers: Record<string, string> = AS_API): Promise<Listening> {
  const response = await fetch(`${server.origin}/realms/far/revocations`, { headers })
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'text/event-stream'])
  assert.ok(response.body)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const events = new EventStreamReader()
  const told: Told[] = []
  let seen = 0
  const more = async (): Promise<boolean> => {
    const { done, value } = await reader.read()
    for (const { event, id, data } of done ? [] : events.push(value))
      told.push({ event, id, data: JSON.parse(data) as Record<string, unknown> })
    return !done
  }
  return {
    told,
    async next(event) {
      while (true) {
        while (seen < told.length) {
          const one = told[seen++]
          if (one?.event === event) return one
        }
        assert.ok(await more(), `the feed ended before ${event}`)
      }
    },
    async ended() {
      while (await more());
    },
    hangUp: () => reader.cancel(),
  }
}

test('a listener is told what was revoked before, then what is revoked, and nothing that opens anything', BOUNDED, async () => {
  const [before, later] = [await server.bearer('shop', { scope: 'read' }), await server.bearer('shop', { scope: 'write' })]
  await server.revoke('shop', before)
  const feed = await listen()
  assert.equal((await feed.next('hello')).data['heartbeat'], 5)
  const old = await feed.next('revoked')
  assert.deepEqual([old.data['kind'], typeof old.data['value'], typeof old.data['expires_at']], ['jti', 'string', 'number'])
  await feed.next('caught_up')
  await server.revoke('shop', later)
  const fresh = await feed.next('revoked')
  assert.notEqual(fresh.data['value'], old.data['value'])
  const signatures = [before, later].map((bearer) => bearer.split('.')[2] ?? '')
  assert.ok(signatures.every((signature) => !JSON.stringify(feed.told).includes(signature)))
  await feed.hangUp()
})

test('a listener that comes back is told what it missed, and nothing twice; one of another feed is told all', BOUNDED, async () => {
  const feed = await listen()
  const { id = '' } = await feed.next('caught_up')
  const all = feed.told.filter((one) => one.event === 'revoked').length
  await feed.hangUp()
  await server.revoke('shop', await server.bearer('shop', { scope: 'read' }))
  for (const [lastEventId, count] of [
    [id, 1],
    ['another-1', all + 1],
    ['nonsense', all + 1],
  ] as const) {
    const again = await listen({ ...AS_API, 'last-event-id': lastEventId })
    await again.next('caught_up')
    assert.equal(again.told.filter((one) => one.event === 'revoked').length, count, lastEventId)
    await again.hangUp()
  }
})

test("what another process changes is told too; another realm's revocations are not", BOUNDED, async () => {
  const feed = await listen()
  await feed.next('caught_up')
  const near = await postForm(
    `${server.origin}/realms/near/oauth2/token`,
    { grant_type: 'client_credentials' },
    basic('shop', secretOf('shop')),
  )
  const token = String(near.json['access_token'])
  assert.equal((await postForm(`${server.origin}/realms/near/oauth2/revoke`, { token }, basic('shop', secretOf('shop')))).status, 200)
  await commandLine(server, ['client', 'disable', '--client', 'other', '--realm', 'far'])
  const { data } = await feed.next('revoked')
  assert.deepEqual([data['kind'], data['value'], typeof data['issued_until']], ['client', 'other', 'number'])
  await feed.next('changed')
  await feed.hangUp()
})

test('a key is found by its hash, and the description of a realm needs no credentials', BOUNDED, async () => {
  const found = await postForm(`${server.origin}/realms/far/api-key`, { hash: secretHash(API_KEY) }, AS_API)
  assert.equal(found.status, 200)
  assert.deepEqual(found.json, { id: 'dashboard', client_id: 'shop', expires_at: null, addresses: [] })
  const { status, json } = await send(`${server.origin}/realms/far/guard`)
  assert.equal(status, 200)
  const { dialects, ...rest } = json
  assert.deepEqual(rest, {
    issuer: `${server.origin}/realms/far`,
    realm: 'far',
    jwks: '/realms/far/.well-known/jwks.json',
    introspection: '/realms/far/oauth2/introspect',
    revocations: '/realms/far/revocations',
    api_key: '/realms/far/api-key',
  })
  assert.equal((dialects as { name: string }[])[0]?.name, 'standard')
})

test('a hash that is none is 400, and one that nobody has is 404', async () => {
  const unread = await postForm(`${server.origin}/realms/far/api-key`, { hash: API_KEY }, AS_API)
  assert.deepEqual([unread.status, unread.json['error'], unread.text.includes(API_KEY)], [400, 'invalid_request', false])
  const unknown = await postForm(`${server.origin}/realms/far/api-key`, { hash: secretHash('another') }, AS_API)
  assert.deepEqual([unknown.status, unknown.json], [404, { found: false }])
  // Of another realm it is nobody's.
  const elsewhere = await postForm(`${server.origin}/realms/near/api-key`, { hash: secretHash(API_KEY) }, AS_API)
  assert.equal(elsewhere.status, 401)
})

test('only a client that proves itself and introspects may listen or ask', async () => {
  const hash = { hash: secretHash(API_KEY) }
  const places = (headers: Record<string, string>) => [
    send(`${server.origin}/realms/far/revocations`, { headers }),
    postForm(`${server.origin}/realms/far/api-key`, hash, headers),
  ]
  for (const [headers, status, error] of [
    [{}, 401, 'invalid_client'],
    [basic('api', 'wrong'), 401, 'invalid_client'],
    [basic('shop', secretOf('shop')), 403, 'unauthorized_client'],
  ] as const) {
    for (const answer of await Promise.all(places(headers))) assert.deepEqual([answer.status, answer.json['error']], [status, error])
  }
  assert.equal((await send(`${server.origin}/realms/far/revocations`, { method: 'POST', headers: AS_API })).status, 405)
})

test('one client has so many listeners and no more', BOUNDED, async () => {
  const feeds = await Promise.all(Array.from({ length: 128 }, () => listen()))
  const refused = await send(`${server.origin}/realms/far/revocations`, { headers: AS_API })
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5'])
  await Promise.all(feeds.map((feed) => feed.hangUp()))
})

test('the feed ends for a client that is switched off', BOUNDED, async () => {
  const feed = await listen()
  await feed.next('caught_up')
  await commandLine(server, ['client', 'disable', '--client', 'api', '--realm', 'far'])
  await feed.ended()
  assert.equal((await send(`${server.origin}/realms/far/revocations`, { headers: AS_API })).status, 401)
  await commandLine(server, ['client', 'enable', '--client', 'api', '--realm', 'far'])
})

test('a server that is told to end waits for no listener', BOUNDED, async () => {
  await server.stop()
  await server.start()
  const feed = await listen()
  await feed.next('caught_up')
  await Promise.all([server.stop(), feed.ended()])
  assert.deepEqual(
    server.notices.filter((one) => one.includes('draining')),
    [],
  )
  await server.start()
})
