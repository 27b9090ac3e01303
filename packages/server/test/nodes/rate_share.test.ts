// The share of a rate that each of several nodes lets through: together never more than the whole and one request each, and no less.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { draw, UNTOUCHED } from '@countersign/protocol/oauth/sliding_rate'
import fc from 'fast-check'
import { shareOfCount, shareOfRate } from '../../src/issue/rate_share.ts'
import { createThrottle } from '../../src/issue/throttle.ts'

const rates = fc.record({
  limit: fc.integer({ min: 1, max: 5 }),
  seconds: fc.integer({ min: 1, max: 60 }),
  burst: fc.integer({ min: 1, max: 10 }),
})

test('whatever the rate and the prices, all nodes together let through the whole, and one request each beyond it at most', () => {
  fc.assert(
    fc.property(
      rates,
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 0, max: 2000 })), { minLength: 100, maxLength: 200 }),
      (rate, nodes, draws) => {
        const arrivals = Array.from({ length: nodes }, () => UNTOUCHED)
        let now = 1_000_000
        let passed = 0
        for (const [which, wait] of draws) {
          now += wait
          const node = which % nodes
          const drawing = draw(shareOfRate(rate, nodes, 10), arrivals[node] ?? UNTOUCHED, 10, now)
          arrivals[node] = drawing.arrival
          if (drawing.allowed) passed += 1
        }
        const whole = rate.burst + (rate.limit * (now - 1_000_000)) / (rate.seconds * 1000)
        assert.ok(passed <= whole + nodes, `${passed} of ${whole}`)
      },
    ),
    { numRuns: 300 },
  )
})

test('a request that costs as much as the whole burst passes any node some time', () => {
  const rate = { limit: 1, seconds: 1, burst: 5 }
  assert.equal(draw(shareOfRate(rate, 4, 50), UNTOUCHED, 50, 1000).allowed, true)
  assert.equal(draw(shareOfRate(rate, 4, 60), UNTOUCHED, 60, 1000).allowed, false)
})

test('one node has all of it, and of a number under way each has one at least', () => {
  const rate = { limit: 7, seconds: 3, burst: 9 }
  assert.equal(shareOfRate(rate, 1, 10), rate)
  assert.deepEqual([shareOfCount(10, 1), shareOfCount(10, 3), shareOfCount(2, 5)], [10, 3, 1])
})

test('a throttle follows the number of nodes: a debt keeps its time, so that nobody gets a second burst when nodes come and go', () => {
  let nodes = 3
  let nowMs = 1_000_000
  const throttle = createThrottle({ nowMs: () => nowMs, nodes: () => nodes })
  const rate = { limit: 6, seconds: 60, burst: 6 }
  const drawn = (): number => {
    let count = 0
    while (throttle.draw('shop/one', rate, 10).allowed) count += 1
    return count
  }
  assert.equal(drawn(), 2)
  nodes = 1
  assert.equal(drawn(), 0)
  nowMs += 60_000
  assert.equal(drawn(), 6)
  nodes = 3
  assert.equal(drawn(), 0)
})
