// The conformance suite's second half: refresh tokens, opaque tokens, revocations, sweeping, and what outlives a restart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { OpenedStore, WithStore } from './opened_store.ts'
import { insertOpaque, rotate, start } from './recording.ts'
import { ACT, apiKey, auditEntry, client, family, issueRecord, NOW, opaqueToken, realm, refreshToken, signingKey, user } from './samples.ts'

export const runTokenConformance = (open: () => Promise<OpenedStore>, withStore: WithStore): void => {
  test('a refresh token is found with its family', withStore(found))
  test('rotating uses a token up and stores its successor', withStore(rotation))
  test('a replayed token kills its family and records the revocation of its access tokens', withStore(replay))
  test('an expired, an unknown and a foreign refresh token are gone and nothing is stored', withStore(gone))
  test('of 100 rotations of one token at once exactly one succeeds and the family is dead', withStore(race))
  test('a successor whose hash is taken rejects and leaves the token unused', withStore(taken))
  test('a family is revoked once', withStore(revokedOnce))
  test('an opaque token is found as it was stored, in its own realm only', withStore(opaque))
  test('a sweep forgets what expired before that moment and keeps the rest', withStore(sweep))
  test('a sweep removes more than one step’s worth', withStore(bigSweep))
  test(
    'a store that can be written is ready',
    withStore((store) => store.ready()),
  )
  test('closing commits what was asked for; afterwards everything rejects with StoreUnavailable', () => closing(open))
  test('what was acknowledged is there after closing and opening again', (context) => durability(open, (reason) => context.skip(reason)))
}

const found = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  assert.deepEqual(await store.refreshTokens.find('a', 't0'), {
    token: refreshToken('f', 't0'),
    family: family('a', 'f'),
    usedAt: null,
    revokedAt: null,
  })
  assert.equal(await store.refreshTokens.find('b', 't0'), undefined)
  assert.equal(await store.refreshTokens.find('a', 't1'), undefined)
}

const rotation = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  const successor = refreshToken('f', 't1', { createdAt: NOW + 5, expiresAt: NOW + 1005 })
  assert.equal(await rotate(store, 'a', 't0', successor, NOW + 5, NOW + 305), 'recorded')
  assert.equal((await store.refreshTokens.find('a', 't0'))?.usedAt, NOW + 5)
  assert.deepEqual(await store.refreshTokens.find('a', 't1'), { token: successor, family: family('a', 'f'), usedAt: null, revokedAt: null })
  assert.equal(await rotate(store, 'a', 't1', refreshToken('f', 't2'), NOW + 6, NOW + 306), 'recorded')
  assert.deepEqual(await store.accessTokens.revocationsAfter(0, 10), [])
}

const replay = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  await start(store, family('a', 'g'), refreshToken('g', 'u0'))
  await rotate(store, 'a', 't0', refreshToken('f', 't1'), NOW + 1, NOW + 301)
  assert.equal(await rotate(store, 'a', 't0', refreshToken('f', 'thief'), NOW + 2, NOW + 302), 'replayed')
  assert.equal(await store.refreshTokens.find('a', 'thief'), undefined)
  assert.equal((await store.refreshTokens.find('a', 't1'))?.revokedAt, NOW + 2)
  const [recorded, ...others] = await store.accessTokens.revocationsAfter(0, 10)
  assert.deepEqual(others, [])
  assert.deepEqual({ ...recorded, sequence: 0 }, { realmId: 'a', kind: 'family', value: 'f', expiresAt: NOW + 302, sequence: 0 })
  assert.equal(await rotate(store, 'a', 't1', refreshToken('f', 't2'), NOW + 3, NOW + 303), 'gone', 'the live one died too')
  assert.equal(await rotate(store, 'a', 't0', refreshToken('f', 't2'), NOW + 3, NOW + 303), 'gone')
  assert.equal(await store.refreshTokens.find('a', 't2'), undefined)
  assert.equal(await rotate(store, 'a', 'u0', refreshToken('g', 'u1'), NOW + 3, NOW + 303), 'recorded', 'another family lives')
}

