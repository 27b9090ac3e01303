// The law of dialects: what a dialect writes it reads back, for the built-in ones and for any other that passes its check.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dialectProblems } from '@countersign/protocol/dialect/check'
import { UnreadableAnswer } from '@countersign/protocol/dialect/codec/token_response'
import { compile } from '@countersign/protocol/dialect/compile'
import type { Dialect, TokenSource } from '@countersign/protocol/dialect/dialect'
import { BUILTIN_DIALECTS, resolveDialect } from '@countersign/protocol/dialect/resolve'
import type { OAuthErrorCode } from '@countersign/protocol/oauth/error'
import { isOAuthErrorCode, OAUTH_ERRORS, OAuthError } from '@countersign/protocol/oauth/error'
import type { TokenSet } from '@countersign/protocol/oauth/token_response'
import { ACCESS_TOKEN_TYPE, JWT_TYPE } from '@countersign/protocol/oauth/token_response'
import fc from 'fast-check'
import { dialectDocument } from './arbitrary.ts'

const dialect = fc.oneof({ weight: 1, arbitrary: fc.constantFrom(...BUILTIN_DIALECTS.values()) }, { weight: 4, arbitrary: dialectDocument })

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((one) => /^[^\p{Cc}]*$/u.test(one))
const scope = fc.uniqueArray(fc.stringMatching(/^[A-Za-z:_.]{1,12}$/), { minLength: 1, maxLength: 4 })
const uri = fc.webUrl().filter((one) => !one.includes('#'))
const vschars = fc.stringMatching(/^[!-~]{1,40}$/)

const client = fc.record({ client_id: text, client_secret: text })
const wishes = fc.record(
  {
    scope: scope.map((names) => names.join(' ')),
    audience: uri,
    resource: fc.array(uri, { minLength: 1, maxLength: 3 }).map((all) => all.join(' ')),
    'x-extra': text,
  },
  { requiredKeys: [] },
)
const grant = fc.oneof(
  fc.record({ grant_type: fc.constant('client_credentials') }),
  fc.record({ grant_type: fc.constant('password'), username: text, password: text }),
  fc.record({ grant_type: fc.constant('refresh_token'), refresh_token: vschars }),
)

test('Every document the arbitrary makes is a dialect, and is taken as it is', () => {
  fc.assert(
    fc.property(dialectDocument, (document) => {
      assert.deepEqual(dialectProblems(document), [])
      assert.deepEqual(resolveDialect(document), document)
    }),
  )
})

test('A token request reads back as it was written, or the writer says that it has no words for it', () => {
  let written = 0
  fc.assert(
    fc.property(dialect, grant, client, wishes, fc.boolean(), (document, what, who, wanted, asBasic) => {
      const { tokenRequest } = compile(document)
      const parameters = new Map<string, string>(Object.entries({ ...what, ...(asBasic ? {} : who), ...wanted }))
      const request = asBasic ? { parameters, basic: { clientId: who.client_id, clientSecret: who.client_secret } } : { parameters }
      for (const encoding of document.token_request.encodings) {
        const wire = attempt(() => tokenRequest.write(request, '/token', encoding))
        if (wire === undefined) continue
        written++
        assert.equal(wire.method, 'POST')
        const read = tokenRequest.read(wire)
        assert.deepEqual(new Map(read.parameters), parameters)
        assert.deepEqual(read.basic, asBasic ? request.basic : undefined)
      }
    }),
    { numRuns: 500 },
  )
  assert.ok(written > 250, `only ${written} requests could be written`)
})

const tokens = fc
  .record(
    {
      accessToken: vschars,
      expiresIn: fc.integer({ min: 1, max: 1e9 }),
      refreshToken: vschars,
      refreshExpiresIn: fc.integer({ min: 1, max: 1e9 }),
      scope,
      issuedTokenType: fc.constantFrom(ACCESS_TOKEN_TYPE, JWT_TYPE),
    },
    { requiredKeys: ['accessToken', 'expiresIn'] },
  )
  .map((own): TokenSet => ({ tokenType: 'Bearer', ...own }))
  .filter((own) => own.refreshToken !== 'none')

test('A token response reads back as it was written, in all that the dialect tells', () => {
  fc.assert(
    fc.property(dialect, tokens, (document, own) => {
      const { tokenResponse } = compile(document)
      const wire = tokenResponse.write(own)
      assert.deepEqual([wire.status, wire.headers['cache-control'], wire.headers['content-type']], [200, 'no-store', 'application/json'])
      assert.deepEqual(tokenResponse.read(wire), told(document, own))
    }),
    { numRuns: 500 },
  )
})

