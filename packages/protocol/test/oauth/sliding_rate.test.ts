// Sliding rates: named cases, then properties against a list of everything that was ever drawn, reckoned in whole numbers of any size.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Arrival, Drawing, SlidingRate as Rate } from '../../src/oauth/sliding_rate.ts'
import { draw, giveBack, isIdle, isRate, UNTOUCHED } from '../../src/oauth/sliding_rate.ts'

const NOW = Date.UTC(2026, 10, 21)
const UNIT = 10

/** Draws one after the other at the same instant; the last one's result. */
function drawn(rate: Rate, times: number, nowMs = NOW, from: Arrival = UNTOUCHED, tenths = UNIT): Drawing {
  let last = draw(rate, from, 0, nowMs)
  for (let time = 0; time < times; time++) last = draw(rate, last.arrival, tenths, nowMs)
  return last
}

const told = ({ allowed, leftTenths, resetMs, waitMs }: Drawing): unknown[] => [allowed, leftTenths, resetMs, waitMs]

describe('a rate of 6 a minute, 3 at once', () => {
  const rate: Rate = { limit: 6, seconds: 60, burst: 3 }

  test('gives the burst at once, and then says when the next one comes', () => {
    assert.deepEqual(told(drawn(rate, 3)), [true, 0, 30_000, 0])
    assert.deepEqual(told(drawn(rate, 4)), [false, 0, 30_000, 10_000])
  })

  test('a refused draw takes nothing, however often it is repeated', () => {
    assert.deepEqual(drawn(rate, 50), drawn(rate, 4))
  })

  test('the next one comes at the very millisecond that was named', () => {
    const { arrival } = drawn(rate, 3)
    assert.deepEqual(told(draw(rate, arrival, UNIT, NOW + 9999)), [false, 9, 20_001, 1])
    assert.deepEqual(told(draw(rate, arrival, UNIT, NOW + 10_000)), [true, 0, 30_000, 0])
  })

  test('a tenth costs a tenth, and a look costs nothing even when nothing is left', () => {
    assert.deepEqual(told(drawn(rate, 30, NOW, UNTOUCHED, 1)), [true, 0, 30_000, 0])
    assert.deepEqual(told(drawn(rate, 31, NOW, UNTOUCHED, 1)), [false, 0, 30_000, 1000])
    assert.deepEqual(told(draw(rate, drawn(rate, 3).arrival, 0, NOW)), [true, 0, 30_000, 0])
  })

  test('a draw of more than the burst is never allowed, and says so', () => {
    assert.deepEqual(told(draw(rate, UNTOUCHED, 31, NOW)), [false, 30, 0, Number.POSITIVE_INFINITY])
    assert.equal(draw(rate, UNTOUCHED, 30, NOW).allowed, true)
  })

  test('everything is back when it was said to be, and nothing is hoarded beyond the burst', () => {
    const { arrival, resetMs } = drawn(rate, 3)
    assert.equal(isIdle(arrival, NOW + resetMs - 1), false)
    assert.equal(isIdle(arrival, NOW + resetMs), true)
    assert.deepEqual(told(drawn(rate, 4, NOW + 365 * 86_400_000, arrival)), [false, 0, 30_000, 10_000])
  })

  test('a clock that stands still gives the burst once', () => {
    let allowed = 0
    let arrival = UNTOUCHED
    for (let time = 0; time < 1000; time++) {
      const drawing = draw(rate, arrival, UNIT, NOW)
      if (drawing.allowed) allowed++
      arrival = drawing.arrival
    }
    assert.equal(allowed, 3)
  })

  test('a clock set back by a year locks out for ten seconds, not for a year, also who asks all the while', () => {
    const past = NOW - 365 * 86_400_000
    let arrival = drawn(rate, 3).arrival
    for (let second = 0; second < 10; second++) {
      const refused = draw(rate, arrival, UNIT, past + second * 1000)
      assert.deepEqual([refused.allowed, refused.waitMs], [false, 10_000 - second * 1000])
      arrival = refused.arrival
    }
    assert.equal(draw(rate, arrival, UNIT, past + 10_000).allowed, true)
  })

  test('what is given back can be drawn again', () => {
    const { arrival } = drawn(rate, 3)
    const back = giveBack(rate, arrival, UNIT, NOW)
    assert.deepEqual(told(drawn(rate, 1, NOW, back)), [true, 0, 30_000, 0])
    assert.ok(isIdle(giveBack(rate, back, 1000, NOW), NOW))
  })

  test('a plan that changes goes on from the instant at which everything was to be back, at most its own burst away', () => {
    const { arrival } = drawn(rate, 3)
    assert.equal(draw({ limit: 1, seconds: 60, burst: 1 }, arrival, 0, NOW).resetMs, 30_000)
    assert.equal(draw({ limit: 60, seconds: 60, burst: 1 }, arrival, 0, NOW).resetMs, 1000)
    const fine = drawn({ limit: 999_999, seconds: 1, burst: 1 }, 1).arrival
    assert.ok(draw({ limit: 1, seconds: 60, burst: 10 }, fine, 0, NOW).resetMs <= 1)
  })
})

