// The client's short way through the standard dialect, held equal to the way through its document.
import assert from 'node:assert/strict'
import test from 'node:test'
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import { clientDialect } from '@countersign/protocol/dialect/client'
import { UnreadableAnswer } from '@countersign/protocol/dialect/codec/token_response'
import { standardClient } from '@countersign/protocol/dialect/standard_client'
import fc from 'fast-check'

const long = clientDialect(standard)
const MEMBERS = [
  'access_token',
  'token_type',
  'expires_in',
  'refresh_token',
  'refresh_expires_in',
  'scope',
  'issued_token_type',
  'error',
  'error_description',
  'other',
]
const value = fc.oneof(fc.string(), fc.constantFrom('abc', 'Bearer', 'read write', 'invalid_grant', '60', ''), fc.double(), fc.jsonValue())
const answer = fc.dictionary(fc.constantFrom(...MEMBERS), value)
const body = fc.oneof(
  answer.map((one) => JSON.stringify(one)),
  fc.json(),
  fc.string(),
)

/** What it gives, or the sentence of its refusal. */
function outcome<Result>(read: () => Result): Result | string {
  try {
    return read()
  } catch (error) {
    if (error instanceof UnreadableAnswer || error instanceof TypeError) return error.message
    throw error
  }
}

test('whatever the token endpoint answers, both ways read the same', () => {
  const headers = fc.record({ 'retry-after': fc.constantFrom('7', 'soon', ''), 'www-authenticate': fc.string() }, { requiredKeys: [] })
  fc.assert(
    fc.property(body, headers, fc.integer({ min: 200, max: 599 }), (text, fields, status) => {
      const response = { status, headers: fields as Record<string, string>, body: text }
      assert.deepEqual(
        outcome(() => standardClient.tokenResponse.read(response)),
        outcome(() => long.tokenResponse.read(response)),
      )
      assert.deepEqual(standardClient.error.read(response), long.error.read(response))
    }),
  )
})

test('whatever is asked and shown, both ways write the same', () => {
  const names = fc.constantFrom('grant_type', 'client_id', 'scope', 'resource', 'username', 'redirect_uri', 'x')
  const parameters = fc.uniqueArray(fc.tuple(names, fc.string()), { selector: ([name]) => name })
  const basic = fc.option(fc.record({ clientId: fc.string(), clientSecret: fc.string() }), { nil: undefined })
  fc.assert(
    fc.property(parameters, basic, fc.string(), fc.option(fc.string(), { nil: undefined }), (pairs, credentials, token, apiKey) => {
      const request = { parameters: new Map(pairs), ...(credentials === undefined ? {} : { basic: credentials }) }
      assert.deepEqual(standardClient.tokenRequest.write(request, '/token'), long.tokenRequest.write(request, '/token'))
      const shown = { token, ...(apiKey === undefined ? {} : { apiKey }) }
      assert.deepEqual(
        outcome(() => standardClient.presentation.write(shown)),
        outcome(() => long.presentation.write(shown)),
      )
    }),
  )
  assert.deepEqual(standardClient.presentation.headers, long.presentation.headers)
  assert.deepEqual(standardClient.document.presentation, standard.presentation)
})

test('it authenticates with the methods of the document that take a secret as it is, in its order', () => {
  const plain = standard.token_request.client_auth.filter((one) => one === 'client_secret_basic' || one === 'client_secret_post')
  assert.deepEqual(standardClient.document.token_request.client_auth, plain)
})
