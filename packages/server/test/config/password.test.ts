// Passwords: argon2id in PHC strings, the same work for nobody, and never more than a few at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hashPassword, isPasswordHash, PasswordQueueFull, verifyPassword } from '../../src/issue/password.ts'

/** Made by the reference implementation: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e`, of its own test vectors. */
const REFERENCE = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'

test('a hash has the parameters of the recommendation and a salt of its own', async () => {
  const [one, other] = [await hashPassword('correct horse'), await hashPassword('correct horse')]
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(one, other)
  assert.equal(await verifyPassword(one, 'correct horse'), true)
  assert.equal(await verifyPassword(other, 'correct horse'), true)
})

test('a hash of the reference implementation is understood', async () => {
  assert.equal(await verifyPassword(REFERENCE, 'password'), true)
  assert.equal(await verifyPassword(REFERENCE, 'passwore'), false)
})

test('any password verifies against its hash, and no other does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ maxLength: 40 }), async (password, other) => {
      const phc = await hashPassword(password)
      assert.equal(await verifyPassword(phc, password), true)
      assert.equal(await verifyPassword(phc, other), other === password)
    }),
    { numRuns: 8 },
  )
})

test('without a hash, or with one that is none, nothing verifies', async () => {
  for (const phc of [undefined, '', 'correct horse', '$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA']) {
    for (const password of ['', 'correct horse']) assert.equal(await verifyPassword(phc, password), false)
  }
})

test('a password of more than 1024 characters never verifies and is not hashed', async () => {
  const longest = 'x'.repeat(1024)
  assert.equal(await verifyPassword(await hashPassword(longest), longest), true)
  assert.equal(await verifyPassword(await hashPassword(''), 'x'.repeat(1025)), false)
  await assert.rejects(hashPassword('x'.repeat(1025)), RangeError)
})

test('hashes that would cost too much, or nothing, are no password hashes', () => {
  const phc = (parameters: string) => `$argon2id$v=19$${parameters}$${'A'.repeat(22)}$${'A'.repeat(43)}`
  for (const good of ['m=19456,t=2,p=1', 'm=1048576,t=1,p=4', 'm=8,t=1,p=1']) assert.equal(isPasswordHash(phc(good)), true, good)
  for (const bad of [
    'm=1048577,t=1,p=1',
    'm=19456,t=17,p=1',
    'm=19456,t=0,p=1',
    'm=7,t=1,p=1',
    'm=19456,t=2,p=0',
    'm=9999999,t=2,p=1',
    't=2,m=19456,p=1',
  ]) {
    assert.equal(isPasswordHash(phc(bad)), false, bad)
  }
  assert.equal(isPasswordHash(phc('m=19456,t=2,p=1').replace('argon2id', 'argon2i')), false)
})

test('66 may be at work or waiting; whoever comes after is told that the queue is full, and it empties', async () => {
  const cheap = `$argon2id$v=19$m=8,t=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`
  const settled = await Promise.allSettled(Array.from({ length: 70 }, () => verifyPassword(cheap, 'x')))
  const refused = settled.filter((one) => one.status === 'rejected')
  assert.equal(refused.length, 4)
  assert.ok(refused.every((one) => one.reason instanceof PasswordQueueFull))
  assert.equal(await verifyPassword(cheap, 'x'), false)
})
