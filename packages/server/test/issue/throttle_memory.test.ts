// What the throttles remember: never more than so much, and nothing that a flood of invented names could wash away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Arrival } from '@countersign/protocol/oauth/sliding_rate'
import fc from 'fast-check'
import { createBucketTable } from '../../src/issue/bucket_table.ts'
import { createFamiliarAddresses } from '../../src/issue/familiar_addresses.ts'
import { networkOf } from '../../src/issue/network.ts'
import { createThrottle } from '../../src/issue/throttle.ts'

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

const NOW = Date.UTC(2026, 10, 21)
const CAPACITY = 1000
const address = (index: number): string => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`

test('a million invented names take no more than the capacity, and wash no bucket clean', () => {
  const table = createBucketTable(CAPACITY)
  const loaded: Arrival = { ms: NOW + 200_000, parts: 0 }
  table.keep('mine', loaded, NOW)
  for (let index = 0; index < 1_000_000; index++) {
    // Each owes a little; the clock goes on, so that some are full again.
    const nowMs = NOW + Math.floor(index / 20)
    table.keep(`name ${index}`, { ms: nowMs + 1000 + (index % 7), parts: 0 }, nowMs)
    if (table.size() > CAPACITY || table.arrival('mine') !== loaded) assert.fail(`at name ${index}`)
  }
})

test('invented users and clients at invented addresses take no more than the capacity of each kind, and free nobody of his wait', () => {
  const throttle = createThrottle({ nowMs: () => NOW, capacity: CAPACITY })
  times(10, () => throttle.attempt('shop', 'ada', '192.0.2.1'))
  times(5, () => throttle.secretFailed('shop', 'a', 'x', '192.0.2.1'))
  for (let index = 0; index < 50_000; index++) {
    throttle.attempt('shop', `name ${index}`, address(index))
    throttle.secretFailed('shop', `client ${index}`, `${index}`, address(index))
    if (index % 500 !== 0) continue
    assert.ok(throttle.entries() <= 6 * CAPACITY)
    assert.equal(throttle.attempt('shop', 'ada', '192.0.2.1').admitted, false)
    assert.ok(throttle.secretFailed('shop', 'a', 'x', '192.0.2.1') > 0)
  }
  assert.equal(throttle.entries(), 6 * CAPACITY)
})

test('what is full is forgotten first, and at once', () => {
  const table = createBucketTable(4)
  const until = (ms: number): Arrival => ({ ms, parts: 0 })
  for (const [key, ms] of [
    ['a', 100],
    ['b', 5],
    ['c', 200],
    ['d', 300],
  ] as const)
    table.keep(key, until(ms), 0)
  table.keep('e', until(50), 10)
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((key) => table.arrival(key).ms),
    [100, 0, 200, 300, 50],
  )
  table.keep('a', until(10), 10)
  assert.equal(table.size(), 3)
})

test('of those that are not full the one that owes least goes first', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 60, size: 'max' }), (owed) => {
      const table = createBucketTable(5)
      table.keep('loaded', { ms: 1001, parts: 0 }, 0)
      for (const [index, ms] of owed.entries()) table.keep(`${index}`, { ms, parts: 0 }, 0)
      assert.equal(table.arrival('loaded').ms, 1001)
      assert.equal(table.size(), Math.min(5, owed.length + 1))
    }),
  )
})

test('of a user the last eight addresses are known, and of all users those who signed in last', () => {
  const familiar = createFamiliarAddresses(3)
  for (let index = 0; index < 10; index++) familiar.add('ada', address(index), index)
  assert.deepEqual(
    times(10, (index) => familiar.has('ada', address(index), 10)),
    times(10, (index) => index >= 2),
  )
  for (const user of ['bob', 'eve']) familiar.add(user, address(1), 11)
  familiar.add('ada', address(9), 12)
  familiar.add('dan', address(1), 13)
  assert.deepEqual([familiar.size(), familiar.has('bob', address(1), 14), familiar.has('ada', address(9), 14)], [3, false, true])
})

test('an address stands for the network that one caller owns', () => {
  const rows = [
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:0:0:0:1', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ] as const
  for (const [written, network] of rows) assert.equal(networkOf(written), network, written)
})
