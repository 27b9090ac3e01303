// The cache of verified tokens: always bounded, never wrong.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createTokenBudget, createTokenCache } from '../src/token_cache.ts'

const command = fc.record({
  kind: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'clear'),
  token: fc.integer({ min: 0, max: 30 }),
  bytes: fc.integer({ min: 1, max: 60 }),
})

test('whatever is put in and taken out, count and bytes stay within their bounds and an entry belongs to its token', () => {
  const bounds = fc.record({ maxTokens: fc.integer({ min: 0, max: 12 }), maxBytes: fc.integer({ min: 0, max: 200 }) })
  fc.assert(
    fc.property(bounds, fc.array(command, { maxLength: 200 }), (limits, commands) => {
      const cache = createTokenCache<{ token: string; version: number }>(limits)
      const latest = new Map<string, number>()
      for (const [version, { kind, token: number, bytes }] of commands.entries()) {
        const token = `t${number}`
        if (kind === 'set') {
          cache.set(token, { token, version }, bytes)
          latest.set(token, version)
        } else if (kind === 'delete') {
          cache.delete(token)
          latest.delete(token)
        } else if (kind === 'clear') {
          cache.clear()
          latest.clear()
        } else {
          const found = cache.get(token)
          if (found !== undefined) assert.deepEqual(found, { token, version: latest.get(token) })
        }
        assert.ok(cache.size <= limits.maxTokens, `${cache.size} tokens`)
        assert.ok(cache.bytes <= limits.maxBytes, `${cache.bytes} bytes`)
      }
      for (const token of latest.keys()) cache.delete(token)
      assert.deepEqual([cache.size, cache.bytes], [0, 0])
    }),
    { numRuns: 500 },
  )
})

test('a token in use survives any number of others used once', () => {
  const cache = createTokenCache<string>({ maxTokens: 10, maxBytes: 1000 })
  cache.set('mine', 'entry', 1)
  for (let other = 0; other < 1000; other++) {
    cache.set(`other-${other}`, 'entry', 1)
    assert.equal(cache.get('mine'), 'entry')
  }
  assert.equal(cache.get('other-0'), undefined)
})

test('an entry heavier than half the cache is not kept', () => {
  const cache = createTokenCache<string>({ maxTokens: 10, maxBytes: 100 })
  cache.set('heavy', 'entry', 51)
  assert.equal(cache.get('heavy'), undefined)
})

const shared = fc.record({
  cache: fc.integer({ min: 0, max: 3 }),
  token: fc.integer({ min: 0, max: 20 }),
  bytes: fc.integer({ min: 1, max: 60 }),
  isAsked: fc.boolean(),
})

test('caches with one budget stay within it together, and each knows its own tokens only', () => {
  const bounds = fc.record({ maxTokens: fc.integer({ min: 2, max: 12 }), maxBytes: fc.integer({ min: 120, max: 300 }) })
  fc.assert(
    fc.property(bounds, fc.array(shared, { maxLength: 200 }), (limits, steps) => {
      const budget = createTokenBudget(limits)
      const caches = Array.from({ length: 4 }, () => createTokenCache<string>({ maxTokens: 8, maxBytes: 200 }, budget))
      for (const { cache: which, token: number, bytes, isAsked } of steps) {
        const cache = caches[which]
        assert.ok(cache)
        const token = `t${number}`
        if (isAsked) assert.ok([undefined, `${which} ${token}`].includes(cache.get(token)))
        else {
          cache.set(token, `${which} ${token}`, bytes)
          assert.equal(cache.get(token), `${which} ${token}`)
        }
        const sum = (of: (one: (typeof caches)[number]) => number): number => caches.reduce((before, one) => before + of(one), 0)
        assert.ok(sum(({ size }) => size) <= limits.maxTokens, `${sum(({ size }) => size)} of ${limits.maxTokens} tokens`)
        assert.ok(sum((one) => one.bytes) <= limits.maxBytes, `${sum((one) => one.bytes)} of ${limits.maxBytes} bytes`)
      }
    }),
    { numRuns: 500 },
  )
})

test('a token in use survives any number of others in caches beside its own', () => {
  const budget = createTokenBudget({ maxTokens: 10, maxBytes: 1000 })
  const [mine, other] = [createTokenCache<string>(WIDE, budget), createTokenCache<string>(WIDE, budget)]
  mine.set('mine', 'entry', 1)
  for (let n = 0; n < 1000; n++) {
    other.set(`other-${n}`, 'entry', 1)
    assert.equal(mine.get('mine'), 'entry')
  }
  assert.ok(other.size < 10)
})

const WIDE = { maxTokens: 10_000, maxBytes: 100_000 }
