// The plan at the guard, without a server: rates, volumes, cost and concurrency hold together, all or none, and what each answer says of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDesk, NOON, OK, plan, unavailable, volume } from './admission_desk.ts'

const DAY_END = NOON + 12 * 3600
const SECOND = { limit: 2, seconds: 1, burst: 2 }
const MINUTE = { limit: 3, seconds: 60, burst: 3 }

test('an answer names every rate and every volume, with what is left of each', async () => {
  const desk = createDesk(plan({ rates: [SECOND, MINUTE], volumes: [volume(100, 'day'), volume(1000, 'month')] }))
  const { headers } = await desk.admitted()
  assert.equal(
    headers['ratelimit-policy'],
    '"requests-1s";q=2;w=1, "requests-60s";q=3;w=60, "requests-day";q=100;w=86400, "requests-month";q=1000;w=2592000',
  )
  assert.equal(
    headers['ratelimit'],
    '"requests-1s";r=1;t=1, "requests-60s";r=2;t=20, "requests-day";r=99;t=43200, "requests-month";r=999;t=820800',
  )
})

test('two rates hold at once: the one that makes wait longest speaks', async () => {
  const desk = createDesk(plan({ rates: [SECOND, MINUTE] }))
  await desk.admitted()
  await desk.admitted()
  const soon = await desk.refused()
  assert.deepEqual([soon.code, soon.retryAfter], ['rate_exceeded', 1])
  assert.equal(soon.detail, 'The plan allows 2 requests in 1 s; there are enough again in 1 s.')
  desk.nowMs += 1000
  await desk.admitted()
  const later = await desk.refused()
  assert.deepEqual([later.code, later.retryAfter], ['rate_exceeded', 19])
  assert.match(later.headers['ratelimit'] ?? '', /^"requests-1s";r=1;t=1, "requests-60s";r=0;t=59$/)
  assert.equal(desk.counted.length, 3)
})

test('what one rate refuses is not drawn from the other', async () => {
  const desk = createDesk(plan({ rates: [SECOND, { limit: 100, seconds: 60, burst: 100 }] }))
  for (let n = 0; n < 50; n++) await desk.ask()
  desk.nowMs += 1000
  const { headers } = await desk.admitted()
  // 2 and 1 of 100, of which 1 2/3 came back in the second.
  assert.match(headers['ratelimit'] ?? '', /"requests-60s";r=98;/)
})

test('a route that costs more draws more, from rates and volumes alike', async () => {
  const desk = createDesk(plan({ rates: [{ limit: 10, seconds: 1, burst: 10 }], volumes: [volume(12, 'day')] }))
  const { headers } = await desk.admitted({ cost: 7 })
  assert.equal(headers['ratelimit'], '"requests-1s";r=3;t=1, "requests-day";r=5;t=43200')
  const costly = await desk.refused({ cost: 7 })
  assert.equal(costly.detail, 'The plan allows 10 requests in 1 s, and this one counts as 7; there are enough again in 1 s.')
  desk.nowMs += 1000
  const { code, detail, retryAfter, headers: left } = await desk.refused({ cost: 7 })
  assert.deepEqual([code, retryAfter], ['volume_exceeded', 43_199])
  assert.equal(detail, 'This request counts as 7, and of the 12 requests of this day 5 are left; there are more from 2026-11-22T00:00:00Z.')
  // The rate got back what the volume refused.
  assert.equal(left['ratelimit'], '"requests-1s";r=10;t=0, "requests-day";r=5;t=43199')
  await desk.admitted({ cost: 5 })
})

test('what costs more than can ever be there is refused without a time to come back', async () => {
  const desk = createDesk(plan({ rates: [SECOND] }))
  const { code, retryAfter, detail } = await desk.refused({ cost: 5 })
  assert.deepEqual([code, retryAfter], ['rate_exceeded', Number.POSITIVE_INFINITY])
  assert.match(detail, /never passes\.$/)
  desk.plan = plan({ volumes: [volume(4, 'month')] })
  assert.equal((await desk.refused({ cost: 5 })).retryAfter, Number.POSITIVE_INFINITY)
})

