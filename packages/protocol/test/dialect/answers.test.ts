// Token responses, errors and claims: what the codecs understand beyond what they write themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnreadableAnswer } from '@countersign/protocol/dialect/codec/token_response'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { ACCESS_TOKEN_TYPE } from '@countersign/protocol/oauth/token_response'

const speak = (dialect: string | DialectDocument) => compile(resolveDialect(dialect))

const answerOf = (dialect: string | DialectDocument, body: unknown) =>
  speak(dialect).tokenResponse.read({ status: 200, headers: {}, body: JSON.stringify(body) })

test('A careless answer is understood: lifetimes as text, a scope as a list, a type left out', () => {
  const read = answerOf('standard', { access_token: 't', expires_in: '60', scope: ['a', 'b'] })
  assert.deepEqual(read, { accessToken: 't', tokenType: 'Bearer', expiresIn: 60, scope: ['a', 'b'] })
  for (const expires_in of [-1, 'soon', null, {}, '1e3']) assert.equal(answerOf('standard', { access_token: 't', expires_in }).expiresIn, 0)
  assert.equal(answerOf('standard', { access_token: 't', token_type: '' }).tokenType, 'Bearer')
  assert.equal(answerOf('standard', { access_token: 't', token_type: 'DPoP' }).tokenType, 'DPoP')
  assert.equal(
    answerOf('standard', { access_token: 't', scope: Array.from({ length: 300 }, (_, index) => `s${index}`).join(' ') }).scope?.length,
    300,
  )
})

test('An answer without a token that a header can carry is unreadable', () => {
  for (const body of [
    null,
    [],
    {},
    'x',
    { access_token: '' },
    { access_token: 1 },
    { access_token: 'a\r\nb' },
    { access_token: 'é' },
    { access_token: 't', scope: 'é' },
  ]) {
    assert.throws(() => answerOf('standard', body), UnreadableAnswer, JSON.stringify(body))
  }
  assert.throws(() => speak('standard').tokenResponse.read({ status: 200, headers: {}, body: '<html>' }), UnreadableAnswer)
})

test('An envelope named like what objects are born with is empty where it is missing', () => {
  for (const envelope of ['constructor', 'toString']) {
    const dialect = { extends: 'standard', token_response: { envelope } }
    assert.throws(() => answerOf(dialect, {}), UnreadableAnswer)
    assert.equal(answerOf(dialect, { [envelope]: { access_token: 't' } }).accessToken, 't')
  }
})

test('What stands for nothing reads as nothing: zero for a refresh token that does not end', () => {
  const body = { access_token: 't', expires_in: 60, refresh_token: 'r', refresh_expires_in: 0 }
  assert.equal('refreshExpiresIn' in answerOf('keycloak', body), false)
  assert.equal(answerOf('keycloak', { ...body, refresh_expires_in: 1800 }).refreshExpiresIn, 1800)
})

test('The answer to an exchange names the kind of token it gave, and no other answer does', () => {
  const tokens = { accessToken: 't', tokenType: 'Bearer', expiresIn: 60 }
  for (const dialect of ['standard', 'keycloak', 'auth0']) {
    const { tokenResponse } = speak(dialect)
    assert.equal('issued_token_type' in JSON.parse(tokenResponse.write(tokens).body), false)
    const wire = tokenResponse.write({ ...tokens, issuedTokenType: ACCESS_TOKEN_TYPE })
    assert.equal(JSON.parse(wire.body).issued_token_type, 'urn:ietf:params:oauth:token-type:access_token')
    assert.equal(tokenResponse.read(wire).issuedTokenType, ACCESS_TOKEN_TYPE)
  }
  for (const issued_token_type of ['', 1, null, {}, 'a\nb'])
    assert.equal('issuedTokenType' in answerOf('standard', { access_token: 't', issued_token_type }), false)
})

