// Strict JSON against JSON.parse: the same values, and refusal of everything with two readings.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isJsonObject, parseStrictJson, StrictJsonError } from '@countersign/protocol/oauth/strict_json'
import fc from 'fast-check'

const LIMITS = { maxDepth: 16, maxMembers: 1000 }
const refused = (text: string, limits = LIMITS): void => {
  assert.throws(
    () => parseStrictJson(text, limits),
    (error) => {
      assert.ok(error instanceof StrictJsonError, String(error))
      assert.match(error.message, /^The [^\n]+\.$/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    },
  )
}

test('Valid JSON gives what JSON.parse gives', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6, stringUnit: 'grapheme' }), fc.nat(3), (text, indent) => {
      const value: unknown = JSON.parse(text)
      if (text.includes('__proto__')) return
      assert.deepEqual(parseStrictJson(JSON.stringify(value, null, indent), LIMITS), value)
    }),
    { numRuns: 1000 },
  )
})

test('Any text is read as JSON.parse reads it, or refused with one sentence', () => {
  const soup = fc.array(fc.constantFrom('{', '}', '[', ']', ':', ',', '"', '\\', 'a', '1', ' ', '"a"', '"b":', '\\u0061', '"\\"', 'null'), {
    maxLength: 20,
  })
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        soup.map((parts) => parts.join('')),
      ),
      (text) => {
        let value: unknown
        try {
          value = parseStrictJson(text, LIMITS)
        } catch (error) {
          assert.ok(error instanceof StrictJsonError, String(error))
          return
        }
        assert.deepEqual(value, JSON.parse(text))
      },
    ),
    { numRuns: 5000 },
  )
})

test('A repeated member name is refused at any depth and in any spelling', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }).filter((text) => text !== '__proto__')
  const escaped = (text: string): string =>
    `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`
  fc.assert(
    fc.property(name, fc.json({ maxDepth: 2 }), fc.nat(5), fc.boolean(), (twice, value, depth, spelled) => {
      if (value.includes('__proto__')) return
      const inner = `{${JSON.stringify(twice)}:${value},"x:{,":1,${spelled ? escaped(twice) : JSON.stringify(twice)}:2}`
      refused(`${'{"in":['.repeat(depth)}${inner}${']}'.repeat(depth)}`)
    }),
  )
})

test('Colons, braces and quotes inside strings are text', () => {
  const text = '{"a:b{[":"x:\\"}:\\\\","c":"\\\\\\\\","d":":"}'
  assert.deepEqual(parseStrictJson(text, { maxDepth: 1, maxMembers: 3 }), { 'a:b{[': 'x:"}:\\', c: '\\\\', d: ':' })
})

test('Prototype members, lone surrogates and endless numbers are refused', () => {
  for (const text of [
    '{"__proto__":1}',
    '{"\\u005f_proto__":{}}',
    '[{"a":{"__proto__":null}}]',
    '"\\ud800"',
    '{"\\udc00":1}',
    '"\ud800"',
    '1e400',
    '[-1e999]',
  ]) {
    refused(text)
  }
  assert.deepEqual(parseStrictJson('["\\ud83d\\ude00",1e308]', LIMITS), ['😀', 1e308])
})

test('Depth and members are bounded exactly', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
  parseStrictJson(nested(16), LIMITS)
  refused(nested(17))
  refused(nested(100_000))
  refused('['.repeat(100_000))
  refused(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`)
  const wide = (count: number): string => `{${Array.from({ length: count }, (_, index) => `"m${index}":1`).join(',')}}`
  parseStrictJson(wide(10), { maxDepth: 1, maxMembers: 10 })
  refused(wide(11), { maxDepth: 1, maxMembers: 10 })
  parseStrictJson('{"a":[1,2],"b":[3]}', { maxDepth: 2, maxMembers: 5 })
  refused('{"a":[1,2],"b":[3]}', { maxDepth: 2, maxMembers: 4 })
})

test('What is not JSON is refused without being quoted', () => {
  for (const text of [
    '',
    ' ',
    '{',
    '}',
    '{"secret":}',
    '{secret:1}',
    "{'secret':1}",
    '{"secret":1,}',
    '[1,]',
    'NaN',
    'undefined',
    '01',
    '1 2',
    '"secret',
    '"\\"',
    '\ufeff{}',
  ]) {
    refused(text)
  }
})

test('Only objects pass for objects', () => {
  assert.equal(isJsonObject(parseStrictJson('{}', LIMITS)), true)
  for (const text of ['[]', 'null', '"a"', '1', 'true']) assert.equal(isJsonObject(parseStrictJson(text, LIMITS)), false)
})
