// Challenges: what issuer and guard write the client reads, and other people's fields in all the grammar allows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readChallenges, writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import fc from 'fast-check'

const plain = (field: string) => readChallenges(field).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

test('A challenge is written with quoted parameters, or as the bare scheme', () => {
  assert.equal(writeChallenge('Bearer', {}), 'Bearer')
  assert.equal(writeChallenge('Bearer', { realm: undefined }), 'Bearer')
  assert.equal(writeChallenge('Bearer', { realm: 'wave', error: 'invalid_token' }), 'Bearer realm="wave", error="invalid_token"')
})

test('Nothing in a value can end the quoted string or the field', () => {
  assert.equal(writeChallenge('Bearer', { realm: 'a"b\\c\r\nset-cookie: x=1\0é' }), 'Bearer realm="a\'b/c??set-cookie: x=1??"')
})

test('The examples of RFC 6750 and RFC 9110 read', () => {
  assert.deepEqual(plain('Bearer realm="example", error="invalid_token", error_description="The access token expired"'), [
    ['Bearer', { realm: 'example', error: 'invalid_token', error_description: 'The access token expired' }],
  ])
  assert.deepEqual(plain('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'), [
    ['Basic', { realm: 'simple' }],
    ['Newauth', { realm: 'apps', type: '1', title: 'Login to "apps"' }],
  ])
})

test('Lists may have empty elements, parameters white space, and names any case', () => {
  assert.deepEqual(plain(', ,Bearer , ERROR = invalid_token ,, Basic'), [
    ['Bearer', { error: 'invalid_token' }],
    ['Basic', {}],
  ])
})

test('A scheme with a token68 does not hide the challenge behind it', () => {
  assert.deepEqual(plain('Negotiate YWJj==, Bearer error="invalid_token"'), [
    ['Negotiate', {}],
    ['Bearer', { error: 'invalid_token' }],
  ])
  assert.deepEqual(plain('NTLM TlRMTVNT , Bearer realm=x'), [
    ['NTLM', {}],
    ['Bearer', { realm: 'x' }],
  ])
})

test('A parameter given twice keeps its first value, and names of objects are names', () => {
  const [challenge] = readChallenges('Bearer error=a, error=b, __proto__=x, constructor=y')
  assert.deepEqual(
    [...(challenge?.parameters ?? [])],
    [
      ['error', 'a'],
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ],
  )
})

test('What cannot be read ends the list', () => {
  assert.deepEqual(plain(''), [])
  assert.deepEqual(plain('="x"'), [])
  assert.deepEqual(plain('realm="x", Bearer'), [])
  assert.deepEqual(plain('Bearer realm="x'), [['Bearer', {}]])
  assert.deepEqual(plain('Bearer realm="x", @, Basic'), [['Bearer', { realm: 'x' }]])
})

test('At most 8 KiB are looked at', () => {
  assert.equal(readChallenges(`Bearer realm="x"${' '.repeat(8192)}, Basic`).length, 1)
})

test('What is written reads back', () => {
  const name = fc.stringMatching(/^[a-z_]{1,20}$/)
  const text = fc.stringMatching(/^[ !#-[\]-~]{0,60}$/)
  const challenge = fc.tuple(fc.stringMatching(/^[A-Za-z]{1,10}$/), fc.dictionary(name, text, { noNullPrototype: true }))
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), (all) => {
      const own = all.map(([scheme, parameters]) => [scheme, Object.fromEntries(Object.entries(parameters))] as const)
      assert.deepEqual(plain(own.map(([scheme, parameters]) => writeChallenge(scheme, parameters)).join(', ')), own)
    }),
  )
})

test('Any field reads without an exception, hostile runs included', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (field) => assert.ok(Array.isArray(readChallenges(field)))))
  for (const run of ['a', 'a ', 'a,', '=', '"', '\\', 'a="', 'a=a ', ' ', 'a a=b,', 'A+/=']) {
    assert.ok(readChallenges(run.repeat(20_000)).length <= 8192)
    assert.ok(readChallenges(`Bearer ${run.repeat(20_000)}`).length <= 8192)
  }
})
