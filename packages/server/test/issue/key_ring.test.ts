// The ring of a realm's keys: which one signs, and what it knows of changes. Over a store in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeyRing } from '../../src/issue/keys/key_ring.ts'
import { rotateKeys } from '../../src/issue/keys/rotation.ts'
import type { SigningKey } from '../../src/model/signing_key.ts'
import type { SigningKeyStore } from '../../src/model/store.ts'
import { DAY, random, realm } from './keys.ts'

const START = 1_800_000_000

/** Keeps keys as the store does, and counts how often it is asked. */
function memoryKeys(): SigningKeyStore & { asked: number; keys: SigningKey[] } {
  const lives = (key: SigningKey, of: SigningKey): boolean => key.algorithm === of.algorithm && key.retiredAt === null
  return {
    asked: 0,
    keys: [],
    async list() {
      this.asked++
      return [...this.keys]
    },
    marks: async () => new Map(),
    async insertFirst(key) {
      if (this.keys.some((one) => lives(one, key))) return false
      this.keys.push(key)
      return true
    },
    async insertNext(key) {
      this.keys.push(key)
      return true
    },
    async retire(_realmId, kid, retiredAt) {
      this.keys = this.keys.map((one) => (one.kid === kid ? { ...one, retiredAt } : one))
      return true
    },
    async remove(_realmId, kid) {
      this.keys = this.keys.filter((one) => one.kid !== kid)
    },
  }
}

const held = () => {
  const store = memoryKeys()
  const clock = { now: START }
  const catchUp = (): Promise<unknown> => ring.reload()
  const options = { realmId: 'shop', store, masterKey: null, random, now: () => clock.now, catchUp }
  const ring = createKeyRing({ ...options, algorithm: 'ES256' })
  return { store, clock, options, ring }
}

test('the next key signs from its second on, at once and without asking the store', async () => {
  const { store, clock, options, ring } = held()
  const old = await ring.signer()
  await rotateKeys({ ...options, realm: realm(10, 5), now: () => START + 5 })
  assert.equal(await ring.reload(), false)
  const { asked } = store
  clock.now = START + 9
  assert.equal(ring.signer(), old)
  clock.now = START + 10
  const next = ring.signer()
  assert.ok(!(next instanceof Promise))
  assert.notEqual(next.kid, old.kid)
  assert.deepEqual(
    (await ring.publicKeys()).map((one) => one.kid),
    [next.kid, old.kid],
    'the one that signs stands first',
  )
  clock.now = START + 9
  assert.equal(ring.signer(), old, 'and the old one again if the clock is set back')
  assert.equal(store.asked, asked)
})

test('a reload keeps the signer it has, and tells when a key is gone', async () => {
  const { store, options, ring } = held()
  assert.equal(await ring.reload(), false, 'nothing was known')
  const signer = await ring.signer()
  await rotateKeys({ ...options, realm: realm(10, 5), now: () => START + 5 })
  assert.equal(await ring.reload(), false)
  assert.equal(ring.signer(), signer)
  const pending = store.keys.find((one) => one.kid !== signer.kid)?.kid ?? ''
  assert.ok(await ring.find(pending, 'ES256'))
  await store.remove('shop', pending, { at: START, by: 'command test' })
  assert.equal(await ring.reload(), true)
  assert.equal(await ring.find(pending, 'ES256'), undefined)
})

test('when every key was retired or taken away a new one is made', async () => {
  const { store, ring } = held()
  const { kid } = await ring.signer()
  await store.retire('shop', kid, START, { at: START, by: 'command test' })
  await ring.reload()
  const next = (await ring.signer()).kid
  assert.notEqual(next, kid)
  await store.remove('shop', next, { at: START, by: 'command test' })
  await ring.reload()
  assert.ok(![kid, next].includes((await ring.signer()).kid))
})

test('another algorithm gets a key at once, and the tokens of the old one go on verifying', async () => {
  const { store, clock, options, ring } = held()
  const old = (await ring.signer()).kid
  const changed = createKeyRing({ ...options, algorithm: 'EdDSA' })
  const signer = await changed.signer()
  assert.equal(signer.algorithm.name, 'EdDSA')
  clock.now += DAY
  await rotateKeys({ ...options, realm: realm(null, DAY, { algorithm: 'EdDSA' }) })
  assert.equal(await changed.reload(), false)
  assert.equal(store.keys.find((one) => one.kid === old)?.retiredAt, START + DAY)
  assert.ok(await changed.find(old, 'ES256'))
  assert.deepEqual((await changed.publicKeys())[0]?.kid, signer.kid)
})

test('a key that another process has begun to sign with is found at once, and an invented name reads nothing if nothing was changed', async () => {
  const { store, options } = held()
  let changed = true
  const catchUp = async (): Promise<void> => {
    if (changed) await ring.reload()
    changed = false
  }
  const ring = createKeyRing({ ...options, algorithm: 'ES256', catchUp })
  await ring.signer()
  await rotateKeys({ ...options, realm: realm(10, 5), now: () => START + 5 })
  const kid = store.keys.at(-1)?.kid
  assert.equal((await ring.find(kid, 'ES256'))?.kid, kid)
  const { asked } = store
  for (let guess = 0; guess < 20; guess++) assert.equal(await ring.find(`invented-${guess}`, 'ES256'), undefined)
  assert.equal(store.asked, asked)
})