test('units that take a third of a millisecond do not drift in a million of them', () => {
  const rate: Rate = { limit: 3000, seconds: 1, burst: 10 }
  // Never idle, so that nothing but the sum of all thirds decides.
  let { arrival } = drawn(rate, 10)
  for (let unit = 1; unit <= 1_000_000; unit++) {
    const at = NOW + Math.ceil(unit / 3)
    const early = draw(rate, arrival, UNIT, at - 1)
    const drawing = draw(rate, arrival, UNIT, at)
    if (early.allowed || !drawing.allowed) assert.fail(`unit ${unit} came early or late`)
    arrival = drawing.arrival
  }
})

test('numbers that are no rate are told from those that are', () => {
  const rate: Rate = { limit: 1, seconds: 1, burst: 1 }
  assert.ok(isRate(rate) && isRate({ limit: 10_000_000, seconds: 86_400, burst: 10_000_000 }))
  for (const wrong of [0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    for (const member of ['limit', 'seconds', 'burst']) assert.ok(!isRate({ ...rate, [member]: wrong }), `${member} ${wrong}`)
  assert.ok(!isRate({ limit: 1, seconds: 2_592_000, burst: 10_000_000 }))
  assert.throws(() => draw({ limit: 0, seconds: 1, burst: 1 }, UNTOUCHED, UNIT, NOW), RangeError)
  assert.throws(() => draw({ limit: 1, seconds: 2_592_000, burst: 10_000_000 }, UNTOUCHED, UNIT, NOW), RangeError)
})

const rates: fc.Arbitrary<Rate> = fc.oneof(
  fc.record({ limit: fc.integer({ min: 1, max: 12 }), seconds: fc.integer({ min: 1, max: 7 }), burst: fc.integer({ min: 1, max: 5 }) }),
  fc.record({
    limit: fc.integer({ min: 1, max: 1e6 }),
    seconds: fc.constantFrom(1, 60, 3600, 86_400),
    burst: fc.integer({ min: 1, max: 1e4 }),
  }),
)

interface Asked {
  /** Milliseconds after the one before, as a share of what one unit takes to come back. */
  readonly pause: number
  readonly tenths: number
}
const asked: fc.Arbitrary<Asked> = fc.record({
  pause: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 5, arbitrary: fc.double({ min: 0, max: 2, noNaN: true }) },
    fc.nat(20),
  ),
  tenths: fc.oneof(fc.constantFrom(0, 1, UNIT), fc.nat(60)),
})
const pauseMs = ({ limit, seconds }: Rate, { pause }: Asked): number => Math.floor((pause * seconds * 1000) / limit)

interface Event {
  readonly at: number
  readonly tenths: number
}

/** The meaning of a rate, by its word: whether every stretch of time that ends now still holds with this draw in it. */
function fits({ limit, seconds, burst }: Rate, events: readonly Event[], at: number, tenths: number): boolean {
  let sum = BigInt(tenths)
  const holds = (from: number): boolean =>
    sum * BigInt(seconds) * 100n <= BigInt(burst) * BigInt(seconds) * 1000n + BigInt(limit) * BigInt(at - from)
  if (!holds(at)) return false
  for (const event of [...events].reverse()) {
    sum += BigInt(event.tenths)
    if (!holds(event.at)) return false
  }
  return true
}

