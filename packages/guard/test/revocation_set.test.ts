// What a revocation reaches, and what it leaves alone.
import assert from 'node:assert/strict'
import test from 'node:test'
import { RevocationSet } from '../src/revocation_set.ts'

const LATER = 5000

test('a token is reached by its name, its family, and the secret that minted it', () => {
  const set = new RevocationSet()
  set.note({ kind: 'jti', value: 'secret-1.a', expiresAt: LATER })
  set.note({ kind: 'family', value: 'family-1', expiresAt: LATER })
  set.note({ kind: 'credential', value: 'secret-2', expiresAt: LATER })
  const dead: (readonly [string | undefined, string | undefined])[] = [
    ['secret-1.a', undefined],
    ['b', 'family-1'],
    ['secret-2.c', undefined],
    // Got by exchange of such a token.
    ['d', 'secret-2.c'],
  ]
  for (const [jti, sid] of dead) assert.equal(set.isRevoked(jti, sid), true, `${jti} ${sid}`)
  const living: typeof dead = [
    ['secret-1.b', undefined],
    ['family-1', undefined],
    ['secret-2', undefined],
    [undefined, undefined],
  ]
  for (const [jti, sid] of living) assert.equal(set.isRevoked(jti, sid), false, `${jti} ${sid}`)
})

test('a client loses what it was issued until then, and keeps what it gets later', () => {
  const set = new RevocationSet()
  set.note({ kind: 'client', value: 'shop', issuedUntil: 1000, expiresAt: LATER })
  assert.deepEqual(
    [undefined, 0, 1000, 1001].map((issuedAt) => set.isRevoked('a', undefined, 'shop', issuedAt)),
    [true, true, true, false],
  )
  assert.equal(set.isRevoked('a', undefined, 'other', 1), false)
  // What comes out of order takes nothing back.
  set.note({ kind: 'client', value: 'shop', issuedUntil: 900, expiresAt: LATER - 100 })
  assert.equal(set.isRevoked('a', undefined, 'shop', 1000), true)
})

test('a client loses the generations before, whatever their times, and what names none by its time', () => {
  const set = new RevocationSet()
  set.note({ kind: 'client', value: 'shop', generation: 7, issuedUntil: 1000, expiresAt: LATER })
  const isRevoked = (jti: string | undefined, issuedAt: number): boolean => set.isRevoked(jti, undefined, 'shop', issuedAt)
  for (const jti of ['a~0', 'secret-1.a~6', 'secret-1~9.a~6']) assert.equal(isRevoked(jti, 2000), true, jti)
  for (const jti of ['a~7', 'secret-1.a~8', 'secret-1~6.a~10']) assert.equal(isRevoked(jti, 500), false, jti)
  for (const jti of ['a', 'secret-1~9.a', 'a~', 'a~-7', 'a~7x', undefined])
    assert.deepEqual([isRevoked(jti, 1000), isRevoked(jti, 1001)], [true, false], `${jti}`)
  // What comes out of order, or from a server that tells no generations, takes nothing back.
  set.note({ kind: 'client', value: 'shop', generation: 5, issuedUntil: 1100, expiresAt: LATER })
  set.note({ kind: 'client', value: 'shop', issuedUntil: 900, expiresAt: LATER })
  assert.deepEqual([isRevoked('a~6', 2000), isRevoked('a~7', 1), isRevoked('a', 1100)], [true, false, true])
})

test('what has ended is forgotten ten seconds later, and nothing before', () => {
  const set = new RevocationSet()
  set.note({ kind: 'jti', value: 'a', expiresAt: 100 })
  set.note({ kind: 'jti', value: 'a', expiresAt: 50 })
  set.note({ kind: 'client', value: 'shop', issuedUntil: 10, expiresAt: 100 })
  set.forget(110)
  assert.equal(set.size, 2)
  set.forget(111)
  assert.equal(set.size, 0)
})
