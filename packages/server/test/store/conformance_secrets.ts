// Part of the conformance suite: single secrets of clients, their uses, and names that count once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SecretUse } from '../../src/model/secret_use.ts'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { rotate, start } from './recording.ts'
import { ACT, client, family, issueRecord, NOW, realm, refreshToken, reusable, secret } from './samples.ts'

export const runSecretConformance = (withStore: WithStore): void => {
  test('a secret is added behind those its client has, once', withStore(added))
  test('rotating adds a secret and ends the others that live longer', withStore(rotated))
  test('a secret is ended once, and never later than it ends already', withStore(ended))
  test('a secret that is cut takes along all that it minted, and nothing of another', withStore(cut))
  test('a secret that ended by itself can be cut, one that was cut cannot', withStore(cutLate))
  test('a refresh token that was under way while its secret was cut is dead', withStore(cutUnderWay))
  test('uses of a secret add up, with the latest time and its address', withStore(uses))
  test('uses outlive a change of their client and go with their secret', withStore(usesStay))
  test('secrets made by a command are forgotten 30 days after their end, those of the configuration never', withStore(sweep))
  test('a name is claimed by one of many, in its realm, until it is forgotten', withStore(claims))
}

const NEXT = secret('two', { origin: 'command', createdAt: NOW + 5, sealed: 'sealed:v1:AA' })

const withClient = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
}

const secretsOf = async (store: Store, clientId = 'app') => (await store.clients.find('a', clientId))?.secrets
const ends = async (store: Store) => (await secretsOf(store))?.map(({ id, expiresAt }) => [id, expiresAt])

const added = async (store: Store): Promise<void> => {
  await withClient(store)
  const asked = await Promise.all([1, 2, 3].map(() => store.secrets.add('a', 'app', NEXT, ACT)))
  assert.deepEqual(asked, [true, false, false])
  assert.deepEqual(await secretsOf(store), [secret('one'), NEXT])
  assert.equal(await store.secrets.add('a', 'app', secret('three'), ACT), true)
  assert.deepEqual(
    (await secretsOf(store))?.map(({ id }) => id),
    ['one', 'two', 'three'],
  )
  assert.equal(await store.secrets.add('a', 'nobody', secret('x'), ACT), false)
  assert.equal(await store.secrets.add('b', 'app', secret('x'), ACT), false)
  await store.clients.put(client('a', 'bare', { secrets: [] }), ACT)
  assert.equal(await store.secrets.add('a', 'bare', secret('one'), ACT), true)
  assert.deepEqual(await secretsOf(store, 'bare'), [secret('one')])
}

const rotated = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.secrets.add('a', 'app', secret('soon', { expiresAt: NOW + 50 }), ACT)
  await store.secrets.add('a', 'app', secret('late', { expiresAt: NOW + 500 }), ACT)
  assert.equal(await store.secrets.rotate('a', 'app', NEXT, NOW + 100, ACT), true)
  const after = [
    ['one', NOW + 100],
    ['soon', NOW + 50],
    ['late', NOW + 100],
    ['two', null],
  ]
  assert.deepEqual(await ends(store), after)
  assert.equal(await store.secrets.rotate('a', 'app', NEXT, NOW, ACT), false, 'there is one of this id')
  assert.equal(await store.secrets.rotate('a', 'nobody', NEXT, NOW, ACT), false)
  assert.deepEqual(await ends(store), after)
}

const ended = async (store: Store): Promise<void> => {
  await withClient(store)
  assert.equal(await store.secrets.end('a', 'app', 'one', NOW + 100, ACT), true)
  assert.equal(await store.secrets.end('a', 'app', 'one', NOW + 200, ACT), false)
  assert.equal(await store.secrets.end('a', 'app', 'one', NOW + 100, ACT), false)
  assert.deepEqual(await ends(store), [['one', NOW + 100]])
  assert.equal(await store.secrets.end('a', 'app', 'one', NOW, ACT), true, 'sooner')
  assert.equal(await store.secrets.end('a', 'app', 'unknown', NOW, ACT), false)
  assert.equal(await store.secrets.end('a', 'nobody', 'one', NOW, ACT), false)
}

