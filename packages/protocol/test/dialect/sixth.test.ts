// A sixth dialect, as an operator would write it into a configuration: other than ours in everything, and it works.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { OAuthError } from '@countersign/protocol/oauth/error'

const DOCUMENT = `{
  "name": "teapot",
  "verbatim": false,
  "mount": "absolute",
  "endpoints": { "token": ["/tenants/{realm}/session/open"], "jwks": ["/tenants/{realm}/keys"] },
  "token_request": {
    "encodings": ["json"],
    "client_auth": ["client_secret_post"],
    "parameters": { "grant_type": "grantType", "refresh_token": "renewalCode", "scope": "permissions", "audience": "targetApi" },
    "composites": [{ "parameter": "clientPair", "encoding": "text", "members": ["client_id", "client_secret"], "separator": "::" }],
    "ignored": ["traceId"],
    "grants": [
      { "grant_type": "MACHINE", "needs": [], "is": "client_credentials", "required": true },
      { "grant_type": "RENEW", "needs": ["refresh_token"], "is": "refresh_token", "required": true }
    ]
  },
  "token_response": {
    "envelope": "data",
    "members": [
      { "name": "apiVersion", "constant": 3 },
      { "name": "sessionToken", "from": "access_token" },
      { "name": "validFor", "from": "expires_in", "as": "text" },
      { "name": "renewalCode", "from": "refresh_token", "absent": null },
      { "name": "permissions", "from": "scope", "as": "list" }
    ]
  },
  "error": {
    "envelope": "fault",
    "members": [
      { "name": "httpStatus", "from": "status", "as": "text" },
      { "name": "faultCode", "from": "error" },
      { "name": "faultText", "from": "error_description" }
    ],
    "statuses": { "invalid_client": 418, "invalid_scope": 422 },
    "codes": { "invalid_client": "40101", "invalid_scope": "42207" }
  },
  "presentation": {
    "token": [{ "header": "x-session", "scheme": "Token" }],
    "api_key": [{ "header": "x-subscription", "scheme": "Key" }]
  },
  "claims": {
    "typ": "at+jwt",
    "issuer_slash": false,
    "algorithm": "EdDSA",
    "members": [
      { "name": "iss", "from": "iss" },
      { "name": "sub", "template": "machine:{client_id}", "subject": "client" },
      { "name": "sub", "from": "sub", "subject": "user" },
      { "name": "aud", "from": "aud" },
      { "name": "exp", "from": "exp" },
      { "name": "iat", "from": "iat" },
      { "name": "jti", "from": "jti" },
      { "name": "client_id", "from": "client_id" },
      { "name": "sid", "from": "sid" },
      { "name": "kind", "constant": "machine", "subject": "client" }
    ]
  },
  "metadata": { "omit": [], "constants": { "service_documentation": "https://teapot.example/docs" }, "space_joined": [] }
}`

