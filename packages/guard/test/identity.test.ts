// The headers an upstream may trust, and the caller's copies that must not reach it.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { IDENTITY_HEADERS, identityHeaders, isIdentityHeader } from '../src/identity.ts'
import type { Principal } from '../src/verdict.ts'
import { atOnce, bearer, get, guardWith, mint } from './realm.ts'

const PRINCIPAL: Principal = {
  realm: 'partner',
  clientId: 'client-1',
  subject: 'user-7',
  scope: ['EXECUTE:TOKEN_EXCHANGE', 'READ:APP_USERS'],
  audience: ['https://api.example'],
  claims: {},
  apiKeyId: 'key-1',
  tokenId: 'token-1',
  anonymous: false,
}

test('a principal is written into every identity header', () => {
  assert.deepEqual(identityHeaders(PRINCIPAL), {
    'x-consumer-id': 'client-1',
    'x-consumer-username': 'client-1',
    'x-consumer-custom-id': 'user-7',
    'x-credential-identifier': 'key-1',
    'x-anonymous-consumer': '',
    'x-countersign-client': 'client-1',
    'x-countersign-subject': 'user-7',
    'x-countersign-scope': 'EXECUTE:TOKEN_EXCHANGE READ:APP_USERS',
    'x-countersign-realm': 'partner',
    'x-countersign-api-key': 'key-1',
  })
})

test('an anonymous caller gets every header too, empty', () => {
  const verdict = atOnce(guardWith({ policy: { routes: [{ path: '/*', scopes: [], anonymous: true }] } }).check(get()))
  assert.ok(verdict.allow)
  const headers = identityHeaders(verdict.principal)
  assert.deepEqual(Object.keys(headers), [...IDENTITY_HEADERS])
  assert.deepEqual(
    Object.entries(headers).filter(([, value]) => value !== ''),
    [
      ['x-anonymous-consumer', 'true'],
      ['x-countersign-realm', 'partner'],
    ],
  )
})

test('a subject with line breaks and other alphabets becomes one line of visible ASCII', () => {
  const verdict = atOnce(guardWith().check(get(bearer(mint({ sub: 'Zoë\r\nX-Admin: 1 %41' })))))
  assert.ok(verdict.allow)
  assert.equal(identityHeaders(verdict.principal)['x-countersign-subject'], 'Zo%C3%AB%0D%0AX-Admin:%201%20%2541')
})

test('whatever a principal says, the values are visible ASCII and can be read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (subject) => {
      const value = identityHeaders({ ...PRINCIPAL, subject })['x-countersign-subject']
      assert.match(value, /^[\x21-\x7e]*$/)
      assert.equal(decodeURIComponent(value), subject)
    }),
  )
  assert.equal(identityHeaders({ ...PRINCIPAL, subject: '\ud800' })['x-countersign-subject'], '%EF%BF%BD')
})

test('every spelling that an upstream could take for an identity header is known', () => {
  for (const name of IDENTITY_HEADERS) {
    const spellings = [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.'), name.replace('-', '_')]
    for (const spelling of spellings) assert.equal(isIdentityHeader(spelling), true, spelling)
  }
  assert.equal(isIdentityHeader('X-Consumer-Groups'), true)
  assert.equal(isIdentityHeader('X_Countersign_Anything'), true)
  for (const other of ['authorization', 'x-request-id', 'x-consumer', 'xconsumer-id', 'x-forwarded-for', ''])
    assert.equal(isIdentityHeader(other), false, other)
})
