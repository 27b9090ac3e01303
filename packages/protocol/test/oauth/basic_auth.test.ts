// Basic credentials and the base64 beneath: every special character, both encodings, no way around a broken header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBase64Text, writeBase64Text } from '@countersign/protocol/oauth/base64'
import { readBasicAuth, writeBasicAuth } from '@countersign/protocol/oauth/basic_auth'
import { OAuthError } from '@countersign/protocol/oauth/error'
import fc from 'fast-check'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const SPECIAL = ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~ äöüß€🔒'

const refused = (field: string) =>
  assert.throws(
    () => readBasicAuth(field),
    (error) =>
      error instanceof OAuthError &&
      error.code === 'invalid_client' &&
      error.status === 401 &&
      (error.challenge ?? '').startsWith('Basic realm="'),
    field,
  )

test('Credentials read back as written, with every special character', () => {
  assert.deepEqual(readBasicAuth(writeBasicAuth({ clientId: SPECIAL, clientSecret: SPECIAL })), {
    clientId: SPECIAL,
    clientSecret: SPECIAL,
  })
  const text = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((one) => /^[^\p{Cc}]*$/u.test(one))
  fc.assert(
    fc.property(
      text.filter((one) => one !== ''),
      text,
      (clientId, clientSecret) => assert.deepEqual(readBasicAuth(writeBasicAuth({ clientId, clientSecret })), { clientId, clientSecret }),
    ),
  )
})

test('The example of RFC 6749 section 2.3.1 reads', () => {
  assert.deepEqual(readBasicAuth('Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3'), {
    clientId: 's6BhdRkqt3',
    clientSecret: '7Fjfp0ZBr1KtDRbnfVdmIw',
  })
})

test('Both halves are form-encoded: percent and plus are undone', () => {
  assert.deepEqual(readBasicAuth(basic('a%3Ab:c%2Bd+e%20f')), { clientId: 'a:b', clientSecret: 'c+d e f' })
})

test('A half that was sent raw is taken as it is where it cannot be an encoding', () => {
  assert.deepEqual(readBasicAuth(basic('id:100%')), { clientId: 'id', clientSecret: '100%' })
  assert.deepEqual(readBasicAuth(basic('id:a%zz:b')), { clientId: 'id', clientSecret: 'a%zz:b' })
  assert.deepEqual(readBasicAuth(basic('id:')), { clientId: 'id', clientSecret: '' })
})

test('The scheme is read in any case, with any number of spaces behind it', () => {
  for (const scheme of ['basic', 'BASIC', 'Basic  ', ' Basic']) assert.equal(readBasicAuth(`${scheme} ${btoa('a:b')}`)?.clientId, 'a')
  assert.equal(readBasicAuth(`Basic ${btoa('a:b')} `)?.clientId, 'a')
})

test('Another scheme is none of its business', () => {
  for (const field of ['', 'Bearer abc', 'Basically abc', 'Basic-2 abc', 'DPoP x', `xBasic ${btoa('a:b')}`])
    assert.equal(readBasicAuth(field), undefined, field)
})

test('What says Basic and is not readable is refused in Basic, never passed over', () => {
  const bad = [
    'Basic',
    'Basic ',
    'Basic !!!',
    'Basic YQ',
    `Basic\t${btoa('a:b')}`,
    `Basic,${btoa('a:b')}`,
    `Basic ${btoa('a:b')}, Basic ${btoa('c:d')}`,
    `Basic ${btoa('a:b')} x`,
  ]
  for (const field of [
    ...bad,
    `Basic ${btoa(':secret')}`,
    `Basic ${btoa('\xff:b')}`,
    basic('a\0:b'),
    basic('a:b%00'),
    basic('a:b%0a'),
    basic('a\n:b'),
    `Basic\n${btoa('a:b')}`,
  ])
    refused(field)
  refused(`Basic ${'A'.repeat(8196)}`)
})

test('A refusal does not tell the secret', () => {
  assert.throws(
    () => readBasicAuth(basic('client:hunter2%00')),
    (error) => error instanceof OAuthError && !error.message.includes('hunter2'),
  )
})

test('Whatever the field, reading gives credentials, nothing, or an OAuthError', () => {
  const field = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary' }).map((text) => `Basic ${text}`),
    fc.string({ unit: 'binary' }).map((text) => basic(text)),
    fc.base64String().map((text) => `basic ${text}`),
  )
  fc.assert(
    fc.property(field, (text) => {
      try {
        const read = readBasicAuth(text)
        assert.ok(read === undefined || (read.clientId !== '' && read.clientSecret.isWellFormed()))
      } catch (error) {
        assert.ok(error instanceof OAuthError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('Base64 text reads back as written and as Buffer writes it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      assert.equal(readBase64Text(writeBase64Text(text)), text)
      assert.equal(writeBase64Text(text), Buffer.from(text).toString('base64'))
      assert.equal(readBase64Text(Buffer.from(text).toString('base64').replaceAll('=', '')), text)
    }),
  )
})

test('Base64 that is malformed, not UTF-8 or too long is no text', () => {
  for (const text of ['a', 'a=', 'ab=', '=', '====', 'a-_b', 'ab\ncd', 'ab cd', '/w==', '7aCA', 'wK8=', 'A'.repeat(8196)])
    assert.equal(readBase64Text(text), undefined, text)
  assert.equal(readBase64Text(''), '')
})