const gone = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0', { expiresAt: NOW + 10 }))
  await start(store, family('a', 'g'), refreshToken('g', 'u0'))
  const use = (realmId: string, hash: string, familyId: string, now: number) =>
    rotate(store, realmId, hash, refreshToken(familyId, 'next'), now, now + 300)
  assert.equal(await use('a', 't0', 'f', NOW + 10), 'gone', 'expired in this very second')
  assert.equal(await use('a', 'never', 'f', NOW), 'gone')
  assert.equal(await use('b', 't0', 'f', NOW), 'gone')
  assert.equal(await use('a', 't0', 'g', NOW), 'gone', 'a successor of another family')
  assert.equal(await store.refreshTokens.find('a', 'next'), undefined)
  assert.equal((await store.refreshTokens.find('a', 't0'))?.usedAt, null)
  assert.equal(await use('a', 't0', 'f', NOW + 9), 'recorded')
  assert.equal(await use('a', 't0', 'f', NOW + 10), 'gone', 'used and expired: what a sweep would have forgotten is no replay')
  assert.equal((await store.refreshTokens.find('a', 'next'))?.revokedAt, null)
}

const race = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  const asked = Array.from({ length: 100 }, (_, n) => rotate(store, 'a', 't0', refreshToken('f', `s${n}`), NOW, NOW + 300))
  const count = Object.groupBy(await Promise.all(asked), (result) => result)
  assert.deepEqual([count.recorded?.length, count.replayed?.length, count.gone?.length], [1, 1, 98])
  assert.equal((await store.refreshTokens.find('a', 't0'))?.revokedAt, NOW)
  const successors = await Promise.all(asked.map((_, n) => store.refreshTokens.find('a', `s${n}`)))
  assert.equal(successors.filter(Boolean).length, 1)
  assert.equal((await store.accessTokens.revocationsAfter(0, 200)).length, 1)
}

const taken = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  await start(store, family('a', 'g'), refreshToken('g', 'taken'))
  await assert.rejects(rotate(store, 'a', 't0', refreshToken('f', 'taken'), NOW, NOW + 300))
  assert.equal((await store.refreshTokens.find('a', 't0'))?.usedAt, null)
  assert.equal((await store.refreshTokens.find('a', 'taken'))?.token.familyId, 'g')
}

const revokedOnce = async (store: Store): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  const asked = [1, 2, 3].map((n) => store.refreshTokens.revokeFamily('a', 'f', NOW + n, NOW + 300, KILLED))
  assert.deepEqual(await Promise.all(asked), [true, false, false])
  assert.equal(await store.refreshTokens.revokeFamily('a', 'unknown', NOW, NOW + 300, KILLED), false)
  assert.equal(await store.refreshTokens.revokeFamily('b', 'f', NOW, NOW + 300, KILLED), false)
  assert.equal((await store.refreshTokens.find('a', 't0'))?.revokedAt, NOW + 1)
  assert.equal(await rotate(store, 'a', 't0', refreshToken('f', 't1'), NOW + 4, NOW + 300), 'gone')
  assert.deepEqual(
    (await store.accessTokens.revocationsAfter(0, 10)).map(({ kind, value, expiresAt }) => ({ kind, value, expiresAt })),
    [{ kind: 'family', value: 'f', expiresAt: NOW + 300 }],
  )
}

const opaque = async (store: Store): Promise<void> => {
  const token = opaqueToken('a', 'at', {
    claims: { jti: 'j', exp: NOW + 300, client_id: 'app', aud: ['x', 'y'], deep: { n: 1.5, no: null } },
  })
  await insertOpaque(store, token)
  assert.deepEqual(await store.accessTokens.findOpaque('a', 'at'), token)
  assert.equal(await store.accessTokens.findOpaque('b', 'at'), undefined)
}

const REVOKED = auditEntry('a', { event: 'token.revoked' })
const KILLED = auditEntry('a', { event: 'token.revoked', detail: { family: 'f' } })

const jti = (value: string, expiresAt = NOW + 300) => ({ realmId: 'a', kind: 'jti' as const, value, expiresAt })

