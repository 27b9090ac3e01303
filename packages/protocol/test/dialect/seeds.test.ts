// The five pages word for word: the body each of them sends, read by the dialect that speaks it; the answer each of them shows, read back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import { OAuthError } from '@countersign/protocol/oauth/error'
import fc from 'fast-check'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

const speak = (dialect: string | DialectDocument) => compile(resolveDialect(dialect))
const request = (contentType: string, body: string) => ({ method: 'POST', path: '/token', headers: { 'content-type': contentType }, body })
const parametersOf = (dialect: string, contentType: string, body: string) => {
  const read = speak(dialect).tokenRequest.read(request(contentType, body))
  assert.equal(read.basic, undefined)
  return Object.fromEntries(read.parameters)
}
const tokensOf = (dialect: string, body: string) => speak(dialect).tokenResponse.read({ status: 200, headers: {}, body })
const shown = (dialect: string | DialectDocument, headers: Record<string, string>) => speak(dialect).presentation.read(headers)

test('Willba: the request of the page', () => {
  // What curl makes of the page's three -d options.
  const body = ['client_id=YOUR_CLIENT_ID', 'client_secret=YOUR_CLIENT_SECRET', 'grant_type=client_credentials'].join('&')
  assert.deepEqual(parametersOf('keycloak', FORM, body), {
    client_id: 'YOUR_CLIENT_ID',
    client_secret: 'YOUR_CLIENT_SECRET',
    grant_type: 'client_credentials',
  })
})

const WILLBA_ANSWER = `{
"access_token": "eyJhbG...V82q3IQ",
"expires_in": 300,
"refresh_expires_in": 0,
"token_type": "Bearer",
"not-before-policy": 0,
"scope": "email profile"
}`

test('Willba: the answer of the page, read and written member for member', () => {
  const tokens = { accessToken: 'eyJhbG...V82q3IQ', tokenType: 'Bearer', expiresIn: 300, scope: ['email', 'profile'] }
  assert.deepEqual(tokensOf('keycloak', WILLBA_ANSWER), tokens)
  const written = speak('keycloak').tokenResponse.write(tokens).body
  assert.deepEqual(Object.entries(JSON.parse(written)), Object.entries(JSON.parse(WILLBA_ANSWER)))
})

test('Willba: the header of the page', () => {
  assert.deepEqual(shown('keycloak', { authorization: 'Bearer YOUR_ACCESS_TOKEN' }), {
    token: 'YOUR_ACCESS_TOKEN',
    apiKey: undefined,
    problem: undefined,
  })
})

test('Wych: the request of the page', () => {
  const body = ['client_id=client_123456789', 'client_secret=supxxxxxxxxret', 'grant_type=client_credentials'].join('&')
  assert.deepEqual(parametersOf('keycloak', FORM, body), {
    client_id: 'client_123456789',
    client_secret: 'supxxxxxxxxret',
    grant_type: 'client_credentials',
  })
})

test('Wych: the answer of the page', () => {
  const answer = `{
"access_token": "eyJhbGc...7Zkg",
"expires_in": 900,
"refresh_expires_in": 0,
"token_type": "Bearer",
"not-before-policy": 0,
"scope": "EXECUTE:TOKEN_EXCHANGE READ:APP_USERS"
}`
  const tokens = { accessToken: 'eyJhbGc...7Zkg', tokenType: 'Bearer', expiresIn: 900, scope: ['EXECUTE:TOKEN_EXCHANGE', 'READ:APP_USERS'] }
  assert.deepEqual(tokensOf('keycloak', answer), tokens)
  assert.deepEqual(Object.entries(JSON.parse(speak('keycloak').tokenResponse.write(tokens).body)), Object.entries(JSON.parse(answer)))
})

