// Tokens and keys in header fields: one reading, one carrier, nothing between the lines.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'

const speak = (dialect: string | DialectDocument) => compile(resolveDialect(dialect))

test('A token is read under its scheme in any case, and under no other', () => {
  const { presentation } = speak('standard')
  const token = (authorization: IncomingFields[string]) => presentation.read({ authorization })
  for (const field of ['Bearer abc', 'bearer abc', 'BEARER   abc', 'Bearer abc ']) assert.equal(token(field).token, 'abc')
  for (const field of ['Basic abc', 'Bearerabc', 'Bear abc', 'abc', '', undefined, []])
    assert.deepEqual(token(field), { token: undefined, apiKey: undefined, problem: undefined })
  for (const field of [
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer a,b',
    'Bearer é',
    'Bearer a\u00a0',
    'Bearer \u00a0a',
    `Bearer ${'a'.repeat(16 * 1024 + 1)}`,
  ]) {
    assert.match(token(field).problem ?? '', /not in the form/, field)
    assert.equal(token(field).token, undefined)
  }
})

test('A token shown twice is a problem, however it is shown', () => {
  const wc = speak('webcommander').presentation
  for (const fields of [
    { access_token: 'a', authorization: 'Bearer a' },
    { access_token: ['a', 'a'] },
    { access_token: 'a', authorization: 'Bearer' },
  ]) {
    assert.deepEqual(wc.read(fields), { token: undefined, apiKey: undefined, problem: 'The access token is presented more than once.' })
  }
  assert.equal(wc.read({ access_token: ['a'] }).token, 'a')
  assert.equal(wc.read({ access_token: 'a', authorization: 'Basic abc' }).token, 'a')
  assert.match(speak('standard').presentation.read({ 'x-api-key': ['a', 'b'] }).problem ?? '', /API key is presented more than once/)
})

test('One header may take a scheme or the bare token', () => {
  for (const token of [
    [
      { header: 'authorization', scheme: null },
      { header: 'authorization', scheme: 'Bearer' },
    ],
    [
      { header: 'authorization', scheme: 'Bearer' },
      { header: 'authorization', scheme: null },
    ],
  ]) {
    const { presentation } = speak({ extends: 'standard', presentation: { token } })
    for (const authorization of ['Bearer abc', 'abc']) assert.equal(presentation.read({ authorization }).token, 'abc')
    assert.match(presentation.read({ authorization: 'Basic abc' }).problem ?? '', /not in the form/)
  }
})

test('What no header can carry is not written, and not told either', () => {
  const { presentation } = speak('standard')
  for (const token of ['', 'a b', 'a\r\nx: y', 'secré']) {
    assert.throws(
      () => presentation.write({ token }),
      (error) => error instanceof TypeError && (token === '' || !error.message.includes(token)),
    )
  }
  assert.throws(() => speak('webcommander').presentation.write({ apiKey: 'k' }), TypeError)
  const one = speak({ extends: 'standard', presentation: { api_key: [{ header: 'authorization', scheme: 'ApiKey' }] } }).presentation
  assert.deepEqual(one.write({ apiKey: 'k' }), { authorization: 'ApiKey k' })
  assert.throws(() => one.write({ token: 't', apiKey: 'k' }), TypeError)
})