const sweep = async (store: Store): Promise<void> => {
  await start(store, family('a', 'short'), refreshToken('short', 's0', { expiresAt: NOW + 10 }))
  await start(store, family('a', 'long'), refreshToken('long', 'l0', { expiresAt: NOW + 10 }))
  await rotate(store, 'a', 'l0', refreshToken('long', 'l1', { expiresAt: NOW + 20 }), NOW, NOW + 300)
  await insertOpaque(store, opaqueToken('a', 'early', { expiresAt: NOW + 10 }))
  await insertOpaque(store, opaqueToken('a', 'late', { expiresAt: NOW + 11 }))
  await store.accessTokens.revoke(jti('early', NOW + 10), REVOKED)
  await store.accessTokens.revoke(jti('late', NOW + 11), REVOKED)
  assert.equal(await store.sweep(NOW + 10), 0, 'not before it is past')
  assert.equal(await store.sweep(NOW + 11), 5, 'two refresh tokens, a family, an opaque token, a revocation')
  assert.equal(await store.refreshTokens.find('a', 's0'), undefined)
  assert.equal(await store.refreshTokens.find('a', 'l0'), undefined)
  assert.deepEqual((await store.refreshTokens.find('a', 'l1'))?.family, family('a', 'long'))
  assert.equal(await store.accessTokens.findOpaque('a', 'early'), undefined)
  assert.ok(await store.accessTokens.findOpaque('a', 'late'))
  assert.deepEqual(
    (await store.accessTokens.revocationsAfter(0, 10)).map((found) => found.value),
    ['late'],
  )
  assert.equal(await rotate(store, 'a', 'l1', refreshToken('long', 'l2'), NOW + 12, NOW + 300), 'recorded')
  assert.equal(await store.refreshTokens.revokeFamily('a', 'short', NOW, NOW, KILLED), false, 'the family without tokens went')
  assert.equal(await store.sweep(NOW + 11), 0)
}

const bigSweep = async (store: Store): Promise<void> => {
  await Promise.all(Array.from({ length: 2500 }, (_, n) => insertOpaque(store, opaqueToken('a', `t${n}`, { expiresAt: NOW }))))
  await insertOpaque(store, opaqueToken('a', 'live'))
  assert.equal(await store.sweep(NOW + 1), 2500)
  assert.ok(await store.accessTokens.findOpaque('a', 'live'))
}

const closing = async (open: () => Promise<OpenedStore>): Promise<void> => {
  const { store } = await open()
  const asked = store.realms.put(realm('a'), ACT)
  const recorded = insertOpaque(store, opaqueToken('a', 'at'))
  const closed = store.close()
  await assert.rejects(store.realms.put(realm('b'), ACT), StoreUnavailable)
  await assert.rejects(store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'late') })), StoreUnavailable)
  await Promise.all([asked, recorded, closed])
  await store.close()
  for (const late of [
    store.realms.find('a'),
    store.revision(),
    store.ready(),
    store.sweep(NOW),
    store.issuing.record(issueRecord()),
    store.issuing.findReusable('a', 'meaning', NOW),
    store.audit.append(auditEntry('a')),
    store.audit.last(),
    store.secrets.uses('a', 'app'),
    store.replays.claim('a', 'jti', NOW),
  ])
    await assert.rejects(late, StoreUnavailable)
}

const durability = async (open: () => Promise<OpenedStore>, skip: (reason: string) => void): Promise<void> => {
  const { store, reopen } = await open()
  if (reopen === undefined) {
    await store.close()
    skip('nothing outlives this store')
    return
  }
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.users.put(user('a', 'u1'), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k1'), ACT)
  await store.signingKeys.insertFirst(signingKey('a', 'kid'), ACT)
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  await rotate(store, 'a', 't0', refreshToken('f', 't1'), NOW, NOW + 300)
  await insertOpaque(store, opaqueToken('a', 'at'))
  await store.accessTokens.revoke(jti('j'), REVOKED)
  const seen = async (from: Store): Promise<unknown> => [
    await from.realms.list(),
    await from.clients.list('a', '', 10),
    await from.users.list('a', '', 10),
    await from.apiKeys.list('a', 'app'),
    await from.signingKeys.list('a'),
    await from.refreshTokens.find('a', 't0'),
    await from.refreshTokens.find('a', 't1'),
    await from.accessTokens.findOpaque('a', 'at'),
    await from.accessTokens.revocationsAfter(0, 10),
    await from.revision(),
  ]
  const before = await seen(store)
  await store.close()
  const again = await reopen()
  try {
    assert.deepEqual(await seen(again), before)
    assert.equal(await again.signingKeys.insertFirst(signingKey('a', 'another'), ACT), false)
    assert.equal(await rotate(again, 'a', 't0', refreshToken('f', 't2'), NOW, NOW + 300), 'replayed')
  } finally {
    await again.close()
  }
}
