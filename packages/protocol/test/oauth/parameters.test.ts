// Forms and JSON bodies: one reading each, bounds, and refusals in the words of RFC 6749.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { Parameters } from '@countersign/protocol/oauth/parameters'
import {
  decodeFormText,
  encodeFormText,
  MAX_BODY_BYTES,
  readForm,
  readJson,
  writeForm,
  writeJson,
} from '@countersign/protocol/oauth/parameters'
import fc from 'fast-check'

const entries = (parameters: Parameters) => Object.fromEntries(parameters)
const refused = (read: () => unknown, message: RegExp, code = 'invalid_request') =>
  assert.throws(read, (error) => error instanceof OAuthError && error.code === code && error.status === 400 && message.test(error.message))

const isPlain = (text: string) => /^[^\p{Cc}]*$/u.test(text)
const value = fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 60 }).filter(isPlain)
const anyCharacter = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((text) => isPlain(text) && text.isWellFormed())
const name = anyCharacter.filter((text) => text !== 'resource' && text !== '__proto__')
const parameters = fc
  .uniqueArray(fc.tuple(name, fc.oneof(value, anyCharacter)), { selector: ([one]) => one, maxLength: 20 })
  .map((all) => new Map(all))

test('A form reads as percent- and plus-encoded UTF-8', () => {
  assert.deepEqual(entries(readForm('a=1+2%203&b=%C3%A9%F0%9F%94%92&c=%2B%26%3D%25')), { a: '1 2 3', b: 'é🔒', c: '+&=%' })
  assert.deepEqual(entries(readForm('a=b=c')), { a: 'b=c' })
  assert.deepEqual(entries(readForm('%67rant_type=x')), { grant_type: 'x' })
})

test('Empty values are absent, and empty pairs are nothing', () => {
  assert.deepEqual(entries(readForm('a=&b&&c=1&')), { c: '1' })
  assert.deepEqual(entries(readForm('')), {})
  assert.deepEqual(entries(readJson('{"a":"","b":null,"c":"1"}')), { c: '1' })
})

test('A repeated parameter is refused, an empty one and one in another encoding too', () => {
  refused(() => readForm('scope=a&scope=b'), /'scope' is given more than once/)
  refused(() => readForm('scope=&scope=b'), /'scope' is given more than once/)
  refused(() => readForm('scope=a&scope='), /'scope' is given more than once/)
  refused(() => readForm('client_id=a&client%5Fid=a'), /'client_id' is given more than once/)
  refused(() => readJson('{"scope":"a","scope":"b"}'), /same name/)
  refused(() => readJson('{"scope":"a","sc\\u006fpe":"b"}'), /same name/)
})

test('Only resource may be repeated, and no value of it can pass for two', () => {
  assert.equal(readForm('resource=https://a&resource=&resource=https://b').get('resource'), 'https://a https://b')
  assert.equal(readForm('resource=&resource=https://b').get('resource'), 'https://b')
  assert.equal(readJson('{"resource":["https://a","","https://b"]}').get('resource'), 'https://a https://b')
  assert.equal(readJson('{"resource":[]}').has('resource'), false)
  refused(() => readForm('resource=https://a+https://b'), /absolute URI/, 'invalid_target')
  refused(() => readForm('resource=https://a%E3%80%80b'), /absolute URI/, 'invalid_target')
  refused(() => readJson('{"resource":"https://a https://b"}'), /absolute URI/, 'invalid_target')
  refused(() => readJson('{"resource":["https://a https://b"]}'), /absolute URI/, 'invalid_target')
  refused(() => readJson('{"resource":["https://a",1]}'), /must be a string/)
  refused(() => readJson('{"scope":["a"]}'), /must be a string/)
})

test('Several resources read back as they were written', () => {
  const two: Parameters = new Map([['resource', 'https://a https://b']])
  assert.equal(writeForm(two), 'resource=https%3A%2F%2Fa&resource=https%3A%2F%2Fb')
  assert.deepEqual(readForm(writeForm(two)), two)
  assert.deepEqual(readJson(writeJson(two)), two)
})

test('A broken escape and one that is no UTF-8 are refused', () => {
  for (const body of ['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%ed%a0%80', 'a=%c0%af', '%=1']) refused(() => readForm(body), /percent-escape/)
})

test('Control characters are refused; a TAB, which passwords may have, is not', () => {
  for (const code of ['00', '01', '08', '0a', '0d', '1b', '1f', '7f']) {
    refused(() => readForm(`a=x%${code}`), /control character/)
    refused(() => readForm(`a%${code}=x`), /control character/)
    refused(() => readJson(`{"a":"x\\u00${code}"}`), /control character/)
  }
  assert.equal(readForm('password=a%09b').get('password'), 'a\tb')
  assert.equal(readJson('{"password":"a\\tb"}').get('password'), 'a\tb')
})

test('Half of a surrogate pair is refused, since it would hash like any other half', () => {
  refused(() => readForm('password=\ud800'), /surrogate/)
  refused(() => readForm('\udc00=1'), /surrogate/)
  refused(() => readJson('{"password":"\\ud800"}'), /surrogate/)
  refused(() => readJson('{"password":"\ud800"}'), /surrogate/)
})