test('Wych: the two headers of the page, the British spelling and the scheme in any case', () => {
  const wych: DialectDocument = {
    extends: 'keycloak',
    name: 'wych',
    presentation: {
      token: [
        { header: 'authorisation', scheme: 'bearer' },
        { header: 'authorization', scheme: 'Bearer' },
      ],
    },
  }
  for (const header of ['authorisation', 'authorization']) {
    for (const scheme of ['bearer', 'Bearer', 'BEARER']) {
      assert.deepEqual(shown(wych, { [header]: `${scheme} abc`, 'x-api-key': 'demo-wych-api-key' }), {
        token: 'abc',
        apiKey: 'demo-wych-api-key',
        problem: undefined,
      })
    }
  }
  assert.match(shown(wych, { authorisation: 'bearer abc', authorization: 'Bearer abc' }).problem ?? '', /more than once/)
})

test('Wogeez: the request of the page', () => {
  const body = ['client_id=wogeez-api', 'username=your-username', 'password=your-password', 'grant_type=password'].join('&')
  assert.deepEqual(parametersOf('keycloak', FORM, body), {
    client_id: 'wogeez-api',
    username: 'your-username',
    password: 'your-password',
    grant_type: 'password',
  })
})

test('Wogeez: every special character in username and password, percent-encoded and plus-encoded', () => {
  const ascii = Array.from({ length: 0x7f - 0x20 }, (_, index) => String.fromCharCode(0x20 + index)).join('')
  const everyByte = (text: string) =>
    Array.from(new TextEncoder().encode(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const encodings = [
    encodeURIComponent,
    (text: string) => encodeURIComponent(text).replaceAll('%20', '+'),
    (text: string) => new URLSearchParams({ x: text }).toString().slice(2),
    everyByte,
    (text: string) => everyByte(text).toUpperCase(),
  ]
  const special = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => /^[^\p{Cc}]+$/u.test(text))
  const read = (encode: (text: string) => string, username: string, password: string) => {
    const body = `client_id=wogeez-api&username=${encode(username)}&password=${encode(password)}&grant_type=password`
    assert.deepEqual(parametersOf('keycloak', FORM, body), { client_id: 'wogeez-api', username, password, grant_type: 'password' })
  }
  for (const encode of encodings) {
    for (const text of [ascii, 'p&ss=w+rd %41;"\\', 'pässwörd€🔒', ' lead and trail ']) read(encode, text, text)
    for (const one of ascii) read(encode, `a${one}`, `${one}b`)
    fc.assert(fc.property(special, special, (username, password) => read(encode, username, password)))
  }
})

test('Wogeez: the answer of the page', () => {
  const answer = `{
"access_token": "your-jwt-token",
"expires_in": 3600,
"token_type": "Bearer"
}`
  assert.deepEqual(tokensOf('keycloak', answer), { accessToken: 'your-jwt-token', tokenType: 'Bearer', expiresIn: 3600 })
})

/** The page's own lines. */
function waveBody(audience: string): string {
  const clientID = 'the-client-id'
  const clientSecret = 'the-secret-id'
  const qs = new URLSearchParams()
  qs.set('grant_type', 'client_credentials')
  qs.set('client_id', clientID)
  qs.set('client_secret', clientSecret)
  qs.set('audience', audience)
  return qs.toString()
}

test('Wave: the request of the page, by its own code and as fetch sends it', () => {
  for (const audience of ['<Resource Server Uri>', 'https://api.wave.bemobi.com']) {
    for (const contentType of [FORM, `${FORM};charset=UTF-8`]) {
      assert.deepEqual(parametersOf('auth0', contentType, waveBody(audience)), {
        grant_type: 'client_credentials',
        client_id: 'the-client-id',
        client_secret: 'the-secret-id',
        audience,
      })
    }
  }
})

test('Wave: the same as JSON', () => {
  const parameters = {
    grant_type: 'client_credentials',
    client_id: 'the-client-id',
    client_secret: 'the-secret-id',
    audience: 'https://api.wave.bemobi.com',
  }
  assert.deepEqual(parametersOf('auth0', JSON_TYPE, JSON.stringify(parameters)), parameters)
})

test('Wave: an answer says expires_in, which the page tells its readers to use', () => {
  assert.deepEqual(tokensOf('auth0', '{"access_token":"a.b.c","scope":"read","expires_in":86400,"token_type":"Bearer"}'), {
    accessToken: 'a.b.c',
    tokenType: 'Bearer',
    expiresIn: 86400,
    scope: ['read'],
  })
})

const WEBCOMMANDER_REQUEST = `{
"grant_type": "client_credentials",
"auth_string": "bmV3d2M3QG15d2ViY29tbWFuZGVyLmNvbTpuZXd3YzdAbXl3ZWJjb21tYW5kZXIuY29t",
"redirect_uri": "https://api.webcommander.com/oauth-callback",
"client_id": "f6681a45ad483e3c0a37016561d5b8be",
"client_secret": "14e72a77d9125429b0c514010ddb0e46"
}`

test('WebCommander: the request of the page is a user and a client', () => {
  assert.deepEqual(parametersOf('webcommander', JSON_TYPE, WEBCOMMANDER_REQUEST), {
    grant_type: 'password',
    username: 'newwc7@mywebcommander.com',
    password: 'newwc7@mywebcommander.com',
    client_id: 'f6681a45ad483e3c0a37016561d5b8be',
    client_secret: '14e72a77d9125429b0c514010ddb0e46',
  })
})

test('WebCommander: what the client writes is the request of the page, but for the URI that means nothing', () => {
  const { tokenRequest } = speak('webcommander')
  const written = tokenRequest.write(tokenRequest.read(request(JSON_TYPE, WEBCOMMANDER_REQUEST)), '/api/v4/oauth2/token')
  const { redirect_uri: _, ...rest } = JSON.parse(WEBCOMMANDER_REQUEST)
  assert.deepEqual(JSON.parse(written.body), rest)
  assert.equal(written.headers['content-type'], JSON_TYPE)
})

test('WebCommander: placeholders left in, and credentials left out, are refused in one sentence', () => {
  const placeholder =
    '{"grant_type": "client_credentials","auth_string": "AUTH_STRING","redirect_uri": "REDIRECT_URI","client_id": "CLIENT_ID","client_secret": "CLIENT_SECRET"}'
  const none = '{"grant_type":"client_credentials","client_id":"a","client_secret":"b"}'
  for (const [body, sentence] of [
    [placeholder, "The parameter 'auth_string' must be base64 of username:password."],
    [none, "This API's 'client_credentials' needs username, password too; see its integration page."],
  ] as const) {
    assert.throws(
      () => parametersOf('webcommander', JSON_TYPE, body),
      (error) => error instanceof OAuthError && error.code === 'invalid_request' && error.description === sentence,
    )
  }
})

const WEBCOMMANDER_ANSWER = `{
"access_token": "ACCESS_TOKEN",
"refresh_token": "REFRESH_TOKEN",
"expires_in": 3600
}`

test('WebCommander: the answer of the page reads, and is written to the letter where verbatim is set', () => {
  const tokens = { accessToken: 'ACCESS_TOKEN', refreshToken: 'REFRESH_TOKEN', expiresIn: 3600, tokenType: 'Bearer' }
  assert.deepEqual(tokensOf('webcommander', WEBCOMMANDER_ANSWER), tokens)
  const verbatim = speak({ extends: 'webcommander', verbatim: true })
  assert.deepEqual(
    Object.entries(JSON.parse(verbatim.tokenResponse.write({ ...tokens, scope: ['read'] }).body)),
    Object.entries(JSON.parse(WEBCOMMANDER_ANSWER)),
  )
})

test('WebCommander: otherwise strict clients get their token_type, and a granted scope is told', () => {
  const written = speak('webcommander').tokenResponse.write({
    accessToken: 'a',
    refreshToken: 'r',
    expiresIn: 3600,
    tokenType: 'Bearer',
    scope: ['read'],
  })
  assert.deepEqual(JSON.parse(written.body), {
    access_token: 'a',
    refresh_token: 'r',
    expires_in: 3600,
    token_type: 'Bearer',
    scope: 'read',
  })
})

test('WebCommander: the header of the page', () => {
  const token = 'ZTcwL2Q3N2IsODU4NjFgNDIsMjRkMiwzYzg0LGE4ZWIsNjMzYTZlMDNiZWVgLDgvMDMsYWMyMDc='
  assert.equal(shown('webcommander', { access_token: token }).token, token)
  assert.deepEqual(speak('webcommander').presentation.write({ token }), { access_token: token })
})
