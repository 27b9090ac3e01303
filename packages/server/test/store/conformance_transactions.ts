// Part of the conformance suite: what changes together, and what does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { apiKey, client, family, NOW, opaqueToken, realm, refreshToken, signingKey, user } from './samples.ts'

export const runTransactionConformance = (withStore: WithStore): void => {
  test('removing a realm removes all that is in it and nothing of the next', withStore(realmRemoval))
  test('the revision rises with every change of configuration and with no token', withStore(revision))
  test('a write that fails leaves the other writes of its turn alone', withStore(oneBadWrite))
}

const realmRemoval = async (store: Store): Promise<void> => {
  const seen = async (id: string): Promise<unknown[]> => [
    await store.realms.find(id),
    await store.clients.find(id, 'app'),
    await store.users.find(id, 'u1'),
    await store.apiKeys.findByHash(id, 'sha256:key-k1'),
    (await store.signingKeys.list(id))[0],
    await store.refreshTokens.find(id, 'rt'),
    await store.accessTokens.findOpaque(id, 'at'),
    (await store.accessTokens.revocationsAfter(0, 10)).find((found) => found.realmId === id),
  ]
  for (const id of ['a', 'b']) {
    await store.realms.put(realm(id))
    await store.clients.put(client(id, 'app'))
    await store.users.put(user(id, 'u1'))
    await store.apiKeys.put(apiKey(id, 'app', 'k1'))
    await store.signingKeys.insert(signingKey(id, 'kid'))
    await store.refreshTokens.start(family(id, 'f'), refreshToken('f', 'rt'))
    await store.accessTokens.insertOpaque(opaqueToken(id, 'at'))
    await store.accessTokens.revoke({ realmId: id, kind: 'jti', value: 'j', expiresAt: NOW })
  }
  const before = await seen('b')
  assert.equal(before.includes(undefined), false)
  await store.realms.remove('a')
  assert.deepEqual(await seen('a'), Array(8).fill(undefined))
  assert.deepEqual(await seen('b'), before)
  await store.realms.put(realm('a'))
  assert.deepEqual(await seen('a'), [realm('a'), ...Array(7).fill(undefined)], 'a realm of the same name starts empty')
}

const revision = async (store: Store): Promise<void> => {
  const changes: (() => Promise<unknown>)[] = [
    () => store.realms.put(realm('a')),
    () => store.clients.put(client('a', 'app')),
    () => store.users.put(user('a', 'u1')),
    () => store.apiKeys.put(apiKey('a', 'app', 'k1')),
    () => store.signingKeys.insertFirst(signingKey('a', 'one')),
    () => store.signingKeys.insert(signingKey('a', 'two')),
    () => store.signingKeys.retire('a', 'one', NOW),
    () => store.signingKeys.remove('a', 'one'),
    () => store.apiKeys.remove('a', 'k1'),
    () => store.users.remove('a', 'u1'),
    () => store.clients.remove('a', 'app'),
    () => store.realms.remove('a'),
  ]
  let last = await store.revision()
  for (const [n, change] of changes.entries()) {
    await change()
    const next = await store.revision()
    assert.ok(next > last, `change ${n} raises it`)
    last = next
  }
  await store.refreshTokens.start(family('a', 'f'), refreshToken('f', 'rt'))
  await store.accessTokens.insertOpaque(opaqueToken('a', 'at'))
  await store.accessTokens.revoke({ realmId: 'a', kind: 'jti', value: 'j', expiresAt: NOW })
  await store.sweep(NOW + 5000)
  assert.equal(await store.revision(), last)
}

const oneBadWrite = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'))
  await store.accessTokens.insertOpaque(opaqueToken('a', 'taken'))
  const before = await store.revision()
  const results = await Promise.allSettled([
    store.accessTokens.insertOpaque(opaqueToken('a', 'first')),
    store.clients.put(client('nowhere', 'app')),
    store.accessTokens.insertOpaque(opaqueToken('a', 'taken')),
    store.clients.put(client('a', 'app')),
  ])
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  assert.ok(await store.accessTokens.findOpaque('a', 'first'))
  assert.ok(await store.clients.find('a', 'app'))
  assert.equal(await store.revision(), before + 1, 'of the failed write nothing stays, its step of the revision included')
}
