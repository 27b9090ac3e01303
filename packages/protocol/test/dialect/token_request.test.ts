// Token requests: what the codec refuses, forgives, and will not write because it would be read otherwise.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { OAuthError } from '@countersign/protocol/oauth/error'

const speak = (dialect: string | DialectDocument) => compile(resolveDialect(dialect))
const post = (body: string, headers: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' }) => ({
  method: 'POST',
  path: '/token',
  headers,
  body,
})
const refused = (run: () => unknown, code: string, message: RegExp) =>
  assert.throws(run, (error) => error instanceof OAuthError && error.code === code && message.test(error.message))

test('A body is read by its media type, parameters of which do not matter', () => {
  const { tokenRequest } = speak('auth0')
  for (const type of ['application/json', 'Application/JSON', 'application/json;charset=utf-8', ' application/json ; x=y']) {
    assert.equal(tokenRequest.read(post('{"scope":"a"}', { 'content-type': type })).parameters.get('scope'), 'a')
  }
  for (const type of ['', 'text/plain', 'application/json, application/x-www-form-urlencoded', 'application/jsonp', 'constructor']) {
    refused(
      () => tokenRequest.read(post('{}', { 'content-type': type })),
      'invalid_request',
      /Content-Type must be application\/x-www-form-urlencoded or application\/json/,
    )
  }
  refused(() => speak('standard').tokenRequest.read(post('', {})), 'invalid_request', /Content-Type/)
})

test('Basic credentials come besides the parameters, another scheme is left to others', () => {
  const { tokenRequest } = speak('standard')
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  assert.deepEqual(tokenRequest.read(post('', { ...type, authorization: `Basic ${btoa('a:b')}` })).basic, {
    clientId: 'a',
    clientSecret: 'b',
  })
  assert.equal('basic' in tokenRequest.read(post('', { ...type, authorization: 'Bearer x' })), false)
  refused(() => tokenRequest.read(post('', { ...type, authorization: 'Basic x' })), 'invalid_client', /base64/)
})

test('A name that objects are born with is written as itself', () => {
  const { tokenRequest } = speak({ extends: 'standard', token_request: { parameters: { scope: 'permissions' } } })
  const parameters = new Map([
    ['constructor', 'a'],
    ['toString', 'b'],
    ['scope', 'c'],
  ])
  const wire = tokenRequest.write({ parameters }, '/token')
  assert.equal(wire.body, 'constructor=a&toString=b&permissions=c')
  assert.deepEqual(tokenRequest.read(wire).parameters, parameters)
})

test('Two parameters that would take one name are not written', () => {
  const { tokenRequest } = speak({ extends: 'standard', token_request: { parameters: { scope: 'permissions' } } })
  assert.throws(
    () =>
      tokenRequest.write(
        {
          parameters: new Map([
            ['scope', 'a'],
            ['permissions', 'b'],
          ]),
        },
        '/',
      ),
    TypeError,
  )
  assert.throws(
    () =>
      speak('webcommander').tokenRequest.write(
        {
          parameters: new Map([
            ['username', 'a'],
            ['password', 'b'],
            ['auth_string', 'c'],
          ]),
        },
        '/',
      ),
    TypeError,
  )
})

test('Two spellings of one parameter are a repetition', () => {
  const { tokenRequest } = speak({ extends: 'standard', token_request: { parameters: { client_id: 'clientId' } } })
  refused(() => tokenRequest.read(post('client_id=a&clientId=b')), 'invalid_request', /two spellings/)
  const json = { 'content-type': 'application/json' }
  refused(
    () => speak('webcommander').tokenRequest.read(post(`{"auth_string":"${btoa('a:b')}","username":"c"}`, json)),
    'invalid_request',
    /two spellings/,
  )
})

test('A composite must be base64 of UTF-8 with every part there, without control characters', () => {
  const { tokenRequest } = speak('webcommander')
  const read = (auth: string) =>
    tokenRequest.read(post(JSON.stringify({ grant_type: 'client_credentials', auth_string: auth }), { 'content-type': 'application/json' }))
      .parameters
  assert.deepEqual([read(btoa('u:p:w')).get('username'), read(btoa('u:p:w')).get('password')], ['u', 'p:w'])
  for (const auth of ['!', btoa('nocolon'), btoa('\xff:\xfe'), 'YTpi\n']) refused(() => read(auth), 'invalid_request', /auth_string/)
  for (const auth of [btoa(':p'), btoa('u:'), btoa('u:p\n'), btoa('u\0:p')])
    refused(() => read(auth), 'invalid_request', /empty or unreadable/)
})

test('A grant is written only in words that read as that grant', () => {
  const grants = [
    { grant_type: 'token', needs: ['username'], is: 'password', required: false },
    { grant_type: 'token', needs: [], is: 'client_credentials', required: false },
    { grant_type: 'password', needs: [], is: 'refresh_token', required: false },
  ]
  const { tokenRequest } = speak({ extends: 'standard', token_request: { grants } })
  const written = (parameters: Record<string, string>) => tokenRequest.write({ parameters: new Map(Object.entries(parameters)) }, '/').body
  assert.equal(written({ grant_type: 'password', username: 'u' }), 'grant_type=token&username=u')
  assert.equal(written({ grant_type: 'client_credentials' }), 'grant_type=token')
  assert.equal(written({ grant_type: 'client_credentials', username: 'u' }), 'grant_type=client_credentials&username=u')
  assert.equal(written({ grant_type: 'refresh_token' }), 'grant_type=password')
  assert.throws(() => written({ grant_type: 'password' }), TypeError)
})