test('An error reads back with its code, status, description and time to wait', () => {
  const code = fc.constantFrom(...Object.keys(OAUTH_ERRORS).filter(isOAuthErrorCode))
  fc.assert(
    fc.property(
      dialect,
      code,
      fc.stringMatching(/^[ !#-[\]-~]{1,60}$/),
      fc.option(fc.integer({ min: 0, max: 9999 }), { nil: undefined }),
      (document, name: OAuthErrorCode, description, retryAfter) => {
        const { error } = compile(document)
        const wire = error.write(new OAuthError(name, description, retryAfter === undefined ? {} : { retryAfter }))
        const status = document.error.statuses[name] ?? OAUTH_ERRORS[name]
        assert.deepEqual([wire.status, wire.headers['cache-control']], [status, 'no-store'])
        const read = error.read(wire)
        assert.deepEqual([read.code, read.status, read.description, read.retryAfter], [name, status, description, retryAfter])
      },
    ),
    { numRuns: 500 },
  )
})

test('A presentation reads back as it was written', () => {
  const value = fc.stringMatching(/^[A-Za-z0-9._~+/=-]{1,60}$/)
  fc.assert(
    fc.property(dialect, value, value, (document, token, apiKey) => {
      const { presentation } = compile(document)
      const hasKeys = document.presentation.api_key.length > 0
      const fields = presentation.write(hasKeys ? { token, apiKey } : { token })
      assert.deepEqual(presentation.read(fields), { token, apiKey: hasKeys ? apiKey : undefined, problem: undefined })
      assert.ok(Object.keys(fields).every((name) => presentation.headers.includes(name)))
    }),
    { numRuns: 500 },
  )
})

test('Whatever comes in a token request, reading yields parameters or an OAuthError', () => {
  const soup = fc.array(
    fc.constantFrom(
      '&',
      '=',
      '%',
      '{',
      '}',
      '"',
      ':',
      ',',
      'auth_string',
      'grant_type',
      'client_credentials',
      'resource',
      '%00',
      'bmV3',
      '__proto__',
      '\ud800',
    ),
    { maxLength: 40 },
  )
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    soup.map((all) => all.join('')),
  )
  const type = fc.oneof(
    fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'APPLICATION/JSON ; charset=utf-8', undefined),
    fc.string(),
  )
  const authorization = fc.option(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((one) => `Basic ${one}`),
    ),
    { nil: undefined },
  )
  fc.assert(
    fc.property(dialect, body, type, authorization, (document, content, contentType, field) => {
      const { tokenRequest } = compile(document)
      const headers = { 'content-type': contentType, authorization: field }
      attempt(() => tokenRequest.read({ method: 'POST', path: '/', headers, body: content }), OAuthError)
    }),
    { numRuns: 1000 },
  )
})

test('Whatever a server answers, reading yields tokens or UnreadableAnswer, and always an error', () => {
  const body = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .dictionary(fc.constantFrom('access_token', 'scope', 'expires_in', 'error', 'data'), fc.jsonValue())
      .map((one) => JSON.stringify(one)),
  )
  fc.assert(
    fc.property(dialect, body, fc.integer({ min: 100, max: 599 }), (document, content, status) => {
      const { tokenResponse, error } = compile(document)
      const response = { status, headers: {}, body: content }
      attempt(() => tokenResponse.read(response), UnreadableAnswer)
      const read = error.read(response)
      assert.ok(read.status === status && isOAuthErrorCode(read.code))
    }),
    { numRuns: 1000 },
  )
})

test('Whatever the header fields, reading a presentation throws nothing', () => {
  const field = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((one) => `Bearer ${one}`),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.constant(undefined),
  )
  const fields = fc.dictionary(fc.constantFrom('authorization', 'access_token', 'x-session', 'x-api-key', 'apikey', 'constructor'), field, {
    noNullPrototype: true,
  })
  fc.assert(
    fc.property(dialect, fields, (document, own) => {
      const { token, apiKey, problem } = compile(document).presentation.read(own)
      for (const value of [token, apiKey]) assert.ok(value === undefined || /^[!-~]+$/.test(value))
      assert.ok(problem === undefined || !/[\0-\x1f]/.test(problem))
    }),
    { numRuns: 1000 },
  )
})

/** The result, or undefined for the one kind of refusal that is allowed; any other exception is the test's. */
function attempt<T>(run: () => T, kind: new (...args: never[]) => Error = TypeError): T | undefined {
  try {
    return run()
  } catch (error) {
    if (error instanceof kind) return undefined
    throw error
  }
}

/** What an answer in this dialect can tell of a token set. */
function told(document: Dialect, own: TokenSet): TokenSet {
  const says = (source: TokenSource) =>
    document.token_response.members.some((one) => one.from === source && one.verbatim !== (document.verbatim ? 'omit' : 'only'))
  const refreshed = own.refreshToken !== undefined && says('refresh_token')
  return {
    accessToken: own.accessToken,
    tokenType: own.tokenType,
    expiresIn: says('expires_in') ? own.expiresIn : 0,
    ...(refreshed ? { refreshToken: own.refreshToken } : {}),
    ...(refreshed && own.refreshExpiresIn !== undefined && says('refresh_expires_in') ? { refreshExpiresIn: own.refreshExpiresIn } : {}),
    ...(own.scope !== undefined && says('scope') ? { scope: own.scope } : {}),
    ...(own.issuedTokenType !== undefined && says('issued_token_type') ? { issuedTokenType: own.issuedTokenType } : {}),
  }
}
