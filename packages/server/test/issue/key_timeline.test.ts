// Which key signs when, and which step of a rotation is due: decided by times alone, so that thousands of years can be walked through.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MOST_KEYS, rotationSteps, standingOf } from '../../src/issue/keys/rotation.ts'
import { signingKeyAt, standingAt, stateAt } from '../../src/issue/keys/timeline.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../../src/model/realm.ts'
import type { SigningKey } from '../../src/model/signing_key.ts'
import { DAY, key, realm, turned } from './keys.ts'

const signs = (keys: readonly SigningKey[], now: number): string | undefined => signingKeyAt(keys, 'ES256', now)?.kid

test('the newest active key of the algorithm signs, and no retired one', () => {
  const keys = [key('old', 100), key('next', 200), key('other', 150, { algorithm: 'RS256' }), key('gone', 180, { retiredAt: 190 })]
  assert.deepEqual(
    [100, 179, 180, 189, 190, 199, 200, 9999].map((now) => signs(keys, now)),
    ['old', 'old', 'gone', 'gone', 'old', 'old', 'next', 'next'],
  )
  assert.equal(signs([key('retired', 100, { retiredAt: 150 })], 150), undefined)
  assert.equal(signs([], 100), undefined)
})

test('a key that is not active yet signs only when there is no other', () => {
  const keys = [key('first', 200), key('second', 300)]
  assert.equal(signs(keys, 100), 'first')
  assert.equal(signs([key('gone', 50, { retiredAt: 90 }), ...keys], 100), 'first')
})

test('a key of which another process says that it retires in a moment signs until then', () => {
  assert.equal(signs([key('a', 100, { retiredAt: 151 }), key('b', 151)], 150), 'a')
})

test('every key has one state, and at most one of them signs', () => {
  const keys = [
    key('retired', 100, { retiredAt: 200 }),
    key('old', 150),
    key('now', 200),
    key('next', 300),
    key('other', 200, { algorithm: 'RS256' }),
  ]
  assert.deepEqual(
    keys.map((one) => stateAt(one, keys, 'ES256', 250)),
    ['retired', 'superseded', 'signing', 'published', 'superseded'],
  )
})

test('what stands between two turns is the same at each moment between them', () => {
  const time = fc.integer({ min: 0, max: 50 })
  const keys = fc.array(
    fc.record({ activeAt: time, createdAt: time, retiredAt: fc.option(time) }).map((times) => key(JSON.stringify(times), 0, times)),
    { maxLength: 5 },
  )
  fc.assert(
    fc.property(keys, time, time, (some, now, then) => {
      const { from, until } = standingAt(some, now)
      assert.ok(from <= now && now < until)
      if (from <= then && then < until) assert.equal(signs(some, then), signs(some, now))
    }),
  )
})

test('a successor is published ahead, signs on schedule, and the key before it is retired and removed', () => {
  const of = realm(30 * DAY, DAY)
  let keys = [key('first', 0)]
  const steps = (now: number) => rotationSteps(keys, of, now)
  assert.deepEqual(steps(29 * DAY - 1), [])
  assert.deepEqual(steps(29 * DAY), [{ kind: 'publish', predecessor: 'first', notBefore: 30 * DAY }])
  keys = turned(keys, of, 29 * DAY)
  const next = keys[1]
  assert.equal(next?.activeAt, 30 * DAY)
  assert.deepEqual(steps(30 * DAY - 1), [])
  assert.deepEqual(steps(30 * DAY), [{ kind: 'retire', kid: 'first' }])
  keys = turned(keys, of, 30 * DAY)
  const kept = 30 * DAY + MAX_ACCESS_TOKEN_LIFETIME
  assert.ok(!steps(kept).some((step) => step.kind === 'remove'))
  assert.ok(steps(kept + DAY).some((step) => step.kind === 'remove' && step.kid === 'first'))
})

test('after a year without a server the overdue key signs until its successor was published long enough', () => {
  const of = realm(30 * DAY, DAY)
  const year = 365 * DAY
  const keys = turned([key('overdue', 0)], of, year)
  assert.equal(keys[1]?.activeAt, year + DAY)
  assert.deepEqual([signs(keys, year), signs(keys, year + DAY - 1)], ['overdue', 'overdue'])
  assert.equal(signs(keys, year + DAY), keys[1]?.kid)
})

test('without a schedule no key is made, and those that a command replaced are retired all the same', () => {
  const keys = [key('old', 0), key('new', 10 * DAY)]
  assert.deepEqual(rotationSteps(keys, realm(null, DAY), 400 * DAY), [{ kind: 'retire', kid: 'old' }])
})

