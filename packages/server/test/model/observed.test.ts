// What became of requests, summed up: every answer is in exactly one line, whatever the order, and what is put back is not lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Observation } from '../../src/model/metering.ts'
import { createObservedSums, observedOf } from '../../src/model/observed.ts'

const observation = fc.record({
  key: fc.record({
    realmId: fc.constantFrom('a', 'b'),
    clientId: fc.constantFrom('app', 'other'),
    apiKeyId: fc.constantFrom('', 'key'),
    apiId: fc.constant('orders'),
    route: fc.constantFrom('otherwise', 'GET /orders'),
  }),
  at: fc.integer({ min: 3600, max: 3 * 3600 }),
  status: fc.constantFrom(0, 101, 200, 302, 404, 503),
  bytesIn: fc.nat(1000),
  bytesOut: fc.nat(1000),
  milliseconds: fc.nat(500),
})

const sorted = (observations: readonly Observation[]): string[] =>
  observedOf(observations)
    .map((line) => JSON.stringify(line))
    .sort()

const total = (lines: ReturnType<typeof observedOf>): readonly number[] => [
  lines.reduce((sum, { answers }) => sum + Object.values(answers).reduce((a, b) => a + b, 0), 0),
  lines.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
  lines.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
  lines.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
]

test('the lines hold every answer and byte once, in whatever order they come', () => {
  fc.assert(
    fc.property(fc.array(observation), (all) => {
      const lines = observedOf(all)
      assert.deepEqual(total(lines), [
        all.length,
        all.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
        all.reduce((sum, { bytesOut }) => sum + bytesOut, 0),
        all.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
      ])
      assert.deepEqual(sorted(all.toReversed()), sorted(all))
      const names = lines.map(({ key, hour }) => JSON.stringify([key, hour]))
      assert.equal(new Set(names).size, names.length, 'one line an hour and key')
    }),
  )
})

test('what could not be written is added to what came meanwhile', () => {
  fc.assert(
    fc.property(fc.array(observation), fc.array(observation), (before, after) => {
      const sums = createObservedSums()
      for (const one of before) sums.add(one)
      const taken = sums.take()
      for (const one of after) sums.add(one)
      sums.putBack(taken)
      assert.deepEqual(total(sums.take()), total(observedOf([...before, ...after])))
      assert.deepEqual(sums.take(), [])
    }),
  )
})