const tokenIn = async (store: Store, meaning: string) => (await store.issuing.findReusable('a', meaning, NOW))?.jti

const cut = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.secrets.add('a', 'app', NEXT, ACT)
  for (const credential of ['one', 'two']) {
    await start(store, family('a', `of ${credential}`, { credential }), refreshToken(`of ${credential}`, `token of ${credential}`))
    for (const n of [1, 2]) {
      const reuse = reusable('a', `${credential} ${n}`, `${credential} ${n}`, { credential })
      await store.issuing.record(issueRecord({ reuse }))
    }
  }
  await start(store, family('a', 'of none', { credential: null }), refreshToken('of none', 'token of none'))
  assert.equal(await store.secrets.cut('a', 'app', 'one', NOW + 300, { at: NOW + 7, by: 'command cut' }), true)
  assert.deepEqual(await ends(store), [
    ['one', NOW + 7],
    ['two', null],
  ])
  assert.deepEqual(await Promise.all(['one 1', 'one 2', 'two 1', 'two 2'].map((meaning) => tokenIn(store, meaning))), [
    undefined,
    undefined,
    'one.two 1',
    'one.two 2',
  ])
  assert.equal((await store.refreshTokens.find('a', 'token of one'))?.revokedAt, NOW + 7)
  assert.equal((await store.refreshTokens.find('a', 'token of two'))?.revokedAt, null)
  assert.equal((await store.refreshTokens.find('a', 'token of none'))?.revokedAt, null)
  assert.equal(await rotate(store, 'a', 'token of one', refreshToken('of one', 'next'), NOW + 8, NOW + 300), 'gone')
  assert.deepEqual(
    (await store.accessTokens.revocationsAfter(0, 10)).map(({ kind, value, expiresAt }) => [kind, value, expiresAt]),
    [
      ['credential', 'one', NOW + 300],
      ['family', 'of one', NOW + 300],
    ],
  )
}

const cutLate = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'x') }))
  await store.secrets.end('a', 'app', 'one', NOW - 10, ACT)
  assert.equal(await tokenIn(store, 'meaning'), 'one.x', 'what an ended secret minted lives on')
  assert.equal(await store.secrets.cut('a', 'app', 'one', NOW + 300, ACT), true)
  assert.equal(await tokenIn(store, 'meaning'), undefined)
  assert.deepEqual(await ends(store), [['one', NOW - 10]])
  assert.equal(await store.secrets.cut('a', 'app', 'one', NOW + 300, ACT), false)
  assert.equal(await store.secrets.cut('a', 'app', 'unknown', NOW + 300, ACT), false)
  assert.equal(await store.secrets.cut('a', 'nobody', 'one', NOW + 300, ACT), false)
  assert.equal((await store.accessTokens.revocationsAfter(0, 10)).length, 1)
}

const cutUnderWay = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.secrets.cut('a', 'app', 'one', NOW + 300, ACT)
  await start(store, family('a', 'late'), refreshToken('late', 'token'))
  await start(store, family('a', 'other', { credential: 'two' }), refreshToken('other', 'its token'))
  assert.equal((await store.refreshTokens.find('a', 'token'))?.revokedAt, NOW)
  assert.equal((await store.refreshTokens.find('a', 'its token'))?.revokedAt, null)
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'x') }))
  assert.equal(await tokenIn(store, 'meaning'), undefined, 'nor is its access token served again')
  const { outcome } = await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'y', { credential: 'two' }) }))
  assert.equal(outcome, 'recorded')
  assert.equal(await tokenIn(store, 'meaning'), 'one.y')
}

const use = (secretId: string, lastUsedAt: number, count: number, address: string): SecretUse => ({
  realmId: 'a',
  clientId: 'app',
  secretId,
  lastUsedAt,
  count,
  address,
})

