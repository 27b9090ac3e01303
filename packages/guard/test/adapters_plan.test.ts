// Every adapter with a plan behind the guard: the fields on every answer, real 429s, and the end of each request told exactly once.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import test from 'node:test'
import type { Guard } from '../src/guard.ts'
import { memoryAdmissions } from '../src/limit.ts'
import type { Admissions } from '../src/ports.ts'
import type { Outcome } from '../src/verdict.ts'
import type { Call } from './programs.ts'
import { PROGRAMS } from './programs.ts'
import { guardWith, mint, NOW } from './realm.ts'

const authorized = (more: Record<string, string> = {}): RequestInit => ({ headers: { authorization: `Bearer ${mint()}`, ...more } })
const FIELDS = { ratelimit: '"requests-1s";r=9;t=1', 'ratelimit-policy': '"requests-1s";q=10;w=1' }

interface Told {
  readonly guard: Guard
  readonly outcomes: readonly Outcome[]
  /** The next end of a request that is told. */
  readonly next: () => Promise<unknown>
}

function tellingGuard(): Told {
  const outcomes: Outcome[] = []
  const events = new EventEmitter()
  const done = (outcome: Outcome): void => {
    outcomes.push(outcome)
    events.emit('done')
  }
  // Late: the ways on behind a promise are the ones that forget something.
  const admissions: Admissions = { admit: () => Promise.resolve({ admitted: true, headers: FIELDS, done }) }
  return { guard: guardWith({ admissions }), outcomes, next: () => once(events, 'done') }
}

async function codeOf(response: Response): Promise<readonly unknown[]> {
  const body = (await response.json()) as { readonly code?: string; readonly status?: number }
  return [
    response.status,
    body.status,
    body.code,
    response.headers.get('content-type')?.split(';')[0],
    response.headers.get('www-authenticate'),
  ]
}

for (const [program, start] of Object.entries(PROGRAMS)) {
  test(`${program} adds the fields of the plan to an answer and tells its end once`, async () => {
    const { guard, outcomes, next } = tellingGuard()
    await start(guard, async (call) => {
      const told = next()
      const response = await call('/orders', authorized())
      const body = await response.text()
      for (const [name, value] of Object.entries(FIELDS)) assert.equal(response.headers.get(name), value)
      await told
      assert.equal(outcomes.length, 1)
      const { status, bytesIn, bytesOut, milliseconds } = outcomes[0] ?? assert.fail()
      assert.deepEqual([response.status, status, bytesIn, milliseconds], [200, 200, 0, 0])
      assert.ok(bytesOut >= body.length, `${bytesOut} bytes`)
      const posted = next()
      const echo = await call('/orders', {
        ...authorized({ 'content-type': 'text/plain', 'content-length': '5' }),
        method: 'POST',
        body: 'hello',
      })
      assert.equal(await echo.text(), 'hello')
      await posted
      assert.deepEqual([outcomes.length, outcomes[1]?.status, outcomes[1]?.bytesIn], [2, 200, 5])
    })
    assert.equal(outcomes.length, 2, 'nothing more when the connections close')
  })

  test(`${program} tells the end of an answer whose caller went away, and of one that broke off`, async () => {
    const { guard, outcomes, next } = tellingGuard()
    await start(guard, async (call) => {
      const left = next()
      const response = await call('/stream', authorized())
      const reader = response.body?.getReader() ?? assert.fail()
      assert.equal((await reader.read()).value?.byteLength, 5)
      assert.equal(outcomes.length, 0, 'not while it is under way')
      await reader.cancel()
      await left
      assert.deepEqual([outcomes.length, outcomes[0]?.status], [1, 200])
      const broken = next()
      await assert.rejects(async () => (await call('/broken', authorized())).text())
      await broken
      assert.deepEqual([outcomes.length, outcomes[1]?.status], [2, 200])
    })
    assert.equal(outcomes.length, 2)
  })

  test(`${program} tells no end of a request that the plan did not admit`, async () => {
    const { guard, outcomes } = tellingGuard()
    await start(guard, async (call) => void (await (await call('/orders')).text()))
    assert.deepEqual(outcomes, [])
  })
}

/** The same requests through each adapter; every one of them answers alike. */
const TABLE: readonly (readonly [string, (call: Call) => Promise<Response>, readonly unknown[]])[] = [
  ['a good request', (call) => call('/orders', authorized()), [200, undefined, undefined, 'application/json', null]],
  [
    'an ambiguous path',
    (call) => call('/orders%2F..%2Forders', authorized()),
    [400, 400, 'ambiguous_path', 'application/problem+json', null],
  ],
  [
    'credentials in no form',
    (call) => call('/orders', { headers: { authorization: 'Bearer' } }),
    [
      400,
      400,
      'invalid_request',
      'application/problem+json',
      'Bearer realm="partner", error="invalid_request", error_description="The access token is not in the form its header wants."',
    ],
  ],
  ['no credentials', (call) => call('/orders'), [401, 401, 'missing_token', 'application/problem+json', 'Bearer realm="partner"']],
  [
    'another method',
    (call) => call('/orders', { ...authorized(), method: 'DELETE' }),
    [405, 405, 'method_not_allowed', 'application/problem+json', null],
  ],
  [
    'the key of another address',
    (call) => call('/orders', authorized({ 'x-api-key': 'elsewhere' })),
    [403, 403, 'address_not_allowed', 'application/problem+json', null],
  ],
  [
    'the key of this address',
    (call) => call('/orders', authorized({ 'x-api-key': 'here' })),
    [200, undefined, undefined, 'application/json', null],
  ],
  ['one too many', (call) => call('/orders', authorized()), [429, 429, 'rate_exceeded', 'application/problem+json', null]],
]

for (const [program, start] of Object.entries(PROGRAMS)) {
  test(`${program} answers the table of requests as every adapter does`, async () => {
    const addresses = ['127.0.0.0/8', '203.0.113.0/24']
    const keys = addresses.map((block) => ({ id: block, clientId: 'client-1', expiresAt: null, addresses: [block] }))
    let asked = 0
    const guard = guardWith({
      apiKey: 'optional',
      apiKeys: { find: () => keys[1 - (asked++ % 2)] },
      policy: { routes: [{ path: '/orders', methods: ['GET'], scopes: [] }] },
      admissions: memoryAdmissions({ rates: [{ limit: 1, seconds: 60, burst: 2 }], nowMs: () => NOW * 1000 }),
    })
    await start(guard, async (call) => {
      for (const [what, send, expected] of TABLE) {
        const response = await send(call)
        // What the handlers behind say of their JSON is theirs.
        const answer = await codeOf(response)
        assert.deepEqual(
          response.status === 200 ? answer.slice(0, 3) : answer,
          response.status === 200 ? expected.slice(0, 3) : expected,
          what,
        )
        if (response.status !== 429) continue
        assert.equal(response.headers.get('retry-after'), '60')
        assert.equal(response.headers.get('ratelimit'), '"requests-60s";r=0;t=120')
      }
    })
  })

  test(`${program} believes the option address instead of the connection`, async () => {
    const apiKeys = { find: () => ({ id: 'key-1', clientId: 'client-1', expiresAt: null, addresses: ['203.0.113.0/24'] }) }
    const guard = guardWith({ apiKey: 'required', apiKeys })
    const request = authorized({ 'x-api-key': 'key', 'x-forwarded-for': '203.0.113.9' })
    await start(guard, async (call) => assert.equal((await call('/orders', request)).status, 403))
    await start(guard, async (call) => assert.equal((await call('/orders', request)).status, 200), { address: '203.0.113.9' })
  })
}
