// Part of the conformance suite: a client's generation, which each end of all it was issued gives anew.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditEvent } from '../../src/model/audit.ts'
import type { Store } from '../../src/model/store.ts'
import { clientRevocation } from '../../src/model/token.ts'
import type { WithStore } from './opened_store.ts'
import { ACT, auditEntry, client, family, NOW, realm, refreshToken } from './samples.ts'

export const runGenerationConformance = (withStore: WithStore): void => {
  test('a client that was never cut has no generation, and each cut gives it the number of its revocation', withStore(cuts))
  test('a cut is heard of as a change of the client, and leaves an audit row each time', withStore(told))
  test('whoever puts a client says nothing of its generation', withStore(puts))
  test('a client that is made anew under the name of one that was removed has the number of the removal', withStore(madeAnew))
  test('a forgotten cut is no generation', withStore(forgotten))
}

const CUT = auditEntry('a', { event: 'token.revoked', clientId: 'app', detail: { all: true } })

const begin = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.clients.put(client('a', 'other'), ACT)
}

const cut = (store: Store, at = NOW): Promise<void> => store.accessTokens.revoke(clientRevocation('a', 'app', at), CUT)

const generation = async (store: Store, clientId = 'app'): Promise<number | undefined> =>
  (await store.clients.find('a', clientId))?.generation

const cuts = async (store: Store): Promise<void> => {
  await begin(store)
  assert.equal(await generation(store), undefined)
  // Twice in one second, and once by a clock that is behind: three all the same.
  for (const at of [NOW, NOW, NOW - 5]) {
    const before = await generation(store)
    await cut(store, at)
    const all = await store.accessTokens.revocationsAfter(before ?? 0, 10)
    assert.deepEqual(
      all.map(({ kind, value, expiresAt, sequence }) => [kind, value, expiresAt, sequence]),
      [['client', 'app', clientRevocation('a', 'app', NOW).expiresAt, await generation(store)]],
    )
    assert.ok((all[0]?.sequence ?? 0) > (before ?? 0))
  }
  assert.equal(await generation(store, 'other'), undefined)
  assert.deepEqual(
    (await store.clients.list('a', '', 10)).map((one) => one.generation),
    [await generation(store), undefined],
  )
}

const told = async (store: Store): Promise<void> => {
  await begin(store)
  const before = await store.revision()
  await cut(store)
  await cut(store)
  assert.equal(await store.revision(), before + 2)
  assert.deepEqual(await rowsOf(store, 'token.revoked'), [{ all: true }, { all: true }])
}

const puts = async (store: Store): Promise<void> => {
  await begin(store)
  await cut(store)
  const first = await generation(store)
  assert.ok(first !== undefined)
  const read = await store.clients.find('a', 'app')
  assert.ok(read)
  await cut(store)
  const second = await generation(store)
  // What was read before the cut, and what never heard of any.
  await store.clients.put({ ...read, enabled: false }, ACT)
  assert.equal(await generation(store), second)
  await store.clients.put(client('a', 'app'), ACT)
  assert.deepEqual(await store.clients.find('a', 'app'), { ...client('a', 'app'), generation: second })
  // It is no change.
  const rows = await rowsOf(store, 'client.put')
  await store.clients.put(client('a', 'app', { generation: 1 }), ACT)
  assert.deepEqual(await rowsOf(store, 'client.put'), rows)
}

const madeAnew = async (store: Store): Promise<void> => {
  await begin(store)
  await store.clients.remove('a', 'app', ACT)
  const removal = (await store.accessTokens.revocationsAfter(0, 10)).at(-1)
  assert.deepEqual([removal?.kind, removal?.value], ['client', 'app'])
  // A request that was under way ends behind the removal.
  const late = { kind: 'start', family: family('a', 'late', { clientId: 'app' }), token: refreshToken('late', 'late') } as const
  await store.issuing.record({ now: NOW, charge: null, reuse: null, opaque: null, audit: null, refresh: late })
  await store.clients.put(client('a', 'app'), ACT)
  assert.equal(await generation(store), removal?.sequence)
  assert.equal(await store.refreshTokens.find('a', late.token.hash), undefined)
  await store.clients.remove('a', 'never-there', ACT)
  assert.equal((await store.accessTokens.revocationsAfter(0, 10)).length, 1)
}

const forgotten = async (store: Store): Promise<void> => {
  await begin(store)
  await cut(store)
  await store.sweep(clientRevocation('a', 'app', NOW).expiresAt + 1)
  assert.equal(await generation(store), undefined)
}

const rowsOf = async (store: Store, event: AuditEvent): Promise<readonly unknown[]> =>
  (await store.audit.read({ after: 0, limit: 100, clientId: 'app', event })).map(({ detail }) => detail)
