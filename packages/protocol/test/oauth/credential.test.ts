// Our own secrets and keys: whole ones pass, one mistake is always noticed, and what is not ours is left alone.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { CredentialKind } from '../../src/oauth/credential.ts'
import { checkCredential, makeCredential } from '../../src/oauth/credential.ts'

const kinds = fc.constantFrom<CredentialKind>('secret', 'key')
/** As random as those of a real one: fast-check's own favour zeros, behind which no letters of both cases stand. */
const bytes = fc.nat().map(seeded)
const credentials = fc.tuple(kinds, bytes).map(([kind, random]) => makeCredential(kind, random))
/** What may stand in one by mistake; + / = mark plain base64, which is never judged. */
const characters = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((one) => one.length === 1 && !/[+/=]/.test(one))
const BODY = 'cs_secret_'.length

/** The expression that the document gives to scanners. */
const SCANNED = /\bcs_(?:secret|key)_[A-Za-z0-9_-]{42}[BFJNRVZdhlptx159][0-9A-Za-z]{6}\b/
const DOCUMENT = readFileSync(new URL('../../../../docs/secrets.md', import.meta.url), 'utf8')

test('a credential is its prefix, 43 characters of base64url and 6 of checksum', () => {
  assert.equal(makeCredential('secret', new Uint8Array(32)), 'cs_secret_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB0pmcIS')
  assert.equal(makeCredential('key', new Uint8Array(32).fill(255)), 'cs_key___________________________________________92SeSkZ')
})

test('a whole credential is ok, is found by a scanner, and needs no escaping anywhere', () => {
  fc.assert(
    fc.property(credentials, (credential) => {
      assert.equal(checkCredential(credential), 'ok')
      assert.equal(SCANNED.exec(`curl -u "me:${credential}" https://a.example`)?.[0], credential)
      assert.equal(new URLSearchParams({ credential }).toString(), `credential=${credential}`)
    }),
  )
})

test('the document tells scanners of repositories the same', () => assert.ok(DOCUMENT.includes(`\n${SCANNED.source}\n`)))

test('different bytes make different credentials, and every bit of them is kept', () => {
  fc.assert(
    fc.property(kinds, bytes, fc.nat(255), (kind, random, bit) => {
      const other = random.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      assert.notEqual(makeCredential(kind, random), makeCredential(kind, other))
    }),
  )
})

test('one changed character is damaged', () => {
  fc.assert(
    fc.property(credentials, fc.nat(), characters, (credential, place, character) => {
      const at = within(credential, place)
      fc.pre(credential[at] !== character)
      assert.equal(checkCredential(credential.slice(0, at) + character + credential.slice(at + 1)), 'damaged')
    }),
    { numRuns: 2000 },
  )
})

test('one lost character is damaged', () => {
  fc.assert(
    fc.property(credentials, fc.nat(), (credential, place) => {
      const at = within(credential, place)
      assert.equal(checkCredential(credential.slice(0, at) + credential.slice(at + 1)), 'damaged')
    }),
    { numRuns: 1000 },
  )
})

test('one added character is damaged, a line end or a quotation mark behind it too', () => {
  fc.assert(
    fc.property(credentials, fc.nat(), characters, (credential, place, character) => {
      const at = within(credential, place)
      assert.equal(checkCredential(credential.slice(0, at) + character + credential.slice(at)), 'damaged')
      assert.equal(checkCredential(credential + character), 'damaged')
    }),
    { numRuns: 1000 },
  )
  const credential = makeCredential('secret', randomBytes(32))
  for (const end of ['\n', '\r\n', '"', ' ', '%0A']) assert.equal(checkCredential(credential + end), 'damaged')
})

test('two characters swapped are damaged, wherever they stand', () => {
  fc.assert(
    fc.property(credentials, fc.nat(), fc.nat(), (credential, first, second) => {
      const text = credential.split('')
      const [one, other] = [within(credential, first), within(credential, second)]
      fc.pre(text[one] !== text[other])
      ;[text[one], text[other]] = [text[other] ?? '', text[one] ?? '']
      assert.equal(checkCredential(text.join('')), 'damaged')
    }),
    { numRuns: 2000 },
  )
})

test('one cut short is damaged down to 20 characters behind the prefix, where an old one ends too', () => {
  for (let round = 0; round < 200; round++) {
    const credential = makeCredential('secret', seeded(round))
    for (let length = BODY + 20; length < credential.length; length++)
      assert.equal(checkCredential(credential.slice(0, length)), 'damaged', `${credential} cut to ${length}`)
  }
})

test('a mistake behind or before the prefix is never ok, of whatever kind', () => {
  fc.assert(
    fc.property(credentials, fc.nat(), fc.string({ unit: 'binary', maxLength: 3 }), fc.nat(3), (credential, place, text, lost) => {
      const at = place % credential.length
      const spoilt = credential.slice(0, at) + text + credential.slice(at + lost)
      fc.pre(spoilt !== credential)
      assert.notEqual(checkCredential(spoilt), 'ok')
    }),
    { numRuns: 5000 },
  )
})

test('a key renamed to a secret is not ok', () => {
  fc.assert(fc.property(bytes, (random) => checkCredential(makeCredential('key', random).replace('cs_key_', 'cs_secret_')) === 'damaged'))
})

test('a credential of the first release, without a checksum, is foreign', () => {
  fc.assert(
    fc.property(kinds, bytes, (kind, random) => checkCredential(`cs_${kind}_${Buffer.from(random).toString('base64url')}`) === 'foreign'),
    { numRuns: 1000 },
  )
})

test('what an operator brings is foreign, behind our prefix too', () => {
  const own = [
    '',
    'supxxxxxxxxret',
    'cs_secret_',
    'cs_secret_short',
    'cs_secret_Short1',
    'cs_secret_correct-horse-battery-staple',
    'cs_secret',
  ]
  const random = randomBytes(32)
  const made = [random.toString('hex'), random.toString('base64'), crypto.randomUUID(), random.toString('hex').toUpperCase()]
  for (const text of [...own, ...made, ...made.map((one) => `cs_secret_${one}`), 'x'.repeat(100_000), `cs_secret_${'aB'.repeat(50_000)}`])
    assert.equal(checkCredential(text), 'foreign', text.slice(0, 80))
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => text.startsWith('cs_') || checkCredential(text) === 'foreign'))
})

test('anybody can compute the checksum: CRC-32 of all before it, in base 62', () => {
  const credential = makeCredential('secret', randomBytes(32))
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let value = 0
  for (const digit of credential.slice(-6)) value = value * 62 + digits.indexOf(digit)
  assert.equal(value, crc32(credential.slice(0, -6)))
})

test('another number of bytes is refused', () => {
  for (const length of [0, 31, 33]) assert.throws(() => makeCredential('secret', new Uint8Array(length)), RangeError)
})

function seeded(seed: number): Uint8Array {
  return createHash('sha256').update(`${seed}`).digest()
}

/** A place behind the prefix. */
function within(credential: string, place: number): number {
  const start = credential.indexOf('_', 3) + 1
  return start + (place % (credential.length - start))
}
