// Lists of addresses, and API keys that may be used from some only: every spelling of one address is that address, and nothing else is.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { createAddressList } from '../src/address.ts'
import type { ApiKeyRecord } from '../src/ports.ts'
import { atOnce, bearer, denied, get, guardWith, mint } from './realm.ts'

const OFFICE = ['203.0.113.7', '198.51.100.0/24', '2001:db8:1::/48', '::ffff:192.0.2.0/120']

test('an address on the list is found however it is written', () => {
  const list = createAddressList(OFFICE)
  const on = [
    '203.0.113.7',
    '::ffff:203.0.113.7',
    '::FFFF:cb00:7107',
    '0:0:0:0:0:ffff:203.0.113.7',
    '198.51.100.0',
    '198.51.100.255',
    '2001:db8:1::1',
    '2001:DB8:1:FFFF::',
    '2001:db8:1::1%eth0',
    '192.0.2.200',
  ]
  for (const address of on) assert.equal(list.has(address), true, address)
})

test('any other address, and what is no address, is not', () => {
  const list = createAddressList(OFFICE)
  const off = [
    '203.0.113.8',
    '198.51.101.0',
    '2001:db8:2::1',
    '::203.0.113.7',
    '192.0.3.1',
    '::1',
    '',
    'unknown',
    '203.0.113.7, 10.0.0.1',
    '203.0.113.07',
  ]
  for (const address of off) assert.equal(list.has(address), false, address)
  assert.equal(createAddressList([]).has('203.0.113.7'), false)
})

test('a block has exactly the addresses that begin like it', () => {
  const address = fc.nat(0xff_ff_ff_ff)
  const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
  fc.assert(
    fc.property(address, address, fc.integer({ min: 0, max: 32 }), fc.nat(31), (base, other, prefix, bit) => {
      const list = createAddressList([`${dotted(base)}/${prefix}`])
      const same = (one: number): boolean => prefix === 0 || (one ^ base) >>> (32 - prefix) === 0
      for (const one of [base, other, (base ^ (1 << bit)) >>> 0]) {
        assert.equal(list.has(dotted(one)), same(one))
        assert.equal(list.has(`::ffff:${dotted(one)}`), same(one))
      }
    }),
  )
})

test('an entry that is neither address nor block is refused by name', () => {
  for (const entry of [
    '',
    'office',
    '203.0.113',
    '203.0.113.0/33',
    '203.0.113.0/',
    '203.0.113.0/-1',
    '2001:db8::/129',
    '::ffff:192.0.2.0/95',
    '203.0.113.0/024',
    ' 203.0.113.7',
  ]) {
    assert.throws(
      () => createAddressList([entry]),
      (error) => error instanceof TypeError && error.message.includes(JSON.stringify(entry)),
      entry,
    )
  }
})

const KEY: ApiKeyRecord = { id: 'key-1', clientId: 'client-1', expiresAt: null, addresses: OFFICE }

function check(record: ApiKeyRecord, address: string | undefined, more: Record<string, string> = {}) {
  const guard = guardWith({ apiKey: 'required', apiKeys: { find: () => record } })
  return atOnce(guard.check({ ...get({ ...bearer(mint()), 'x-api-key': 'right', ...more }), address }))
}

test('a key with an address list passes from there alone, and from nowhere where the address is not known', () => {
  assert.equal(check(KEY, '203.0.113.7').allow, true)
  assert.equal(check(KEY, '::ffff:198.51.100.9').allow, true)
  for (const address of ['203.0.113.8', undefined, '']) {
    const deny = denied(check(KEY, address))
    assert.deepEqual([deny.status, deny.code, deny.headers['www-authenticate']], [403, 'address_not_allowed', undefined])
  }
  assert.equal(check({ ...KEY, addresses: [] }, undefined).allow, true)
})

test('an address that the caller writes into a header is nobody', () => {
  const forged = { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7', 'x-real-ip': '203.0.113.7' }
  assert.equal(denied(check(KEY, '192.168.0.1', forged)).code, 'address_not_allowed')
  assert.equal(denied(check(KEY, undefined, forged)).code, 'address_not_allowed')
})

test("of another client's key not even the address list is learned", () => {
  assert.equal(denied(check({ ...KEY, clientId: 'client-2' }, '192.168.0.1')).code, 'client_mismatch')
})

test('a list that cannot be read lets nobody in, and the operator is told', () => {
  const told: unknown[] = []
  const apiKeys = { find: () => ({ ...KEY, addresses: ['everywhere'] }) }
  const guard = guardWith({ apiKey: 'required', apiKeys, onMalfunction: (error) => told.push(error) })
  const deny = denied(atOnce(guard.check({ ...get({ ...bearer(mint()), 'x-api-key': 'right' }), address: '203.0.113.7' })))
  assert.deepEqual([deny.code, told.length], ['cannot_verify', 1])
})
