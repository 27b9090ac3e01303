// The small words: scope, audience and resource, error codes, claims, grant types.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAudience, readResource } from '@countersign/protocol/oauth/audience'
import { clientOf, scopeOf } from '@countersign/protocol/oauth/claims'
import { errorText, isOAuthErrorCode, OAUTH_ERRORS, OAuthError } from '@countersign/protocol/oauth/error'
import { isGrantType } from '@countersign/protocol/oauth/grant_type'
import { isScopeToken, readScope, writeScope } from '@countersign/protocol/oauth/scope'
import fc from 'fast-check'

const refused = (read: () => unknown, code: string) =>
  assert.throws(read, (error) => error instanceof OAuthError && error.code === code && error.status === 400)

test('A scope is its tokens in the order given, each once', () => {
  assert.deepEqual(readScope('EXECUTE:TOKEN_EXCHANGE READ:APP_USERS'), ['EXECUTE:TOKEN_EXCHANGE', 'READ:APP_USERS'])
  assert.deepEqual(readScope(' b  a b '), ['b', 'a'])
  assert.deepEqual(readScope(''), [])
  assert.deepEqual(readScope('constructor __proto__'), ['constructor', '__proto__'])
})

test('A scope token keeps to the characters of RFC 6749 section 3.3', () => {
  for (let code = 0; code <= 0x100; code++) {
    const allowed = code === 0x21 || (code >= 0x23 && code <= 0x5b) || (code >= 0x5d && code <= 0x7e)
    assert.equal(isScopeToken(String.fromCharCode(code)), allowed, String(code))
  }
  assert.equal(isScopeToken(''), false)
  for (const text of ['a"b', 'a\\b', 'é', 'a\tb', 'a\nb', 'a\u00a0b', 'x'.repeat(257)]) refused(() => readScope(text), 'invalid_scope')
})

test('A scope of more than 100 tokens is refused, the same token over and over is not', () => {
  refused(() => readScope(Array.from({ length: 101 }, (_, index) => `s${index}`).join(' ')), 'invalid_scope')
  assert.deepEqual(readScope('a '.repeat(5000)), ['a'])
})

test('What a scope writes it reads back', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.stringMatching(/^[!#-[\]-~]{1,20}$/), { maxLength: 20 }), (scope) =>
      assert.deepEqual(readScope(writeScope(scope)), scope),
    ),
  )
})

test('A resource is an absolute URI without fragment, in the characters of RFC 3986', () => {
  for (const text of ['https://api.example.com', 'https://api.example.com/a?b=c', 'urn:example:api', 'api://x', 'https://[::1]:8080/'])
    assert.equal(readResource(text), text)
  const bad = [
    '',
    'api',
    '/a',
    '//a.example',
    'https://a#',
    'https://a#b',
    ' https://a',
    'https://a ',
    'https://a\tb',
    'https://a/b c',
    'https:\\\\a',
    'https://a/<b>',
    'https://ä.example',
    'https://',
    '1:a',
    `https://a/${'b'.repeat(512)}`,
  ]
  for (const text of bad) refused(() => readResource(text), 'invalid_target')
})

test('An audience is one name of visible ASCII characters', () => {
  for (const text of ['account', 'https://api.wave.bemobi.com']) assert.equal(readAudience(text), text)
  for (const text of ['', 'a b', 'a\n', 'é', 'a\0', 'x'.repeat(513)]) refused(() => readAudience(text), 'invalid_target')
})

test('Codes carry the status of their RFC', () => {
  assert.deepEqual(
    [
      'invalid_request',
      'invalid_client',
      'invalid_grant',
      'unauthorized_client',
      'unsupported_grant_type',
      'invalid_scope',
      'invalid_target',
      'invalid_token',
      'insufficient_scope',
      'temporarily_unavailable',
    ].map((code) => {
      assert.ok(isOAuthErrorCode(code))
      return new OAuthError(code, 'x').status
    }),
    [400, 401, 400, 400, 400, 400, 400, 401, 403, 503],
  )
  for (const code of ['constructor', '__proto__', 'toString', '', 'INVALID_CLIENT']) assert.equal(isOAuthErrorCode(code), false)
})

test('Every code and every description keep to the characters of RFC 6749 section 5.2', () => {
  for (const code of Object.keys(OAUTH_ERRORS)) assert.match(code, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.match(errorText(text), /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
      assert.equal(new OAuthError('invalid_request', text).description, errorText(text))
    }),
  )
})

test('An error keeps what the operator must know away from what the caller may read', () => {
  const cause = new Error('disk on fire')
  const error = new OAuthError('server_error', 'Try later.', { cause, retryAfter: 3, status: 507, challenge: 'Bearer' })
  assert.deepEqual(
    [error.description, error.cause, error.retryAfter, error.status, error.challenge],
    ['Try later.', cause, 3, 507, 'Bearer'],
  )
  assert.equal('cause' in new OAuthError('server_error', 'x'), false)
})

test('The client of a token is client_id, or azp where the family says so', () => {
  assert.equal(clientOf({ client_id: 'a', azp: 'b' }), 'a')
  assert.equal(clientOf({ azp: 'b' }), 'b')
  for (const claims of [{}, { client_id: '' }, { client_id: 1, azp: 'b' }, { azp: ['b'] }]) assert.equal(clientOf(claims), undefined)
})

test('The scope of a token never holds an empty name', () => {
  assert.deepEqual(scopeOf({ scope: 'a b' }), ['a', 'b'])
  assert.deepEqual(scopeOf({ scope: ' a  b ' }), ['a', 'b'])
  for (const claims of [{}, { scope: '' }, { scope: ['a'] }, { scope: 1 }]) assert.deepEqual(scopeOf(claims), [])
})

test('Grant types are known by their exact name', () => {
  assert.deepEqual(['client_credentials', 'password', 'refresh_token', 'Password', 'constructor', ''].map(isGrantType), [
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})