test('exactly that is allowed which keeps every stretch of time within the burst and the rate', () => {
  fc.assert(
    fc.property(rates, fc.array(asked, { maxLength: 60, size: 'max' }), (rate, requests) => {
      const events: Event[] = []
      let arrival = UNTOUCHED
      let at = NOW
      for (const request of requests) {
        at += pauseMs(rate, request)
        const drawing = draw(rate, arrival, request.tenths, at)
        assert.equal(drawing.allowed, request.tenths === 0 || fits(rate, events, at, request.tenths))
        if (drawing.allowed) events.push({ at, tenths: request.tenths })
        arrival = drawing.arrival
      }
    }),
    { numRuns: 3000 },
  )
})

test('what a draw says is true: what is left can be drawn, the wait is over on its millisecond, and the reset too', () => {
  fc.assert(
    fc.property(rates, fc.array(asked, { minLength: 1, maxLength: 20, size: 'max' }), (rate, requests) => {
      let arrival = UNTOUCHED
      let at = NOW
      for (const request of requests) {
        at += pauseMs(rate, request)
        const drawing = draw(rate, arrival, request.tenths, at)
        arrival = drawing.arrival
        assert.ok(draw(rate, arrival, drawing.leftTenths, at).allowed)
        assert.ok(!draw(rate, arrival, drawing.leftTenths + 1, at).allowed)
        assert.equal(isIdle(arrival, at + drawing.resetMs), true)
        if (drawing.resetMs > 0) assert.equal(isIdle(arrival, at + drawing.resetMs - 1), false)
        if (drawing.allowed) assert.equal(drawing.waitMs, 0)
        else if (Number.isFinite(drawing.waitMs)) {
          assert.ok(draw(rate, arrival, request.tenths, at + drawing.waitMs).allowed)
          assert.ok(!draw(rate, arrival, request.tenths, at + drawing.waitMs - 1).allowed)
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('clocks that jump back neither give more in true time nor lock out for longer than the burst takes to come back', () => {
  const jumps = fc.array(fc.record({ asked, back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(100_000_000)) }), {
    maxLength: 40,
    size: 'max',
  })
  fc.assert(
    fc.property(rates, jumps, (rate, requests) => {
      const events: Event[] = []
      let arrival = UNTOUCHED
      let at = NOW
      let behind = 0
      for (const { asked: request, back } of requests) {
        at += pauseMs(rate, request)
        behind += back
        const clock = at - behind
        const drawing = draw(rate, arrival, request.tenths, clock)
        if (drawing.allowed && request.tenths > 0) {
          assert.ok(fits(rate, events, at, request.tenths))
          events.push({ at, tenths: request.tenths })
        }
        arrival = drawing.arrival
        const horizonMs = Math.ceil((rate.burst * rate.seconds * 1000) / rate.limit)
        assert.ok(drawing.resetMs <= horizonMs)
        assert.ok(draw(rate, arrival, rate.burst * UNIT, clock + horizonMs).allowed)
      }
    }),
    { numRuns: 2000 },
  )
})

test('what is given back is as if it had never been drawn', () => {
  fc.assert(
    fc.property(rates, fc.array(asked, { minLength: 2, maxLength: 20, size: 'max' }), (rate, requests) => {
      const price = requests[0]?.tenths ?? 0
      const first = draw(rate, UNTOUCHED, price, NOW)
      fc.pre(first.allowed)
      let [withIt, without] = [first.arrival, UNTOUCHED]
      let at = NOW
      for (const request of requests.slice(1)) {
        at += pauseMs(rate, request)
        const one = draw(rate, withIt, request.tenths, at)
        withIt = one.arrival
        // The other one follows what was allowed, so that both have the same history but for the first draw.
        if (one.allowed) without = draw(rate, without, request.tenths, at).arrival
        const back = draw(rate, giveBack(rate, withIt, price, at), 0, at).leftTenths
        const never = draw(rate, without, 0, at).leftTenths
        // Time that passed while only the first draw was owed has been used by it.
        assert.ok(back >= never)
        if (isIdle(without, at)) assert.equal(back, rate.burst * UNIT)
      }
    }),
    { numRuns: 2000 },
  )
})
