// What commands print is harmless: aligned, and nothing in it moves a cursor or pretends to be a line.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isoTime, jsonText, printable, table } from '../../src/cli/listing.ts'

const HOSTILE = '\u001b[2J\r\n\u0000\u007f\u009b\u202e\u2028\ufeff\u{e0041}'
const HARMLESS = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]*$/u

test('columns are aligned, and nothing hangs behind the last', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['first', ''],
        ['', 'x'],
      ],
    ),
    'A      LONG\nfirst\n       x\n',
  )
})

test('control and format characters are shown, not sent', () => {
  assert.equal(printable('a\u001b[2J'), 'a\\u{1b}[2J')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => HARMLESS.test(printable(text))))
  const rows = table(
    ['NAME', 'X'],
    [
      [HOSTILE, '1'],
      ['b', '2'],
    ],
  )
  assert.equal(rows.split('\n').length, 4)
  assert.match(rows.replaceAll('\n', ''), HARMLESS)
})

test('JSON is harmless and means what it meant', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'grapheme' }), (value, name) => {
      const whole = { [name]: value, hostile: HOSTILE }
      assert.match(jsonText(whole), HARMLESS)
      assert.equal(JSON.stringify(JSON.parse(jsonText(whole))), JSON.stringify(whole))
      assert.equal(JSON.stringify(JSON.parse(jsonText(whole, 2))), JSON.stringify(whole))
      assert.match(jsonText(whole, 2).replaceAll('\n', ''), HARMLESS)
    }),
  )
})

test('times are ISO 8601, in UTC and whole seconds', () => assert.equal(isoTime(1_795_255_200), '2026-11-21T10:00:00Z'))
