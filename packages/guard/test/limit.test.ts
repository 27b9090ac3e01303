// Rates and concurrency in memory: several rates at once, all or none, places given back, and never more memory than said.
import assert from 'node:assert/strict'
import test from 'node:test'
import { readRateLimits } from '@countersign/protocol/oauth/rate_limit'
import fc from 'fast-check'
import type { MemoryAdmissionsOptions } from '../src/limit.ts'
import { memoryAdmissions } from '../src/limit.ts'
import type { AdmissionAnswer } from '../src/ports.ts'
import type { Principal } from '../src/verdict.ts'

const START = Date.UTC(2026, 10, 22)
const OUTCOME = { status: 200, bytesIn: 0, bytesOut: 0, milliseconds: 0 }

const principalOf = (clientId: string): Principal => ({
  realm: 'r',
  clientId,
  subject: clientId,
  scope: [],
  audience: [],
  claims: {},
  apiKeyId: undefined,
  tokenId: undefined,
  anonymous: false,
})

function limiting(options: Omit<MemoryAdmissionsOptions, 'nowMs'>) {
  let nowMs = START
  const admissions = memoryAdmissions({ ...options, nowMs: () => nowMs })
  const ask = (client = 'a', cost = 1): AdmissionAnswer => {
    const answer = admissions.admit({ principal: principalOf(client), route: 'otherwise', cost })
    if (answer instanceof Promise) throw new Error('memory answers at once')
    return answer
  }
  /** How many of that many pass, each ended at once. */
  const pass = (times: number, client = 'a'): number => {
    let passed = 0
    for (let time = 0; time < times; time++) {
      const answer = ask(client)
      if (!answer.admitted) continue
      passed += 1
      answer.done(OUTCOME)
    }
    return passed
  }
  const wait = (ms: number): void => {
    nowMs += ms
  }
  return { ask, pass, wait }
}

function refused(answer: AdmissionAnswer): Extract<AdmissionAnswer, { admitted: false }> {
  if (answer.admitted) throw new Error('the request was admitted')
  return answer
}

const TWO = [
  { limit: 10, seconds: 1, burst: 5 },
  { limit: 30, seconds: 60, burst: 12 },
]

test('all rates hold at once, and what one refuses is drawn from none', () => {
  const { ask, pass, wait } = limiting({ rates: TWO })
  assert.equal(pass(8), 5, 'the burst of the first')
  wait(500)
  assert.equal(pass(9), 5)
  wait(500)
  assert.equal(pass(9), 2, 'the rest of the second')
  const { code, detail, retryAfter, headers } = refused(ask())
  assert.deepEqual(
    [code, retryAfter, detail],
    ['rate_exceeded', 1, 'The client may send 30 requests in 60 s, 12 at once. Try again in 1 s.'],
  )
  assert.deepEqual(
    readRateLimits(headers['ratelimit-policy'], headers['ratelimit']).map(({ name, quota, window, remaining }) => [
      name,
      quota,
      window,
      remaining,
    ]),
    [
      ['requests-1s', 10, 1, 3],
      ['requests-60s', 30, 60, 0],
    ],
  )
  wait(retryAfter * 1000)
  assert.equal(pass(3), 1, 'what was promised, and no more')
})

test('each client has its own', () => {
  const { pass } = limiting({ rates: TWO })
  assert.deepEqual([pass(9, 'a'), pass(9, 'b'), pass(9, 'a')], [5, 5, 0])
})

test('a route costs what it costs: nothing at all, or more than there ever is', () => {
  const { ask } = limiting({ rates: TWO })
  const left = (answer: AdmissionAnswer): number | undefined =>
    readRateLimits(answer.headers['ratelimit-policy'], answer.headers['ratelimit'])[0]?.remaining
  assert.equal(left(ask('a', 4)), 1)
  assert.equal(left(ask('a', 0)), 1)
  assert.equal(refused(ask('a', 2)).retryAfter, 1)
  const never = refused(ask('a', 6))
  assert.deepEqual([never.retryAfter, never.detail.endsWith('costs more than that, and never passes.')], [Number.POSITIVE_INFINITY, true])
  assert.equal(ask('a', 0).admitted, true)
})

