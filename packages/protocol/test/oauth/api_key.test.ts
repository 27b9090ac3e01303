// API keys with a public id in them: found, told apart from those without, and never ok with a mistake.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { apiKeyIdOf, checkCredential, makeApiKey, makeCredential } from '../../src/oauth/credential.ts'

const ids = fc.string({ unit: fc.constantFrom(...'0123456789abcdefghijklmnopqrstuvwxyz'.split('')), minLength: 12, maxLength: 12 })
const bytes = fc.nat().map((seed): Uint8Array => createHash('sha256').update(`${seed}`).digest())
const keys = fc.tuple(ids, bytes).map(([id, random]) => makeApiKey(id, random))
const characters = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((one) => one.length === 1 && !/[+/=]/.test(one))

/** The expression that the document gives to scanners. */
const SCANNED = /\bcs_key_(?:[0-9a-z]{12}_)?[A-Za-z0-9_-]{42}[BFJNRVZdhlptx159][0-9A-Za-z]{6}(?![0-9A-Za-z_-])/
const DOCUMENT = readFileSync(new URL('../../../../docs/api-keys.md', import.meta.url), 'utf8')

test('a key is its prefix, 12 characters of id, 43 of base64url and 6 of checksum', () => {
  const key = makeApiKey('0123456789az', new Uint8Array(32))
  assert.match(key, /^cs_key_0123456789az_A{42}B[0-9A-Za-z]{6}$/)
  assert.equal(apiKeyIdOf(key), '0123456789az')
})

test('a whole key is ok, gives its id, and is found by a scanner', () => {
  fc.assert(
    fc.property(ids, bytes, (id, random) => {
      const key = makeApiKey(id, random)
      assert.deepEqual([checkCredential(key), apiKeyIdOf(key)], ['ok', id])
      assert.equal(SCANNED.exec(`curl -H "x-api-key: ${key}" https://a.example`)?.[0], key)
    }),
  )
})

test('a key without an id is as good, has none, and is found by the same scanner', () => {
  fc.assert(
    fc.property(bytes, (random) => {
      const key = makeCredential('key', random)
      assert.deepEqual([checkCredential(key), apiKeyIdOf(key)], ['ok', undefined])
      assert.equal(SCANNED.exec(`key=${key}\n`)?.[0], key)
    }),
  )
})

test('the document tells scanners of repositories the same', () => assert.ok(DOCUMENT.includes(`\n${SCANNED.source}\n`)))

test('one character changed, lost, added or behind it is damaged, in the id as in the rest', () => {
  fc.assert(
    fc.property(keys, fc.nat(), characters, (key, place, character) => {
      const at = 'cs_key_'.length + (place % (key.length - 'cs_key_'.length))
      const spoilt = [key.slice(0, at) + key.slice(at + 1), key.slice(0, at) + character + key.slice(at), key + character]
      if (key[at] !== character) spoilt.push(key.slice(0, at) + character + key.slice(at + 1))
      for (const text of spoilt) assert.deepEqual([checkCredential(text), apiKeyIdOf(text)], ['damaged', undefined], text)
    }),
    { numRuns: 2000 },
  )
})

test('one cut short is never ok', () => {
  fc.assert(fc.property(keys, fc.nat(68), (key, length) => checkCredential(key.slice(0, length)) !== 'ok'))
})

test('an id of one key in another one is damaged, and a secret has no id', () => {
  const [one, other] = [makeApiKey('aaaaaaaaaaaa', new Uint8Array(32)), makeApiKey('bbbbbbbbbbbb', new Uint8Array(32))]
  assert.equal(checkCredential(one.replace('aaaaaaaaaaaa', 'bbbbbbbbbbbb')), 'damaged')
  assert.notEqual(one.slice(-6), other.slice(-6))
  assert.equal(checkCredential(one.replace('cs_key_', 'cs_secret_')), 'damaged')
})

test('another id or another number of bytes is refused', () => {
  for (const id of ['', 'short', 'UPPERUPPERUP', 'with_score_x', '0123456789abc', '0123456789a\n'])
    assert.throws(() => makeApiKey(id, new Uint8Array(32)), RangeError)
  for (const length of [0, 31, 33]) assert.throws(() => makeApiKey('aaaaaaaaaaaa', new Uint8Array(length)), RangeError)
})