test('a route that costs nothing passes a used-up plan, and is counted', async () => {
  const desk = createDesk(plan({ rates: [{ limit: 1, seconds: 60, burst: 1 }], volumes: [volume(1, 'day')] }))
  await desk.admitted()
  const { headers } = await desk.admitted({ cost: 0 })
  assert.equal(headers['ratelimit'], '"requests-60s";r=0;t=60, "requests-day";r=0;t=43200')
  assert.deepEqual(
    desk.counted.map(({ units, charges }) => [units, charges.length]),
    [
      [1, 1],
      [0, 0],
    ],
  )
})

test('a used-up volume is refused without asking the ledger again for a second, and afresh in the next window', async () => {
  const desk = createDesk(plan({ volumes: [volume(2, 'day'), volume(1000, 'month')] }))
  await desk.admitted()
  await desk.admitted()
  const { code, detail, retryAfter, headers } = await desk.refused()
  assert.deepEqual([code, retryAfter], ['volume_exceeded', DAY_END - NOON])
  assert.equal(detail, 'The 2 requests of this day are used up; there are more from 2026-11-22T00:00:00Z.')
  assert.match(headers['ratelimit'] ?? '', /^"requests-day";r=0;t=43200, "requests-month";r=998;/)
  for (let n = 0; n < 10; n++) assert.deepEqual(await desk.refused(), { admitted: false, code, detail, headers, retryAfter })
  assert.equal(desk.asked, 3)
  desk.nowMs += 1000
  await desk.refused()
  assert.equal(desk.asked, 4)
  desk.nowMs = DAY_END * 1000
  await desk.admitted()
})

test('another plan holds from the next request on, and a rate of the same length goes on counting', async () => {
  const desk = createDesk(plan({ rates: [MINUTE], volumes: [volume(1, 'day')] }))
  await desk.admitted()
  assert.equal((await desk.refused()).code, 'volume_exceeded')
  desk.plan = plan({ rates: [SECOND, { ...MINUTE }], volumes: [volume(5, 'day')] })
  const { headers } = await desk.admitted()
  assert.equal(headers['ratelimit'], '"requests-1s";r=1;t=1, "requests-60s";r=1;t=40, "requests-day";r=3;t=43200')
})

test('where the plan changes while the ledger is asked, an answer does not tell its numbers under the names of the other', async () => {
  const desk = createDesk(plan({ rates: [SECOND], volumes: [volume(100, 'day')] }))
  const before = desk.admitted()
  desk.plan = plan({ rates: [SECOND, MINUTE], volumes: [volume(100, 'day')] })
  const after = desk.admitted()
  assert.equal((await before).headers['ratelimit'], undefined)
  assert.match((await after).headers['ratelimit'] ?? '', /^"requests-1s";r=0;t=1, "requests-60s";r=2;t=20, "requests-day";r=98;/)
})

test('two volumes of one unit are charged to two meters', async () => {
  const desk = createDesk(plan({ volumes: [volume(10, 'day'), volume(20, 'day', { mode: 'warn' })] }))
  const { headers } = await desk.admitted()
  assert.equal(headers['ratelimit'], '"requests-day";r=9;t=43200, "requests-day-2";r=19;t=43200')
})

test('a soft volume passes beyond its limit, and tells the operator once at each share', async () => {
  const desk = createDesk(plan({ volumes: [volume(10, 'day', { mode: 'warn', warnAt: [50, 100] })] }))
  for (let n = 0; n < 7; n++) await desk.admitted({ cost: 2 })
  assert.deepEqual(desk.notices, [
    'Client one of realm shop has used 50 % of its 10 requests of this day.',
    'Client one of realm shop has used 100 % of its 10 requests of this day.',
  ])
})

test('a soft rate passes and tells the operator at most once a minute', async () => {
  const desk = createDesk(plan({ rates: [SECOND], concurrency: 1, mode: 'warn' }))
  for (let n = 0; n < 20; n++) await desk.admitted()
  assert.deepEqual(desk.notices, ['Client one of realm shop is over its number of requests at once; its plan lets it pass.'])
  desk.nowMs += 60_000
  for (let n = 0; n < 5; n++) await desk.admitted()
  assert.equal(desk.notices.length, 2)
})