test('a place is given back once, by whatever end the request came to', () => {
  const { ask } = limiting({ rates: [], concurrency: 2 })
  const [first, second] = [ask(), ask()]
  assert.ok(first.admitted && second.admitted)
  const { code, retryAfter, headers } = refused(ask())
  assert.deepEqual([code, retryAfter, headers], ['concurrency_exceeded', 1, {}])
  assert.equal(ask('b').admitted, true)
  first.done({ ...OUTCOME, status: 0 })
  first.done(OUTCOME)
  assert.deepEqual([ask().admitted, ask().admitted], [true, false])
})

test('a request that is one too many at once draws nothing from the rates, and the other way round', () => {
  const { ask } = limiting({ rates: [{ limit: 1, seconds: 1, burst: 3 }], concurrency: 2 })
  const [first, second] = [ask(), ask()]
  for (let time = 0; time < 5; time++) assert.equal(refused(ask()).code, 'concurrency_exceeded')
  assert.ok(first.admitted && second.admitted)
  first.done(OUTCOME)
  second.done(OUTCOME)
  const third = ask()
  assert.ok(third.admitted)
  third.done(OUTCOME)
  for (let time = 0; time < 5; time++) assert.equal(refused(ask()).code, 'rate_exceeded')
})

test('a clock set back by a day locks nobody out for a day, also who asks all the while', () => {
  const { ask, pass, wait } = limiting({ rates: [{ limit: 1, seconds: 1, burst: 3 }] })
  assert.equal(pass(4), 3)
  wait(-86_400_000)
  assert.equal(ask().admitted, false)
  for (let second = 0; second < 3; second++) wait(1000)
  assert.equal(pass(9), 3)
})

test('never more clients are remembered than said, those with requests under way apart, and the quiet go first', () => {
  const { ask, pass } = limiting({ rates: [{ limit: 1, seconds: 3600, burst: 2 }], concurrency: 9, maxClients: 4 })
  const held = ['x', 'y'].map((client) => ask(client))
  for (let client = 0; client < 1000; client++) pass(1, `client-${client}`)
  // Who is forgotten has everything back; who is under way is not forgotten.
  assert.deepEqual(
    ['x', 'y'].map((client) => pass(2, client)),
    [1, 1],
  )
  assert.equal(pass(2, 'client-0'), 2)
  assert.ok(held.every(({ admitted }) => admitted))
})

test('in any stretch no client gets more than the burst and what came back, whatever the order of clients and pauses', () => {
  const step = fc.record({ client: fc.constantFrom('a', 'b'), wait: fc.nat(900), cost: fc.nat(3) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { ask, wait } = limiting({ rates: TWO })
      const units = new Map<string, number>()
      let elapsed = 0
      for (const { client, wait: pause, cost } of steps) {
        wait(pause)
        elapsed += pause
        if (ask(client, cost).admitted) units.set(client, (units.get(client) ?? 0) + cost)
      }
      for (const drawn of units.values()) {
        for (const { limit, seconds, burst } of TWO) assert.ok(drawn <= burst + (limit * elapsed) / (seconds * 1000))
      }
    }),
  )
})

test('numbers that cannot be meant are refused when it is made', () => {
  const rate = { limit: 1, seconds: 1, burst: 1 }
  const bad: Omit<MemoryAdmissionsOptions, 'nowMs'>[] = [
    { rates: [{ ...rate, limit: 0 }] },
    { rates: [{ ...rate, burst: 0.5 }] },
    { rates: [rate, { ...rate, limit: 2 }] },
    { rates: [], concurrency: 0 },
    { rates: [], maxClients: 0 },
  ]
  for (const one of bad) assert.throws(() => memoryAdmissions({ ...one, nowMs: () => START }), TypeError, JSON.stringify(one))
})
