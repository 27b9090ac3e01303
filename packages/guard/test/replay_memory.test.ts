// The memory of proofs: bounded, and never a proof twice while it can be accepted.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createReplayMemory, ReplayMemoryFull } from '../src/replay_memory.ts'
import { NOW } from './realm.ts'

const claim = fc.record({ name: fc.nat(6), wait: fc.constantFrom(0, 0, 0.4, 1, 9, 30, 71), lifetime: fc.integer({ min: 1, max: 80 }) })

test('no name passes twice before it expires, whatever the order, and each does afterwards at the latest 10 seconds later', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 60 }), (claims) => {
      let now = NOW
      const memory = createReplayMemory({ maxProofs: 1000, now: () => now })
      const ends = new Map<number, number>()
      for (const { name, wait, lifetime } of claims) {
        now += wait
        const end = ends.get(name) ?? Number.NEGATIVE_INFINITY
        const passed = memory.claim(String(name), Math.ceil(now) + lifetime)
        if (now < end) assert.equal(passed, false)
        if (now >= end + 10) assert.equal(passed, true)
        if (passed === true) ends.set(name, Math.ceil(now) + lifetime)
      }
    }),
    { numRuns: 300 },
  )
})

test('what is full says so instead of forgetting, and has room again when proofs have expired', () => {
  let now = NOW
  const memory = createReplayMemory({ maxProofs: 3, now: () => now })
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => memory.claim(name, NOW + 70)),
    [true, true, true],
  )
  assert.throws(() => memory.claim('d', NOW + 70), ReplayMemoryFull)
  assert.equal(memory.claim('a', NOW + 70), false, 'a proof that is known is refused all the same')
  now = NOW + 81
  assert.equal(memory.claim('d', now + 70), true)
})