test('A name that means one thing verbatim and another otherwise is read as it is written', () => {
  const members = [
    { name: 'access_token', from: 'access_token' },
    { name: 'token', from: 'refresh_token', verbatim: 'only' },
    { name: 'token', from: 'scope', verbatim: 'omit' },
  ]
  const read = (verbatim: boolean) =>
    answerOf({ extends: 'standard', verbatim, token_response: { members } }, { access_token: 't', token: 'x' })
  assert.deepEqual([read(true).refreshToken, read(true).scope], ['x', undefined])
  assert.deepEqual([read(false).refreshToken, read(false).scope], [undefined, ['x']])
})

test('An error says what the server meant, or what its status means', () => {
  const { error } = speak('standard')
  const read = (status: number, body: string, headers = {}) => error.read({ status, body, headers })
  assert.equal(read(400, '{"error":"invalid_grant"}').code, 'invalid_grant')
  assert.equal(read(400, '{"error":"constructor"}').code, 'invalid_request')
  assert.deepEqual(
    [401, 403, 404, 429, 500, 502, 503, 504].map((status) => read(status, '<html>').code),
    [
      'invalid_client',
      'invalid_request',
      'invalid_request',
      'slow_down',
      'server_error',
      'temporarily_unavailable',
      'temporarily_unavailable',
      'temporarily_unavailable',
    ],
  )
  const full = read(401, '{"error":"invalid_client","error_description":"No\\u0000\\"good\\""}', {
    'retry-after': '7',
    'www-authenticate': 'Basic realm="x"',
  })
  assert.deepEqual([full.description, full.retryAfter, full.challenge], ["No?'good'", 7, 'Basic realm="x"'])
  assert.equal(read(400, JSON.stringify({ error_description: 'x'.repeat(5000) })).description.length, 1000)
  for (const field of ['-1', '1.5', 'Wed, 21 Oct 2015 07:28:00 GMT', '999999999'])
    assert.equal(read(503, '', { 'retry-after': field }).retryAfter, undefined)
})

test('An error is written with its challenge, a whole number of seconds, and no store', () => {
  const wire = speak('standard').error.write(new OAuthError('invalid_client', 'No.', { challenge: 'Basic realm="x"', retryAfter: 1.2 }))
  assert.deepEqual(wire, {
    status: 401,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'www-authenticate': 'Basic realm="x"',
      'retry-after': '2',
    },
    body: '{"error":"invalid_client","error_description":"No."}',
  })
})

test('A status that is not the code’s own wins over the dialect’s status for the code', () => {
  const { error } = speak({ extends: 'standard', name: 'teapot', error: { statuses: { invalid_request: 418 } } })
  assert.equal(error.write(new OAuthError('invalid_request', 'Something is wrong.')).status, 418)
  assert.equal(error.write(new OAuthError('invalid_request', 'Too large.', { status: 413 })).status, 413)
})

test('Tokens of the keycloak family say Bearer in the payload, and a guard is told to demand it', () => {
  const { claims } = speak('keycloak')
  assert.deepEqual([claims.typ, claims.requiredClaims], ['JWT', { typ: 'Bearer' }])
  const written = claims.write({ iss: 'i', sub: 's', aud: 'a', exp: 2, iat: 1, jti: 'j', client_id: 'c', username: 'u' }, 'client')
  assert.deepEqual([written['typ'], written['azp'], written['preferred_username']], ['Bearer', 'c', 'service-account-c'])
  assert.equal(claims.write({ sub: 's', client_id: 'c', username: 'u' }, 'user')['preferred_username'], 'u')
})

test('Tokens of the auth0 family tell clients from users in the subject', () => {
  const { claims } = speak('auth0')
  assert.equal(claims.write({ sub: 'c', client_id: 'c' }, 'client')['sub'], 'c@clients')
  assert.deepEqual(claims.write({ sub: 'u', client_id: 'c' }, 'user'), { sub: 'u', azp: 'c', client_id: 'c', gty: 'password' })
})