test('keys of an algorithm that is no longer wanted are retired when the new one has been known long enough', () => {
  const of = realm(null, DAY)
  const keys = [key('rsa', 0, { algorithm: 'RS256' }), key('ec', 10 * DAY)]
  assert.deepEqual(rotationSteps(keys, of, 11 * DAY - 1), [])
  assert.deepEqual(rotationSteps(keys, of, 11 * DAY), [{ kind: 'retire', kid: 'rsa' }])
})

test('a realm without a key that signs has nothing due', () => {
  assert.deepEqual(rotationSteps([], realm(30 * DAY, DAY), 0), [])
  assert.deepEqual(rotationSteps([key('rsa', 0, { algorithm: 'RS256' })], realm(30 * DAY, DAY), 99 * DAY), [])
})

test('a clock that is set back makes no second successor', () => {
  const of = realm(30 * DAY, DAY)
  let keys = turned([key('first', 0)], of, 90 * DAY)
  for (const now of [10 * DAY, 29 * DAY, 29 * DAY + 1, 60 * DAY]) keys = turned(keys, of, now)
  assert.equal(keys.length, 2)
})

test('whatever the schedule and whenever the server runs, no token loses its key and none is signed by a key unknown to a fair cache', () => {
  const gap = fc.oneof(
    fc.integer({ min: 1, max: 7200 }),
    fc.integer({ min: 1, max: 3 * DAY }),
    fc.integer({ min: 20 * DAY, max: 90 * DAY }),
  )
  // By how much the clock of the process that takes the turn is off.
  const skew = fc.integer({ min: -1800, max: 1800 })
  const schedule = fc.record({ every: fc.integer({ min: 2 * DAY, max: 60 * DAY }), publishAhead: fc.integer({ min: 7200, max: DAY }) })
  fc.assert(
    fc.property(schedule, fc.array(fc.tuple(gap, skew), { minLength: 40, maxLength: 120 }), ({ every, publishAhead }, turns) => {
      const of = realm(every, publishAhead)
      let now = 1_000_000
      let keys = [key('first', now)]
      const lastSigned = new Map<string, number>()
      for (const [waited, off] of turns) {
        now += waited
        keys = turned(keys, of, now + off)
        const signing = signingKeyAt(keys, 'ES256', now)
        assert.ok(signing, 'a key signs')
        if (!lastSigned.has(signing.kid) && signing.kid !== 'first')
          assert.ok(now - (signing.createdAt - 1800) >= publishAhead, 'published ahead')
        lastSigned.set(signing.kid, now)
        for (const [kid, at] of lastSigned)
          if (now <= at + MAX_ACCESS_TOKEN_LIFETIME)
            assert.ok(
              keys.some((one) => one.kid === kid),
              'still published',
            )
        assert.ok(keys.length <= MOST_KEYS)
      }
    }),
    { numRuns: 500 },
  )
})

test('a schedule that is far too eager stops at the most keys that verifiers take', () => {
  const of = realm(3600, 60)
  let keys = [key('first', 0)]
  for (let now = 0; now < 20 * DAY; now += 1800) keys = turned(keys, of, now)
  assert.equal(keys.length, MOST_KEYS)
  assert.ok(signs(keys, 20 * DAY))
})

test('while a standing lasts nothing is due, whatever keys there are', () => {
  const times = fc.record({ activeAt: fc.nat(90), retires: fc.option(fc.integer({ min: -60, max: 60 })), rsa: fc.boolean() })
  const property = fc.property(
    fc.array(times, { maxLength: 4 }),
    fc.option(fc.integer({ min: 2, max: 40 })),
    fc.nat(120),
    fc.nat(50),
    (drawn, every, day, later) => {
      const of = realm(every === null ? null : every * DAY, DAY)
      const keys = drawn.map(({ activeAt, retires, rsa }, n) =>
        key(`k${n}`, activeAt * DAY, {
          retiredAt: retires === null ? null : (activeAt + retires) * DAY,
          ...(rsa && { algorithm: 'RS256' as const }),
        }),
      )
      const now = day * DAY + 7
      fc.pre(rotationSteps(keys, of, now).length === 0)
      const { from, until } = standingOf(keys, of, now)
      const at = [from, until - 1, now - later * DAY, now + later * DAY].filter((one) => Number.isFinite(one) && from <= one && one < until)
      for (const one of at) assert.deepEqual(rotationSteps(keys, of, one), [])
    },
  )
  fc.assert(property, { numRuns: 2000 })
})
