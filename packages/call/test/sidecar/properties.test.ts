// What must hold for every request target, redirect and list of fields, and not only for those somebody thought of.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuse } from '@countersign/call/sidecar/door'
import { answerFields, requestFields } from '@countersign/call/sidecar/fields'
import { locate } from '@countersign/call/sidecar/location'
import fc from 'fast-check'

const API = 'https://api.example.com'
const SIDECAR = 'http://127.0.0.1:8089'
const PIECES = [
  '/',
  '//',
  '\\',
  '..',
  '.',
  '%2e',
  '%2f',
  '%5c',
  '@',
  ':',
  '?',
  '#',
  'evil.example',
  ':80',
  'user:pw@',
  '[::1]',
  '%00',
  ' ',
  '\t',
  'é',
  'a',
  ';',
  'https:',
  '//evil.example/',
]
const pieces = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 })), { maxLength: 12 }).map((parts) => parts.join(''))

const arrival = (target: string) => ({ method: 'GET', target, rawHeaders: ['Host', '127.0.0.1:8089'], headers: { host: '127.0.0.1:8089' } })
const door = { hosts: new Set(['127.0.0.1:8089']), key: undefined }

test('a target that may pass is one of this API to every reader of URLs', () => {
  let passed = 0
  fc.assert(
    fc.property(pieces, (text) => {
      for (const target of [text, `/${text}`]) {
        if (refuse(arrival(target), door)) continue
        passed++
        const url = new URL(API + target)
        assert.deepEqual([url.origin, url.username, url.password, url.hash], [API, '', '', ''])
      }
    }),
    { numRuns: 2000 },
  )
  assert.ok(passed > 100)
})

test('a redirect that the caller resolves never turns a path into another host, nor the API into a place without credentials', () => {
  const at = new URL(`${API}/deep/path?q=1`)
  fc.assert(
    fc.property(
      fc.oneof(
        pieces,
        pieces.map((text) => API + text),
        pieces.map((text) => `${API}/${text}`),
      ),
      (location) => {
        const meant = URL.canParse(location, at) ? new URL(location, at) : undefined
        const told = locate(location, at, SIDECAR)
        if (!meant) return assert.equal(told, location)
        const seen = new URL(told, `${SIDECAR}/deep/path?q=1`)
        if (meant.origin === API)
          return assert.deepEqual([seen.origin, seen.pathname, seen.search], [SIDECAR, meant.pathname, meant.search])
        return assert.equal(seen.href, meant.href)
      },
    ),
    { numRuns: 2000 },
  )
})

test('no field of one hop and no copy of a credential passes, in whatever case or spelling', () => {
  const secret = [
    'authorization',
    'Authorization',
    'x-api-key',
    'X_Api_Key',
    'ACCESS_TOKEN',
    'access-token',
    'dpop',
    'x-sidecar-key',
    'proxy-authorization',
  ]
  const hop = ['connection', 'TE', 'trailer', 'Transfer-Encoding', 'upgrade', 'keep-alive', 'x-named', 'host', 'expect']
  const plain = ['accept', 'x-mine', 'content-type', 'content-length']
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...secret, ...hop, ...plain), { maxLength: 12 }), (names) => {
      const raw = [...names.flatMap((name) => [name, 'value']), 'Connection', 'close, X-Named, content-length']
      const kept = requestFields(raw, new Set(['authorization', 'x-api-key', 'access_token'])).map(([name]) => name)
      assert.deepEqual(
        kept,
        names.filter((name) => plain.includes(name)),
      )
    }),
  )
  const answered = answerFields(
    new Headers({ 'x-named': '1', connection: 'x-named', 'access-control-allow-origin': '*', 'alt-svc': 'h3=":443"', 'x-end': '2' }),
  )
  assert.deepEqual(answered, [['x-end', '2']])
})
