// Part of the conformance suite: what changes together, and what does not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { insertOpaque, start } from './recording.ts'
import {
  ACT,
  apiKey,
  auditEntry,
  client,
  family,
  issueRecord,
  NOW,
  opaqueToken,
  realm,
  refreshToken,
  reusable,
  secret,
  signingKey,
  user,
} from './samples.ts'

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
    await store.issuing.findReusable(id, 'meaning', NOW),
    (await store.secrets.uses(id, 'app'))[0],
  ]
  for (const id of ['a', 'b']) {
    await store.realms.put(realm(id), ACT)
    await store.clients.put(client(id, 'app'), ACT)
    await store.users.put(user(id, 'u1'), ACT)
    await store.apiKeys.put(apiKey(id, 'app', 'k1'), ACT)
    await store.signingKeys.insertFirst(signingKey(id, 'kid'), ACT)
    await start(store, family(id, 'f'), refreshToken('f', 'rt'))
    await insertOpaque(store, opaqueToken(id, 'at'))
    await store.issuing.record(issueRecord({ reuse: reusable(id, 'meaning', 'r') }))
    await store.secrets.noteUse([{ realmId: id, clientId: 'app', secretId: 'one', lastUsedAt: NOW, count: 1, address: '' }])
    await store.replays.claim(id, 'assertion', NOW + 60)
    await store.accessTokens.revoke({ realmId: id, kind: 'jti', value: 'j', expiresAt: NOW }, auditEntry(id))
  }
  const before = await seen('b')
  assert.equal(before.includes(undefined), false)
  await store.realms.remove('a', ACT)
  assert.deepEqual(await seen('a'), Array(10).fill(undefined))
  assert.deepEqual(await seen('b'), before)
  await store.realms.put(realm('a'), ACT)
  assert.equal(await store.replays.claim('a', 'assertion', NOW + 60), true)
  assert.equal(await store.replays.claim('b', 'assertion', NOW + 60), false)
  assert.deepEqual(await seen('a'), [realm('a'), ...Array(9).fill(undefined)], 'a realm of the same name starts empty')
}

const revision = async (store: Store): Promise<void> => {
  const changes: (() => Promise<unknown>)[] = [
    () => store.realms.put(realm('a'), ACT),
    () => store.clients.put(client('a', 'app'), ACT),
    () => store.users.put(user('a', 'u1'), ACT),
    () => store.apiKeys.put(apiKey('a', 'app', 'k1'), ACT),
    () => store.secrets.add('a', 'app', secret('two'), ACT),
    () => store.secrets.rotate('a', 'app', secret('three'), NOW + 60, ACT),
    () => store.secrets.end('a', 'app', 'three', NOW + 60, ACT),
    () => store.secrets.cut('a', 'app', 'one', NOW + 300, ACT),
    () => store.signingKeys.insertFirst(signingKey('a', 'one'), ACT),
    () => store.signingKeys.insertNext(signingKey('a', 'two'), 'one', ACT),
    () => store.signingKeys.retire('a', 'one', NOW, ACT),
    () => store.signingKeys.remove('a', 'one', ACT),
    () => store.apiKeys.remove('a', 'k1', ACT),
    () => store.users.remove('a', 'u1', ACT),
    () => store.clients.remove('a', 'app', ACT),
    () => store.realms.remove('a', ACT),
  ]
  let last = await store.revision()
  for (const [n, change] of changes.entries()) {
    await change()
    const next = await store.revision()
    assert.ok(next > last, `change ${n} raises it`)
    last = next
  }
  await start(store, family('a', 'f'), refreshToken('f', 'rt'))
  await insertOpaque(store, opaqueToken('a', 'at'))
  await store.accessTokens.revoke({ realmId: 'a', kind: 'jti', value: 'j', expiresAt: NOW }, auditEntry('a'))
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'r') }))
  await store.replays.claim('a', 'assertion', NOW)
  await store.secrets.noteUse([{ realmId: 'a', clientId: 'app', secretId: 'one', lastUsedAt: NOW, count: 1, address: '' }])
  await store.audit.append(auditEntry('a'))
  await store.sweep(NOW + 5000)
  assert.equal(await store.revision(), last)
}

const oneBadWrite = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await insertOpaque(store, opaqueToken('a', 'taken'))
  const before = await store.revision()
  const results = await Promise.allSettled([
    insertOpaque(store, opaqueToken('a', 'first')),
    store.clients.put(client('nowhere', 'app'), ACT),
    insertOpaque(store, opaqueToken('a', 'taken')),
    store.clients.put(client('a', 'app'), ACT),
  ])
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  )
  assert.ok(await store.accessTokens.findOpaque('a', 'first'))
  assert.ok(await store.clients.find('a', 'app'))
  assert.equal(await store.revision(), before + 1, 'of the failed write nothing stays, its step of the revision included')
}