const uses = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.secrets.add('a', 'app', NEXT, ACT)
  assert.deepEqual(await store.secrets.uses('a', 'app'), [])
  await store.secrets.noteUse([
    use('one', NOW + 5, 3, '192.0.2.1'),
    use('unknown', NOW, 1, ''),
    { ...use('one', NOW, 1, ''), clientId: 'nobody' },
  ])
  await Promise.all([store.secrets.noteUse([use('one', NOW + 2, 4, '192.0.2.2')]), store.secrets.noteUse([use('two', NOW, 1, '')])])
  assert.deepEqual(await store.secrets.uses('a', 'app'), [use('one', NOW + 5, 7, '192.0.2.1'), use('two', NOW, 1, '')])
  await store.secrets.noteUse([use('one', NOW + 5, 1, '192.0.2.3'), use('one', NOW + 9, 1, '192.0.2.4')])
  assert.deepEqual((await store.secrets.uses('a', 'app'))[0], use('one', NOW + 9, 9, '192.0.2.4'))
  assert.deepEqual(await store.secrets.uses('a', 'nobody'), [])
  await store.secrets.noteUse([])
}

const usesStay = async (store: Store): Promise<void> => {
  await withClient(store)
  await store.secrets.noteUse([use('one', NOW, 1, '')])
  await store.clients.put(client('a', 'app', { displayName: 'Other', secrets: [NEXT, secret('one', { expiresAt: NOW + 9 })] }), ACT)
  assert.deepEqual(await store.secrets.uses('a', 'app'), [use('one', NOW, 1, '')])
  await store.clients.put(client('a', 'app', { secrets: [NEXT] }), ACT)
  assert.deepEqual(await store.secrets.uses('a', 'app'), [])
  await store.clients.put(client('a', 'app'), ACT)
  assert.deepEqual(await store.secrets.uses('a', 'app'), [], 'another secret of that id')
}

const sweep = async (store: Store): Promise<void> => {
  const day = 86_400
  await withClient(store)
  await store.secrets.end('a', 'app', 'one', NOW - 31 * day, ACT)
  await store.secrets.add('a', 'app', secret('old', { origin: 'command', expiresAt: NOW - 30 * day - 1 }), ACT)
  await store.secrets.add('a', 'app', secret('ended', { origin: 'command', expiresAt: NOW - 30 * day }), ACT)
  await store.secrets.add('a', 'app', NEXT, ACT)
  await store.secrets.noteUse([use('old', NOW, 1, '')])
  const before = await store.revision()
  assert.equal(await store.sweep(NOW - 1), 0)
  assert.equal(await store.revision(), before)
  assert.equal(await store.sweep(NOW), 1)
  assert.deepEqual(
    (await secretsOf(store))?.map(({ id }) => id),
    ['one', 'ended', 'two'],
  )
  assert.deepEqual(await store.secrets.uses('a', 'app'), [])
  assert.equal(await store.revision(), before + 1)
}

const claims = async (store: Store): Promise<void> => {
  const asked = await Promise.all(Array.from({ length: 50 }, () => store.replays.claim('a', 'jti', NOW + 60)))
  assert.equal(asked.filter(Boolean).length, 1)
  assert.equal(asked[0], true)
  assert.equal(await store.replays.claim('a', 'jti', NOW + 600), false)
  assert.equal(await store.replays.claim('b', 'jti', NOW + 60), true)
  for (const name of ["'; --", 'JTI', '', 'x'.repeat(200), '😀']) {
    assert.equal(await store.replays.claim('a', name, NOW + 60), true)
    assert.equal(await store.replays.claim('a', name, NOW + 60), false)
  }
  await assert.rejects(store.replays.claim('a', 'x'.repeat(201), NOW + 60), RangeError)
  assert.equal(await store.sweep(NOW + 60), 0)
  assert.equal(await store.replays.claim('a', 'jti', NOW + 60), false)
  assert.equal(await store.sweep(NOW + 61), 7)
  assert.equal(await store.replays.claim('a', 'jti', NOW + 120), true)
}
