// The RateLimit fields: what is written is read back, and nothing hostile is believed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readRateLimits, writeRateLimits } from '../../src/oauth/rate_limit.ts'

const whole = fc.integer({ min: 0, max: 10 ** 12 })
const limit = fc.record({
  name: fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/),
  quota: whole,
  window: whole,
  remaining: whole,
  reset: whole,
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.uniqueArray(limit, { selector: (one) => one.name, maxLength: 5 }), (limits) => {
      const fields = writeRateLimits(limits)
      assert.deepEqual(
        readRateLimits(fields['ratelimit-policy'], fields['ratelimit']),
        limits.map((one) => ({ ...one })),
      )
    }),
  )
})

test('the fields have the form of draft 11', () => {
  assert.deepEqual(writeRateLimits([{ name: 'tokens', quota: 1000, window: 2_592_000, remaining: 999, reset: 60 }]), {
    'ratelimit-policy': '"tokens";q=1000;w=2592000',
    ratelimit: '"tokens";r=999;t=60',
  })
  assert.deepEqual(writeRateLimits([]), {})
})

test('parameters of others are passed over, and a policy named by one field only is left out', () => {
  const policy = '"burst";q=5;w=1;qu="requests", "tokens";q=10; w=60;pk=:Y2xpZW50:'
  assert.deepEqual(readRateLimits(policy, '"tokens";r=3;t=30, "other";r=1;t=1'), [
    { name: 'tokens', quota: 10, window: 60, remaining: 3, reset: 30 },
  ])
})

test('whatever the fields hold, reading them throws nothing and believes no half', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (policy, left) => {
      for (const one of readRateLimits(policy, left)) assert.ok(Number.isSafeInteger(one.quota) && Number.isSafeInteger(one.remaining))
    }),
  )
  assert.deepEqual(readRateLimits('"tokens";q=10;w=60', '"tokens";r=-1;t=30'), [])
  assert.deepEqual(readRateLimits(undefined, undefined), [])
})