test('concurrency is a place for each request under way, free again when its answer has left', async () => {
  const desk = createDesk(plan({ concurrency: 2, rates: [{ limit: 100, seconds: 1, burst: 100 }] }))
  const first = await desk.admitted()
  const second = await desk.admitted()
  const { code, retryAfter, detail, headers } = await desk.refused()
  assert.deepEqual([code, retryAfter], ['concurrency_exceeded', 1])
  assert.equal(detail, 'The plan allows 2 requests at once, and as many are under way; there is room when one of them is answered.')
  assert.equal(headers['ratelimit'], '"requests-1s";r=98;t=1', 'the rate is not drawn from')
  first.done(OK)
  first.done(OK)
  const third = await desk.admitted()
  await desk.refused()
  second.done({ ...OK, status: 0 })
  third.done(OK)
  await desk.admitted()
  await desk.admitted()
  assert.deepEqual(
    desk.observed.map(({ status }) => status),
    [200, 0, 200],
  )
})

test('of requests that come together as many are admitted as there are places and units', async () => {
  const desk = createDesk(plan({ concurrency: 10, volumes: [volume(7, 'day')] }))
  const answers = await Promise.all(Array.from({ length: 64 }, () => desk.ask()))
  const codes = Object.groupBy(answers, (answer) => (answer.admitted ? 'admitted' : answer.code))
  assert.deepEqual(
    [codes.admitted?.length, codes.volume_exceeded?.length, codes.concurrency_exceeded?.length],
    [7, 3, 54],
    'ten places were taken at first, and three of them given back',
  )
  assert.equal(desk.usage.clients.of('one', desk.nowMs).underWay, 7)
})

test('while the ledger fails a request fails too, and its rates and place are given back', async () => {
  const desk = createDesk(plan({ rates: [MINUTE], volumes: [volume(5, 'day')], concurrency: 1 }))
  desk.failure = unavailable()
  for (let n = 0; n < 10; n++) await assert.rejects(desk.ask(), desk.failure)
  desk.failure = undefined
  const { headers } = await desk.admitted()
  assert.match(headers['ratelimit'] ?? '', /^"requests-60s";r=2;/)
  assert.deepEqual(desk.notices, [])
})

test('an answer says what is left at its own moment, however long the client goes on asking', async () => {
  const desk = createDesk(plan({ rates: [SECOND, MINUTE], volumes: [volume(100, 'day')] }))
  const told: unknown[] = []
  for (const laterMs of [0, 400, 1000, 59_000]) {
    desk.nowMs = NOON * 1000 + laterMs
    told.push((await desk.admitted()).headers['ratelimit'])
  }
  assert.deepEqual(told, [
    '"requests-1s";r=1;t=1, "requests-60s";r=2;t=20, "requests-day";r=99;t=43200',
    '"requests-1s";r=0;t=1, "requests-60s";r=1;t=40, "requests-day";r=98;t=43200',
    '"requests-1s";r=1;t=1, "requests-60s";r=0;t=59, "requests-day";r=97;t=43199',
    '"requests-1s";r=1;t=1, "requests-60s";r=1;t=21, "requests-day";r=96;t=43141',
  ])
})

test('where the plan says so a request passes uncounted while the ledger fails, and the operator is told once', async () => {
  const desk = createDesk(plan({ rates: [MINUTE], volumes: [volume(5, 'day')], concurrency: 1, withoutLedger: 'allow' }))
  desk.failure = unavailable()
  const { headers, done } = await desk.admitted()
  assert.equal(headers['ratelimit'], '"requests-60s";r=2;t=20')
  assert.equal((await desk.refused()).code, 'concurrency_exceeded')
  done(OK)
  ;(await desk.admitted()).done(OK)
  ;(await desk.admitted()).done(OK)
  assert.equal((await desk.refused()).code, 'rate_exceeded', 'rates hold all the same')
  assert.equal(desk.observed.length, 0)
  assert.deepEqual(desk.notices, ['The ledger cannot be reached: requests to the APIs of realm shop pass uncounted.'])
  desk.failure = undefined
  desk.nowMs += 60_000
  ;(await desk.admitted()).done(OK)
  desk.failure = unavailable()
  await desk.admitted()
  assert.equal(desk.notices.length, 2, 'the second time it fails it is told again')
})

test('while the ledger fails one request a second asks it, and the others do not wait', async () => {
  const desk = createDesk(plan({ volumes: [volume(5, 'day')], withoutLedger: 'allow' }))
  desk.failure = unavailable()
  for (let n = 0; n < 20; n++) await desk.admitted()
  assert.equal(desk.asked, 1)
  desk.nowMs += 1000
  await Promise.all(Array.from({ length: 20 }, () => desk.admitted()))
  assert.equal(desk.asked, 2)
  desk.failure = undefined
  desk.nowMs += 1000
  const { headers } = await desk.admitted()
  assert.equal(headers['ratelimit'], '"requests-day";r=4;t=43198')
})

