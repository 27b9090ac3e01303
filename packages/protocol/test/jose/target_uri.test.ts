// Which spellings name one URL, and which never may. RFC 3986 section 6.2.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalTargetUri } from '@countersign/protocol/jose/target_uri'
import fc from 'fast-check'

const SAME: readonly (readonly [string, string])[] = [
  ['HTTPS://API.Example/Orders', 'https://api.example/Orders'],
  ['https://api.example:443/orders', 'https://api.example/orders'],
  ['https://api.example:/orders', 'https://api.example/orders'],
  ['https://api.example:0443/orders', 'https://api.example/orders'],
  ['http://127.0.0.1:80/orders', 'http://127.0.0.1/orders'],
  ['https://api.example', 'https://api.example/'],
  ['https://api.example?page=2', 'https://api.example/'],
  ['https://api.example/orders?page=2#top', 'https://api.example/orders'],
  ['https://api.example/orders#top?page=2', 'https://api.example/orders'],
  ['https://api.example/%6frders/%7Eann', 'https://api.example/orders/~ann'],
  ['https://api.example/caf%c3%a9', 'https://api.example/caf%C3%A9'],
  ['https://api.example/a/./b/../orders', 'https://api.example/a/orders'],
  ['https://api.example/a/%2e%2E/orders', 'https://api.example/orders'],
  ['https://api.example/../orders/.', 'https://api.example/orders/'],
  ['https://[2001:DB8::1]:8443/x', 'https://[2001:db8::1]:8443/x'],
]

for (const [written, normal] of SAME) {
  test(`${written} is ${normal}`, () => assert.equal(normalTargetUri(written), normal))
}

test('what names another place stays another place', () => {
  const orders = normalTargetUri('https://api.example/orders')
  const others = [
    'http://api.example/orders',
    'https://api.example:8443/orders',
    'https://api.example:80/orders',
    'https://api.example./orders',
    'https://api.example.evil.example/orders',
    'https://api.example/Orders',
    'https://api.example/orders/',
    'https://api.example//orders',
    'https://api.example/orders%2F',
    'https://api.example/x%2f..%2forders',
    'https://api.example/x/%252e%252e/orders',
    'https://api.example/orders;v=1',
    'https://api.example/orders%3Fpage=2',
    'https://api.example/orders%00',
  ]
  for (const other of others) {
    assert.notEqual(normalTargetUri(other), undefined, other)
    assert.notEqual(normalTargetUri(other), orders, other)
  }
})

test('what is no plain http URL, or can be read in two ways, is none', () => {
  const none = [
    '',
    '/orders',
    '//api.example/orders',
    'ftp://api.example/orders',
    'https:/api.example/orders',
    'https:///orders',
    'https://:443/orders',
    'https://api.example@evil.example/orders',
    'https://evil.example\\@api.example/orders',
    'https://api.example\\orders',
    'https://api.example/orders\\..',
    'https://%61pi.example/orders',
    'https://api.example:44x/orders',
    'https://api.example:443000/orders',
    'https://api.example/%',
    'https://api.example/%zz',
    'https://api.example/or ders',
    ' https://api.example/orders',
    'https://api.example/orders\n',
    'https://api.example/or\tders',
    'https://api.exämple/orders',
    'https://api.example/ördern',
  ]
  for (const url of none) assert.equal(normalTargetUri(url), undefined, JSON.stringify(url))
})

test('a normal form is its own, and names the same place as the platform reads there', () => {
  const segment = fc.stringMatching(/^(?:[a-z~._-]|%[0-7][0-9a-fA-F]){0,6}$/)
  const url = fc
    .record({
      scheme: fc.constantFrom('http', 'https', 'HTTP'),
      host: fc.constantFrom('api.example', 'API.example', 'xn--bcher-kva.example', '[::1]'),
      port: fc.constantFrom('', ':', ':80', ':443', ':8080'),
      segments: fc.array(segment, { maxLength: 6 }),
      rest: fc.constantFrom('', '?a=b', '#c', '?a=b#c'),
    })
    .map(({ scheme, host, port, segments, rest }) => `${scheme}://${host}${port}${segments.map((one) => `/${one}`).join('')}${rest}`)
  fc.assert(
    fc.property(url, (written) => {
      const normal = normalTargetUri(written) ?? ''
      assert.equal(normalTargetUri(normal), normal)
      const { origin, pathname } = new URL(written)
      // The platform leaves needless escapes as they are, and reads an escaped dot.
      assert.equal(normalTargetUri(origin + pathname), normal)
    }),
    { numRuns: 500 },
  )
})

test('the longest URL that fits a proof takes no time worth naming', () => {
  const dots = `https://api.example${'/..'.repeat(2700)}/orders`
  assert.equal(normalTargetUri(dots), 'https://api.example/orders')
  assert.equal(normalTargetUri(`https://${'a'.repeat(8000)}\\`), undefined)
})
