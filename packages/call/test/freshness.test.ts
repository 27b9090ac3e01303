// Margins and back-off as arithmetic, for every lifetime and every moment.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Rejection } from '../src/back_off.ts'
import { backOff, nextRejection } from '../src/back_off.ts'
import { ageAt, freshnessOf, freshnessOfSame } from '../src/freshness.ts'

/** As the client goes on with it. */
function rejectionLimit(): (at: number, lifetimeMs: number) => boolean {
  let last: Rejection | undefined
  return (at, lifetimeMs) => {
    const next = nextRejection(last, at, lifetimeMs)
    last = next ?? last
    return next !== undefined
  }
}

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const startedAt = fc.double({ min: 0, max: 1e12, noNaN: true })

test('margins are shares of the lifetime, whatever it is', () => {
  fc.assert(
    fc.property(startedAt, fc.integer({ min: 1, max: 31_536_000 }), random, (start, lifetime, chance) => {
      const { renewAt, waitAt, endsAt } = freshnessOf(start, lifetime, chance)
      const share = (at: number): number => (at - start) / (lifetime * 1000)
      assert.ok(share(renewAt) >= 0.749 && share(renewAt) <= 0.851, `renewal at ${share(renewAt)}`)
      assert.ok(Math.abs(share(waitAt) - 0.95) < 0.001)
      assert.ok(Math.abs(share(endsAt) - 1) < 0.001)
    }),
  )
})

test('a token only ever grows older, and never outlives its lifetime', () => {
  const order = ['fresh', 'aging', 'old', 'ended']
  fc.assert(
    fc.property(startedAt, fc.double({ min: 0, max: 1e300, noNaN: true }), random, random, random, (start, lifetime, chance, a, b) => {
      const freshness = freshnessOf(start, lifetime, chance)
      const [early, late] = [Math.min(a, b), Math.max(a, b)].map((share) => start + share * lifetime * 1000)
      assert.ok(order.indexOf(ageAt(freshness, early ?? 0)) <= order.indexOf(ageAt(freshness, late ?? 0)))
      assert.equal(ageAt(freshness, start + lifetime * 1000 + 1), 'ended')
    }),
  )
})

test('a token without a lifetime has ended', () => {
  for (const lifetime of [0, -5]) assert.equal(ageAt(freshnessOf(1000, lifetime, 0.5), 1000), 'ended')
})

test('back-off doubles to its limit and stays within a quarter of it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), random, (failures, chance) => {
      const wait = backOff(failures, { firstMs: 500, mostMs: 60_000 }, chance)
      const centre = Math.min(500 * 2 ** (failures - 1), 60_000)
      assert.ok(wait >= centre * 0.75 && wait <= centre * 1.25)
    }),
  )
})

test('an API that refuses every token gets few new ones, however often it is called', () => {
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 7200 }), fc.integer({ min: 50, max: 5000 }), (lifetime, everyMs) => {
      const permits = rejectionLimit()
      const span = lifetime * 10_000
      const step = Math.max(everyMs, span / 20_000)
      let spent = 0
      for (let at = 0; at < span; at += step) if (permits(at, lifetime * 1000)) spent++
      assert.ok(spent <= Math.log2(lifetime) + 3 + 10, `${spent} tokens in ten lifetimes of ${lifetime} s`)
    }),
    { numRuns: 30 },
  )
})

test('after two quiet lifetimes a refusal is believed at once again', () => {
  const permits = rejectionLimit()
  assert.equal(permits(0, 300_000), true)
  assert.equal(permits(500, 300_000), false)
  assert.equal(permits(1000, 300_000), true)
  assert.equal(permits(2500, 300_000), false)
  assert.equal(permits(700_000, 300_000), true)
  assert.equal(permits(701_000, 300_000), true)
})

test('a clock that is set back does not keep the client from believing a refusal', () => {
  const permits = rejectionLimit()
  assert.equal(permits(1_800_000_000_000, 300_000), true)
  assert.equal(permits(1_800_000_000_500, 300_000), false)
  assert.equal(permits(1_799_990_000_000, 300_000), true)
})

test('a token handed out again is asked for anew only near its end, however little is left of it', () => {
  fc.assert(
    fc.property(
      startedAt,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 31_536_000 }),
      random,
      (start, left, whole, chance) => {
        const { renewAt, waitAt, endsAt } = freshnessOfSame(start, left * whole, whole, chance)
        const wholeMs = whole * 1000
        assert.ok(renewAt === waitAt && waitAt >= start && waitAt <= endsAt)
        assert.ok(endsAt - waitAt <= wholeMs * 0.05 + 0.001, 'at most the hard margin before the end')
        assert.ok(waitAt === endsAt || endsAt - waitAt >= wholeMs * 0.025 - 0.001, 'spread over half of that margin')
      },
    ),
  )
})
