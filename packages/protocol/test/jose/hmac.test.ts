// HMAC signatures against the `jose` package, and the wall between them and everything else that verifies.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { algorithmOf } from '@countersign/protocol/jose/algorithm'
import type { HmacName } from '@countersign/protocol/jose/hmac'
import { createHmacVerifier, HMAC_NAMES, isHmacName } from '@countersign/protocol/jose/hmac'
import fc from 'fast-check'
import { CompactSign } from 'jose'

const LENGTHS: Readonly<Record<HmacName, number>> = { HS256: 32, HS384: 48, HS512: 64 }
const bytes = (text: string): number => Buffer.byteLength(text)

const signed = async (alg: HmacName, secret: string, payload: string): Promise<{ input: string; signature: Buffer }> => {
  const compact = await new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg }).sign(Buffer.from(secret))
  const dot = compact.lastIndexOf('.')
  return { input: compact.slice(0, dot), signature: Buffer.from(compact.slice(dot + 1), 'base64url') }
}

const secrets = fc.string({ unit: 'grapheme', minLength: 64, maxLength: 90 })
const names = fc.constantFrom(...HMAC_NAMES)

test("What jose signs with a long enough secret verifies, in the algorithm's own name only", async () => {
  const property = fc.asyncProperty(names, secrets, fc.string(), async (alg, secret, payload) => {
    const { input, signature } = await signed(alg, secret, payload)
    const verifier = createHmacVerifier(secret)
    for (const name of HMAC_NAMES) assert.equal(verifier.verify(name, input, signature), name === alg)
  })
  await fc.assert(property, { numRuns: 50 })
})

test('One changed bit, another secret, or a signature cut or stretched does not verify', async () => {
  const property = fc.asyncProperty(names, secrets, secrets, fc.nat(), async (alg, secret, other, at) => {
    fc.pre(secret !== other)
    const { input, signature } = await signed(alg, secret, 'payload')
    const verifier = createHmacVerifier(secret)
    const bent = Buffer.from(signature)
    const place = at % bent.length
    bent[place] = (bent[place] ?? 0) ^ (1 << (at % 8))
    for (const wrong of [
      bent,
      signature.subarray(1),
      signature.subarray(0, -1),
      Buffer.concat([signature, Buffer.alloc(1)]),
      Buffer.alloc(0),
    ])
      assert.equal(verifier.verify(alg, input, wrong), false)
    assert.equal(verifier.verify(alg, `${input}x`, signature), false)
    assert.equal(createHmacVerifier(other).verify(alg, input, signature), false)
  })
  await fc.assert(property, { numRuns: 50 })
})

test('A secret shorter than the digest verifies nothing, even what it signed itself (RFC 7518 section 3.2)', async () => {
  for (const alg of HMAC_NAMES) {
    for (const length of [1, LENGTHS[alg] - 1, LENGTHS[alg], LENGTHS[alg] + 1]) {
      const secret = 's'.repeat(length)
      const { input, signature } = await signed(alg, secret, 'payload')
      assert.equal(createHmacVerifier(secret).verify(alg, input, signature), length >= LENGTHS[alg], `${alg} ${length}`)
    }
  }
  // Its bytes count, not its characters.
  const wide = 'ä'.repeat(16)
  assert.equal(bytes(wide), 32)
  const { input, signature } = await signed('HS256', wide, 'payload')
  assert.equal(createHmacVerifier(wide).verify('HS256', input, signature), true)
})

test('No name of an HMAC is one of a key pair, and no other value is one of an HMAC', () => {
  for (const name of HMAC_NAMES) assert.deepEqual([isHmacName(name), algorithmOf(name)], [true, undefined])
  for (const other of ['hs256', 'HS256 ', 'RS256', 'none', '', undefined, null, 256, ['HS256'], { toString: () => 'HS256' }])
    assert.equal(isHmacName(other), false)
})

test('Nothing that verifies tokens by published keys reaches the HMACs', () => {
  const folder = new URL('../../src/jose/', import.meta.url)
  for (const file of readdirSync(folder).filter((name) => name !== 'hmac.ts')) {
    assert.doesNotMatch(readFileSync(new URL(file, folder), 'utf8'), /from '[^']*hmac/, file)
  }
})