test('a mistake in the ledger is never let pass as a ledger that cannot be reached', async () => {
  const desk = createDesk(plan({ withoutLedger: 'allow' }))
  desk.failure = new RangeError('a charge that is none')
  await assert.rejects(desk.ask(), RangeError)
})

test('without a plan everything is counted and nothing is told', async () => {
  const desk = createDesk(null)
  const { headers, done } = await desk.admitted({ cost: 3 })
  done({ status: 201, bytesIn: 5, bytesOut: 7, milliseconds: 9 })
  assert.deepEqual(headers, {})
  const key = { realmId: 'shop', clientId: 'one', apiKeyId: '', apiId: 'orders', route: 'otherwise' }
  assert.deepEqual(desk.counted, [{ key, now: NOON, units: 3, charges: [], unseen: false }])
  assert.deepEqual(desk.observed, [{ key, at: NOON, status: 201, bytesIn: 5, bytesOut: 7, milliseconds: 9 }])
  desk.failure = unavailable()
  await assert.rejects(desk.ask(), desk.failure, 'closed by default')
})

test('a request whose answer nobody sees is told of with its count, and holds its place until it is done', async () => {
  const desk = createDesk(plan({ concurrency: 1 }))
  const { done } = await desk.admitted({ unseen: true })
  assert.deepEqual(
    desk.counted.map((one) => one.unseen),
    [true],
  )
  const second = await desk.ask({ unseen: true })
  assert.ok(!second.admitted && second.code === 'concurrency_exceeded')
  done({ status: 0, bytesIn: 0, bytesOut: 0, milliseconds: 0 })
  assert.deepEqual(desk.observed, [], 'or it would be among them twice')
  await desk.admitted({ unseen: true })
})

test('an API key’s use is noted with its address when the request is admitted', async () => {
  const desk = createDesk(plan({ volumes: [volume(1, 'day')] }))
  await desk.ask({ apiKeyId: 'k1', address: '192.0.2.7' })
  await desk.ask({ apiKeyId: 'k1', address: '192.0.2.8' })
  assert.deepEqual(desk.keyUses, [{ apiKeyId: 'k1', address: '192.0.2.7', now: NOON }])
})

test('memory is bounded: who owes nothing is forgotten, who has a request under way never', async () => {
  const desk = createDesk(plan({ rates: [{ limit: 1, seconds: 60, burst: 1 }], concurrency: 1 }), 100)
  const busy = await desk.admitted({ clientId: 'busy' })
  for (let n = 0; n < 2000; n++) {
    ;(await desk.admitted({ clientId: `client-${n}` })).done(OK)
    desk.nowMs += 1000
  }
  assert.ok(desk.usage.clients.size() <= 100, `${desk.usage.clients.size()} are remembered`)
  assert.equal((await desk.refused({ clientId: 'busy' })).code, 'concurrency_exceeded')
  busy.done(OK)
  await desk.admitted({ clientId: 'busy' })
})

test('whatever comes and goes, no enforced limit is ever exceeded and nothing is left under way', async () => {
  const step = fc.record({ cost: fc.integer({ min: 0, max: 4 }), pause: fc.integer({ min: 0, max: 700 }), hold: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const desk = createDesk(plan({ rates: [{ limit: 4, seconds: 1, burst: 5 }], volumes: [volume(40, 'day')], concurrency: 3 }))
      const held: { done: (outcome: typeof OK) => void }[] = []
      const began = desk.nowMs
      let units = 0
      for (const { cost, pause, hold } of steps) {
        const answer = await desk.ask({ cost })
        if (answer.admitted) {
          units += cost
          if (hold) held.push(answer)
          else answer.done(OK)
        }
        assert.ok(held.length <= 3)
        if (held.length === 3) held.shift()?.done(OK)
        desk.nowMs += pause
        assert.ok(units <= 40 && units <= 5 + ((desk.nowMs - began) * 4) / 1000, `${units} units`)
      }
      for (const one of held) one.done(OK)
      assert.equal(desk.usage.clients.of('one', desk.nowMs).underWay, 0)
      assert.equal(
        desk.counted.reduce((sum, one) => sum + one.units, 0),
        units,
      )
    }),
  )
})