test('Names that objects are born with are names like any other', () => {
  const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf']
  assert.deepEqual([...readForm(names.map((one) => `${one}=1`).join('&')).keys()], names)
  assert.deepEqual([...readJson(JSON.stringify(Object.fromEntries(names.map((one) => [one, '1'])))).keys()], names)
  assert.equal(readForm('__proto__=1').get('__proto__'), '1')
  refused(() => readJson('{"__proto__":{"grant_type":"password"}}'), /__proto__/)
  assert.equal(readForm('a=1').get('constructor'), undefined)
})

test('Everything is bounded: the body, the number of parameters, their names and values', () => {
  refused(() => readForm('a'.repeat(MAX_BODY_BYTES + 1)), /longer than 32768 bytes/)
  refused(() => readJson(' '.repeat(MAX_BODY_BYTES + 1)), /longer than 32768 bytes/)
  refused(() => readForm('&'.repeat(101)), /more than 100/)
  refused(() => readForm(Array.from({ length: 101 }, (_, index) => `p${index}=1`).join('&')), /more than 100/)
  assert.equal(readForm(Array.from({ length: 100 }, (_, index) => `p${index}=1`).join('&')).size, 100)
  refused(() => readJson(JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`p${index}`, '1'])))), /too many/)
  refused(() => readForm(`${'n'.repeat(257)}=1`), /name is empty or longer than 256/)
  refused(() => readForm('=1'), /name is empty/)
  refused(() => readJson('{"":"1"}'), /name is empty/)
  refused(() => readForm(`a=${'v'.repeat(16 * 1024 + 1)}`), /longer than 16384/)
  assert.equal(readForm(`a=${'v'.repeat(16 * 1024)}`).get('a')?.length, 16 * 1024)
})

test('JSON must be one object of strings', () => {
  for (const body of ['', '[]', '"a"', 'null', '1', '[{"a":"1"}]']) refused(() => readJson(body), /JSON/)
  for (const body of ['{"a":1', "{'a':'1'}", '{"a":"1"}{}', '{"a":"1",}', '\ufeff{"a":"1"}', 'NaN'])
    refused(() => readJson(body), /not valid JSON/)
  refused(() => readJson('{"a":{}}'), /'a' must be a string/)
  refused(() => readJson('{"a":["1"]}'), /'a' must be a string/)
  refused(() => readJson(`{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`), /levels deep/)
})

test('A number counts as its text only where no digit is lost', () => {
  assert.deepEqual(entries(readJson('{"a":12,"b":true,"c":false,"d":0,"e":-1.5}')), { a: '12', b: 'true', c: 'false', d: '0', e: '-1.5' })
  refused(() => readJson('{"client_id":12345678901234567890}'), /'client_id' must be a string/)
  refused(() => readJson('{"client_id":9007199254740993}'), /'client_id' must be a string/)
})

test('A refusal never tells a value, and tells a name in one short ASCII line', () => {
  const secret = 'hunter2-hunter2'
  for (const read of [
    () => readForm(`a=${secret}&a=${secret}`),
    () => readForm(`a=${secret}%00`),
    () => readJson(`{"a":["${secret}"]}`),
    () => readJson(`{"a":"${secret}`),
  ]) {
    assert.throws(read, (error) => error instanceof OAuthError && !error.message.includes(secret))
  }
  assert.throws(
    () => readForm(`${encodeURIComponent('é"\\').repeat(30)}=1%00`),
    (error) => error instanceof OAuthError && /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,160}$/.test(error.message),
  )
})

test('What a form writes it reads back, with all of Unicode', () => {
  fc.assert(fc.property(parameters, (all) => assert.deepEqual(readForm(writeForm(all)), all)))
})

test('What JSON writes it reads back, with all of Unicode', () => {
  fc.assert(fc.property(parameters, (all) => assert.deepEqual(entries(readJson(writeJson(all))), entries(all))))
})

test('A form reads what URLSearchParams and encodeURIComponent write', () => {
  fc.assert(
    fc.property(parameters, (all) => {
      assert.deepEqual(readForm(new URLSearchParams([...all]).toString()), all)
      assert.deepEqual(readForm([...all].map(([one, text]) => `${encodeURIComponent(one)}=${encodeURIComponent(text)}`).join('&')), all)
    }),
  )
})

test('Form text decodes to what was encoded', () => {
  fc.assert(fc.property(anyCharacter, (text) => assert.equal(decodeFormText(encodeFormText(text)), text)))
  assert.equal(encodeFormText(''), '')
})

test('Whatever comes, reading gives parameters or an OAuthError', () => {
  const soup = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.json(),
    fc
      .array(
        fc.constantFrom('&', '=', '%', '+', 'a', '%00', '%ff', '{', '}', '"', ':', ',', '[', ']', '\\', 'resource', '__proto__', '\ud800'),
        { maxLength: 60 },
      )
      .map((all) => all.join('')),
  )
  fc.assert(
    fc.property(soup, (body) => {
      for (const read of [readForm, readJson]) {
        try {
          for (const [one, text] of read(body)) assert.ok(one !== '' && text !== '' && text.isWellFormed())
        } catch (error) {
          assert.ok(error instanceof OAuthError, String(error))
        }
      }
    }),
    { numRuns: 1000 },
  )
})
