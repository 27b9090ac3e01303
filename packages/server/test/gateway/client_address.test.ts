// Whose address counts behind proxies: what a trusted one wrote, and nothing that a stranger did. RFC 7239.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createClientAddress } from '../../src/server/client_address.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import type { Gate } from './gate.ts'
import { startGate } from './gate.ts'
import { seen } from './shop.ts'

const TRUSTED = ['10.0.0.0/8', '192.0.2.1', '2001:db8:f::/48']
const { callerOf, isTrusted } = createClientAddress(TRUSTED)

function from(peer: string, headers: Record<string, string> = {}, read = callerOf): string {
  return read({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage).address
}
const via = (listed: string, peer = '10.0.0.1'): string => from(peer, { 'x-forwarded-for': listed })
const forwarded = (field: string): string => from('10.0.0.1', { forwarded: field })

test('without trusted proxies nobody is believed', () => {
  const nobody = createClientAddress([]).callerOf
  for (const peer of ['203.0.113.7', '127.0.0.1', '2001:db8::1']) {
    assert.equal(from(peer, { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6' }, nobody), peer)
  }
})

test('who is no trusted proxy is believed nothing', () => {
  assert.equal(via('6.6.6.6', '203.0.113.7'), '203.0.113.7')
  assert.equal(via('6.6.6.6', '11.0.0.1'), '11.0.0.1')
})

test('a trusted proxy is believed about whom it had the request from, and that one about nobody if it is not trusted', () => {
  assert.equal(via('203.0.113.7'), '203.0.113.7')
  assert.equal(via('6.6.6.6, 203.0.113.7'), '203.0.113.7')
  assert.equal(via('6.6.6.6, 203.0.113.7, 10.1.1.1, 192.0.2.1'), '203.0.113.7')
  assert.equal(via('6.6.6.6,203.0.113.7', '192.0.2.1'), '203.0.113.7')
  assert.equal(via('6.6.6.6, 2001:db8::7, 2001:db8:f::1', '2001:db8:f::2'), '2001:db8::7')
  assert.equal(via('10.0.0.3, 10.0.0.2'), '10.0.0.3')
})

test('an entry that is no address leaves it at the proxy that wrote it', () => {
  for (const entry of [
    'unknown',
    '',
    '_hidden',
    '1.2.3',
    '1.2.3.4.5',
    '999.1.1.1',
    'x',
    '1.2.3.4 5',
    '[::1',
    '::1]',
    'fe80::1%eth0',
    '01.2.3.4',
  ]) {
    assert.equal(via(`203.0.113.7, ${entry}`), '10.0.0.1', entry)
    assert.equal(via(`203.0.113.7, ${entry}, 10.9.9.9`), '10.9.9.9', entry)
  }
})

test('ports, brackets and IPv4 in the form of IPv6 are one address', () => {
  for (const entry of ['203.0.113.7', '203.0.113.7:4711', '::ffff:203.0.113.7', '::FFFF:cb00:7107', '[::ffff:203.0.113.7]:80']) {
    assert.equal(via(entry), '203.0.113.7', entry)
  }
  for (const entry of ['2001:db8::7', '[2001:DB8::7]', '[2001:db8:0:0::7]:443']) assert.equal(via(entry), '2001:db8::7', entry)
  assert.equal(from('::ffff:203.0.113.7'), '203.0.113.7')
  assert.equal(via('203.0.113.7', '::ffff:10.0.0.1'), '203.0.113.7')
})

test('Forwarded is read as well, quoted strings and all', () => {
  assert.equal(forwarded('for=203.0.113.7'), '203.0.113.7')
  assert.equal(forwarded('For="[2001:db8::7]:4711";proto=https;by=10.0.0.1'), '2001:db8::7')
  assert.equal(forwarded('for=6.6.6.6, proto=http; for=203.0.113.7;host="a,b;for=6.6.6.6", for=10.0.0.2'), '203.0.113.7')
  for (const field of [
    'for=unknown',
    'for=_x',
    'proto=https',
    'for=1.2.3.4;for=5.6.7.8',
    'for="1.2.3.4',
    'for="a\\"b"',
    '',
    'for = 1.2.3.4',
  ]) {
    assert.equal(forwarded(field), '10.0.0.1', field)
  }
})

test('where the two headers disagree, somebody else wrote one of them: neither is believed', () => {
  const both = (older: string, newer: string): string => from('10.0.0.1', { 'x-forwarded-for': older, forwarded: newer })
  assert.equal(both('203.0.113.7', 'for=203.0.113.7'), '203.0.113.7')
  assert.equal(both('6.6.6.6', 'for=203.0.113.7'), '10.0.0.1')
  assert.equal(both('203.0.113.7', 'for=6.6.6.6'), '10.0.0.1')
})

test('the scheme is the trusted proxy’s word, if it is one word', () => {
  const proto = (peer: string, said: string): string =>
    callerOf({ socket: { remoteAddress: peer }, headers: { 'x-forwarded-proto': said } } as unknown as IncomingMessage).proto
  assert.deepEqual(
    [
      proto('10.0.0.1', 'https'),
      proto('10.0.0.1', 'HTTPS'),
      proto('203.0.113.7', 'https'),
      proto('10.0.0.1', 'https, http'),
      proto('10.0.0.1', 'x'),
    ],
    ['https', 'https', 'http', 'http', 'http'],
  )
})

const anything = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('10.0.0.2', '192.0.2.1', 'unknown', ''), fc.string())

test('whatever a stranger writes to the left of his own address changes nothing', () => {
  fc.assert(
    fc.property(fc.array(anything), fc.ipV4(), fc.array(fc.constantFrom('10.0.0.2', '192.0.2.1')), (spoofed, stranger, proxies) => {
      fc.pre(!isTrusted(stranger))
      const honest = [stranger, ...proxies].join(', ')
      assert.equal(via([...spoofed, honest].join(', ')), stranger)
      const elements = [stranger, ...proxies].map((one) => `for=${one}`).join(', ')
      assert.equal(forwarded([...spoofed.map((one) => `for="${one.replaceAll(/["\\]/g, '')}"`), elements].join(', ')), stranger)
    }),
  )
})

test('the answer is an address that stands there, whose right-hand neighbours are all trusted', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.ipV4(), fc.constantFrom('10.0.0.2', 'unknown'))), (entries) => {
      const stranger = entries.findLastIndex((entry) => !isTrusted(entry))
      // None: all are ours, and the left-most is the first that had it.
      const found = stranger < 0 ? entries[0] : entries[stranger]
      const wrote = entries[stranger + 1] ?? '10.0.0.1'
      assert.equal(via(entries.join(', ')), found === undefined || found === 'unknown' ? wrote : found)
    }),
  )
})

let echo: Upstream
let behind: Gate
let alone: Gate
before(async () => {
  echo = await startEcho()
  behind = await startGate(echo.origin, {}, { trustedProxies: ['127.0.0.0/8'] })
  alone = await startGate(echo.origin)
})
after(async () => {
  assert.deepEqual([behind.reports, alone.reports], [[], []])
  await Promise.all([behind.close(), alone.close()])
  await echo.close()
})

test('the upstream hears of the address that was found, in both headers, and of no other', async () => {
  const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.7, 127.0.0.9', 'x-forwarded-proto': 'https', host: 'api.example' }
  const told = seen(await behind.call('/x', { headers }))
  assert.deepEqual(
    [told['x-forwarded-for'], told['x-forwarded-proto'], told['forwarded']],
    ['203.0.113.7', 'https', 'for=203.0.113.7;proto=https;host=api.example'],
  )
  const direct = seen(await alone.call('/x', { headers }))
  assert.deepEqual(
    [direct['x-forwarded-for'], direct['x-forwarded-proto'], direct['forwarded']],
    ['127.0.0.1', 'http', 'for=127.0.0.1;proto=http;host=api.example'],
  )
})