const teapot = compile(resolveDialect(JSON.parse(DOCUMENT)))
const request = (body: unknown) => ({
  method: 'POST',
  path: '/',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

test('Its endpoints stand where it says, with the realm in them', () => {
  assert.deepEqual(teapot.paths('token', 'brew', false), ['/tenants/brew/session/open'])
  assert.deepEqual(teapot.paths('token', '$&', true), ['/tenants/$&/session/open'])
  assert.deepEqual(teapot.paths('userinfo', 'brew', false), [])
})

test('Its token request reads as the grant it is', () => {
  const body = {
    grantType: 'MACHINE',
    clientPair: 'pot::s:e::c',
    permissions: 'brew pour',
    targetApi: 'https://api.teapot.example',
    traceId: 'x',
  }
  assert.deepEqual(Object.fromEntries(teapot.tokenRequest.read(request(body)).parameters), {
    grant_type: 'client_credentials',
    client_id: 'pot',
    client_secret: 's:e::c',
    scope: 'brew pour',
    audience: 'https://api.teapot.example',
  })
})

test('Its client writes just that', () => {
  const parameters = new Map(Object.entries({ grant_type: 'refresh_token', client_id: 'pot', client_secret: 'lid', refresh_token: 'r1' }))
  const wire = teapot.tokenRequest.write({ parameters }, '/tenants/brew/session/open')
  assert.deepEqual(wire, {
    method: 'POST',
    path: '/tenants/brew/session/open',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: '{"grantType":"RENEW","renewalCode":"r1","clientPair":"pot::lid"}',
  })
})

test('What it has no words for is a malfunction at home and a refusal at the door', () => {
  // 'a:' and '::' would read back as 'a' and ':...'.
  const clash = new Map(Object.entries({ grant_type: 'client_credentials', client_id: 'a:', client_secret: 'b' }))
  assert.throws(() => teapot.tokenRequest.write({ parameters: clash }, '/'), TypeError)
  for (const body of [
    { grantType: 'RENEW' },
    { clientPair: 'pot' },
    { clientPair: '::lid' },
    { clientPair: 'pot::lid', client_id: 'pot' },
    { permissions: 'a', scope: 'b' },
  ]) {
    assert.throws(
      () => teapot.tokenRequest.read(request(body)),
      (error) => error instanceof OAuthError && error.code === 'invalid_request',
      JSON.stringify(body),
    )
  }
  assert.throws(
    () => teapot.tokenRequest.read({ ...request({}), headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
    /application\/json/,
  )
})

test('Its answer is in its envelope, with text for numbers and a list for the scope', () => {
  const tokens = { accessToken: 't', tokenType: 'Bearer', expiresIn: 60, scope: ['brew', 'pour'] }
  const wire = teapot.tokenResponse.write(tokens)
  assert.equal(wire.body, '{"data":{"apiVersion":3,"sessionToken":"t","validFor":"60","renewalCode":null,"permissions":["brew","pour"]}}')
  assert.deepEqual(teapot.tokenResponse.read(wire), tokens)
  assert.throws(() => teapot.tokenResponse.read({ ...wire, body: '{"sessionToken":"t"}' }), /without an access token/)
})

test('Its errors have its codes and its statuses', () => {
  const wire = teapot.error.write(new OAuthError('invalid_client', 'Unknown pot.'))
  assert.deepEqual([wire.status, wire.body], [418, '{"fault":{"httpStatus":"418","faultCode":"40101","faultText":"Unknown pot."}}'])
  const read = teapot.error.read(wire)
  assert.deepEqual([read.code, read.status, read.description], ['invalid_client', 418, 'Unknown pot.'])
  const asNumber = teapot.error.read({ status: 422, headers: {}, body: '{"fault":{"faultCode":42207}}' })
  assert.deepEqual([asNumber.code, asNumber.status], ['invalid_scope', 422])
})

test('Its token and key are shown in its headers, and nowhere else', () => {
  const fields = teapot.presentation.write({ token: 'abc', apiKey: 'k1' })
  assert.deepEqual(fields, { 'x-session': 'Token abc', 'x-subscription': 'Key k1' })
  assert.deepEqual(teapot.presentation.read({ 'x-session': 'token abc', 'x-subscription': 'KEY k1' }), {
    token: 'abc',
    apiKey: 'k1',
    problem: undefined,
  })
  assert.deepEqual(teapot.presentation.read({ authorization: 'Bearer abc', 'x-api-key': 'k1' }), {
    token: undefined,
    apiKey: undefined,
    problem: undefined,
  })
  assert.deepEqual(teapot.presentation.headers, ['x-session', 'x-subscription'])
})

test('Its tokens tell machines from users', () => {
  const values = { iss: 'https://t.example', sub: 'u1', aud: 'a', exp: 2, iat: 1, jti: 'j', client_id: 'pot{sub}' }
  assert.deepEqual(teapot.claims.write(values, 'client'), { ...values, sub: 'machine:pot{sub}', kind: 'machine' })
  assert.deepEqual(teapot.claims.write(values, 'user'), values)
  assert.deepEqual([teapot.claims.typ, teapot.claims.requiredClaims], ['at+jwt', {}])
})
