// Part of the conformance suite: signing keys, and who of several may store the next one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { ACT, client, NOW, realm, signingKey } from './samples.ts'

export const runKeyConformance = (withStore: WithStore): void => {
  test('signing keys are listed oldest first and can be retired and removed', withStore(signingKeys))
  test('the mark of a realm’s keys is another one once they have changed, and only then', withStore(marks))
  test('the first signing key of an algorithm is stored once', withStore(firstSigningKey))
  test('of keys that follow the same one exactly one is stored, however they were made', withStore(nextSigningKey))
}

const signingKeys = async (store: Store): Promise<void> => {
  const keys = store.signingKeys
  await store.realms.put(realm('a'), ACT)
  const old = signingKey('a', 'z-old', { algorithm: 'RS256' })
  const middle = signingKey('a', 'y-middle', { activeAt: NOW + 50 })
  const young = signingKey('a', 'x-young', { createdAt: NOW + 2 })
  assert.equal(await keys.insertFirst(old, ACT), true)
  assert.equal(await keys.insertFirst(middle, ACT), true)
  assert.equal(await keys.insertNext(young, 'y-middle', ACT), true)
  assert.deepEqual(await keys.list('a'), [old, middle, young], 'as they came, also within a second')
  await assert.rejects(keys.insertNext(signingKey('a', 'z-old'), 'x-young', ACT), 'a kid is given once')
  assert.equal(await keys.retire('a', 'y-middle', NOW + 99, ACT), true)
  assert.equal(await keys.retire('a', 'y-middle', NOW + 100, ACT), false)
  assert.equal(await keys.retire('a', 'unknown', NOW, ACT), false)
  await keys.remove('a', 'z-old', ACT)
  await keys.remove('a', 'unknown', ACT)
  assert.deepEqual(await keys.list('a'), [{ ...middle, retiredAt: NOW + 99 }, young])
}

const marks = async (store: Store): Promise<void> => {
  const keys = store.signingKeys
  for (const id of ['a', 'b', 'c']) await store.realms.put(realm(id), ACT)
  assert.deepEqual(await keys.marks(), new Map())
  await keys.insertFirst(signingKey('a', 'one'), ACT)
  await keys.insertFirst(signingKey('b', 'one'), ACT)
  const changes = [
    () => keys.insertNext(signingKey('a', 'two'), 'one', ACT),
    () => keys.retire('a', 'one', NOW + 9, ACT),
    () => keys.remove('a', 'one', ACT),
  ]
  const seen = new Set<string | undefined>()
  let before = await keys.marks()
  assert.deepEqual([...before.keys()].sort(), ['a', 'b'], 'a realm without keys has none')
  for (const change of changes) {
    seen.add(before.get('a'))
    await change()
    const after = await keys.marks()
    assert.equal(seen.has(after.get('a')), false)
    assert.equal(after.get('b'), before.get('b'))
    before = after
  }
  await store.clients.put(client('a', 'app'), ACT)
  assert.deepEqual(await keys.marks(), before, 'other changes leave it')
}

const nextSigningKey = async (store: Store): Promise<void> => {
  const keys = store.signingKeys
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  await keys.insertFirst(signingKey('a', 'first'), ACT)
  await keys.insertFirst(signingKey('b', 'first'), ACT)
  const asked = Array.from({ length: 20 }, (_, n) => keys.insertNext(signingKey('a', `k${19 - n}`), 'first', ACT))
  assert.equal((await Promise.all(asked)).filter(Boolean).length, 1)
  const next = (await keys.list('a')).at(-1)?.kid ?? ''
  assert.equal((await keys.list('a')).length, 2)
  assert.equal(await keys.insertNext(signingKey('a', 'zz', { createdAt: NOW - 5 }), 'first', ACT), false, 'nor by a clock that is behind')
  assert.equal(
    await keys.insertNext(signingKey('a', 'rsa', { algorithm: 'RS256' }), next, ACT),
    false,
    'the newest is of another algorithm',
  )
  assert.equal(await keys.insertNext(signingKey('a', 'b', { createdAt: NOW - 5 }), next, ACT), true)
  assert.equal(await keys.insertNext(signingKey('a', 'c', { createdAt: NOW - 5 }), next, ACT), false)
  assert.equal(await keys.insertNext(signingKey('b', 'second'), 'first', ACT), true, 'another realm')
  await keys.remove('a', 'b', ACT)
  await keys.retire('a', next, NOW, ACT)
  assert.equal(await keys.insertNext(signingKey('a', 'c'), next, ACT), true, 'also of one that is retired')
}

const firstSigningKey = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  const asked = Array.from({ length: 20 }, (_, n) => store.signingKeys.insertFirst(signingKey('a', `k${n}`), ACT))
  assert.equal((await Promise.all(asked)).filter(Boolean).length, 1)
  const [only, ...others] = await store.signingKeys.list('a')
  assert.deepEqual(others, [])
  assert.ok(only)
  assert.equal(await store.signingKeys.insertFirst(signingKey('a', 'rsa', { algorithm: 'RS256' }), ACT), true, 'another algorithm')
  assert.equal(await store.signingKeys.insertFirst(signingKey('b', 'k0'), ACT), true, 'another realm')
  await store.signingKeys.retire('a', only.kid, NOW, ACT)
  assert.equal(await store.signingKeys.insertFirst(signingKey('a', 'next'), ACT), true, 'the one there was is retired')
}
