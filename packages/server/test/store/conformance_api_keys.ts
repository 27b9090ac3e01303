// Part of the conformance suite: API keys changed one by one, their uses, and what a command decided against what the configuration says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiKeyUse } from '../../src/model/api_key_use.ts'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { ACT, apiKey, client, NOW, realm, secret } from './samples.ts'

export const runApiKeyConformance = (withStore: WithStore): void => {
  test('an API key is found as it was put, with its origin and addresses', withStore(whole))
  test('the API keys of a realm come in pages, by id', withStore(paged))
  test('rotating adds an API key and ends the others of its client that live longer', withStore(rotated))
  test('an API key is ended once, and never later than it ends already', withStore(ended))
  test('no put gives an API key back the life that a command took, unless it is another key', withStore(decided))
  test('changes of API keys raise the revision and leave one row each, if they change anything', withStore(audited))
  test('uses of an API key add up, outlive a change of it, and go with it', withStore(uses))
  test('API keys made by a command are forgotten 30 days after their end, those of the configuration never', withStore(sweep))
  test('a client that is put keeps what commands decided of its secrets meanwhile', withStore(secretsDecided))
}

const MADE = apiKey('a', 'app', 'made', { origin: 'command', createdAt: NOW + 5, addresses: ['203.0.113.0/24', '2001:db8::/32'] })

const withClients = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.realms.put(realm('b'), ACT)
  for (const id of ['app', 'other']) await store.clients.put(client('a', id), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k1'), ACT)
  await store.apiKeys.put(apiKey('a', 'other', 'k2'), ACT)
}

const ends = async (store: Store, clientId = 'app') =>
  (await store.apiKeys.list('a', clientId)).map(({ id, expiresAt, endedAt }) => [id, expiresAt, endedAt])

const whole = async (store: Store): Promise<void> => {
  await withClients(store)
  await store.apiKeys.put(MADE, ACT)
  assert.deepEqual(await store.apiKeys.findByHash('a', MADE.hash), MADE)
  const changed = { ...MADE, addresses: [], displayName: 'Other', expiresAt: NOW + 9 }
  await store.apiKeys.put(changed, ACT)
  assert.deepEqual(await store.apiKeys.list('a', 'app'), [apiKey('a', 'app', 'k1'), changed])
  await store.apiKeys.put(MADE, ACT)
  assert.deepEqual(await store.apiKeys.findByHash('a', MADE.hash), MADE, 'an end that no command gave may go')
}

const paged = async (store: Store): Promise<void> => {
  await withClients(store)
  await store.apiKeys.put(MADE, ACT)
  await store.clients.put(client('b', 'app'), ACT)
  await store.apiKeys.put(apiKey('b', 'app', 'k0'), ACT)
  const first = await store.apiKeys.listOfRealm('a', '', 2)
  assert.deepEqual(first, [apiKey('a', 'app', 'k1'), apiKey('a', 'other', 'k2')])
  assert.deepEqual(await store.apiKeys.listOfRealm('a', 'k2', 2), [MADE])
  assert.deepEqual(await store.apiKeys.listOfRealm('a', 'made', 2), [])
}

const rotated = async (store: Store): Promise<void> => {
  await withClients(store)
  await store.apiKeys.put(apiKey('a', 'app', 'soon', { expiresAt: NOW + 50 }), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'late', { expiresAt: NOW + 500 }), ACT)
  assert.equal(await store.apiKeys.rotate('a', MADE, NOW + 100, ACT), true)
  const after = [
    ['k1', NOW + 100, NOW + 100],
    ['late', NOW + 100, NOW + 100],
    ['made', null, null],
    ['soon', NOW + 50, null],
  ]
  assert.deepEqual(await ends(store), after)
  assert.deepEqual(await store.apiKeys.findByHash('a', MADE.hash), MADE)
  assert.equal(await store.apiKeys.rotate('a', MADE, NOW, ACT), false, 'there is one of this id')
  assert.equal(await store.apiKeys.rotate('a', { ...MADE, id: 'x' }, NOW, ACT), false, 'there is one of this hash')
  assert.equal(await store.apiKeys.rotate('a', apiKey('a', 'nobody', 'x'), NOW, ACT), false)
  assert.equal(await store.apiKeys.rotate('b', apiKey('b', 'app', 'x'), NOW, ACT), false)
  assert.deepEqual([await ends(store), await ends(store, 'other')], [after, [['k2', null, null]]])
}

const ended = async (store: Store): Promise<void> => {
  await withClients(store)
  assert.equal(await store.apiKeys.end('a', 'k1', NOW + 100, ACT), true)
  assert.equal(await store.apiKeys.end('a', 'k1', NOW + 200, ACT), false)
  assert.equal(await store.apiKeys.end('a', 'k1', NOW + 100, ACT), false)
  assert.deepEqual(await ends(store), [['k1', NOW + 100, NOW + 100]])
  assert.equal(await store.apiKeys.end('a', 'k1', NOW, ACT), true, 'sooner')
  assert.equal(await store.apiKeys.end('a', 'unknown', NOW, ACT), false)
  assert.equal(await store.apiKeys.end('b', 'k1', NOW, ACT), false)
  assert.deepEqual([await ends(store), await ends(store, 'other')], [[['k1', NOW, NOW]], [['k2', null, null]]])
}

const decided = async (store: Store): Promise<void> => {
  await withClients(store)
  await store.apiKeys.end('a', 'k1', NOW + 100, ACT)
  for (const expiresAt of [null, NOW + 900]) {
    await store.apiKeys.put(apiKey('a', 'app', 'k1', { expiresAt, displayName: `${expiresAt}` }), ACT)
    assert.deepEqual(await ends(store), [['k1', NOW + 100, NOW + 100]])
  }
  await store.apiKeys.put(apiKey('a', 'app', 'k1', { expiresAt: NOW + 50 }), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k1', { expiresAt: NOW + 70 }), ACT)
  assert.deepEqual(await ends(store), [['k1', NOW + 70, NOW + 100]], 'the configuration changes an end of its own')
  const moved = { ...apiKey('a', 'app', 'k1'), id: 'moved', endedAt: NOW + 100 }
  await store.apiKeys.remove('a', 'k1', ACT)
  await store.apiKeys.put(moved, ACT)
  assert.deepEqual(await ends(store), [['moved', NOW + 100, NOW + 100]], 'an end that is handed on')
  await store.apiKeys.put(apiKey('a', 'app', 'moved'), ACT)
  assert.deepEqual(await ends(store), [['moved', null, null]], 'another key under the same id')
}

const audited = async (store: Store): Promise<void> => {
  await withClients(store)
  const [revision, after] = [await store.revision(), await store.audit.last()]
  await store.apiKeys.rotate('a', MADE, NOW + 100, { at: NOW, by: 'command ada' })
  await store.apiKeys.rotate('a', MADE, NOW + 100, ACT)
  await store.apiKeys.end('a', 'made', NOW + 7, ACT)
  await store.apiKeys.end('a', 'made', NOW + 7, ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k1'), ACT)
  await store.apiKeys.noteUse([use('k1', NOW, 1, '')])
  assert.ok((await store.revision()) >= revision + 2)
  const rows = await store.audit.read({ after, limit: 10 })
  assert.deepEqual(
    rows.map(({ event, clientId, by, detail }) => [event, clientId, by, detail]),
    [
      ['api_key.put', 'app', 'command ada', { key: 'made', created: true, expiresAt: null, ending: ['k1'], endingAt: NOW + 100 }],
      ['api_key.ending', 'app', 'configuration', { key: 'made', expiresAt: NOW + 7 }],
    ],
  )
}

const use = (apiKeyId: string, lastUsedAt: number, count: number, address: string): ApiKeyUse => ({
  realmId: 'a',
  clientId: 'app',
  apiKeyId,
  lastUsedAt,
  count,
  address,
})

const uses = async (store: Store): Promise<void> => {
  await withClients(store)
  const { apiKeys } = store
  await apiKeys.put(MADE, ACT)
  assert.deepEqual(await apiKeys.uses('a', 'app'), [])
  const strange = [use('unknown', NOW, 1, ''), { ...use('k1', NOW, 1, ''), clientId: 'other' }, { ...use('k1', NOW, 1, ''), realmId: 'b' }]
  await apiKeys.noteUse([use('k1', NOW + 5, 3, '192.0.2.1'), ...strange])
  await Promise.all([apiKeys.noteUse([use('k1', NOW + 2, 4, '192.0.2.2')]), apiKeys.noteUse([use('made', NOW, 1, '')])])
  assert.deepEqual(await apiKeys.uses('a', 'app'), [use('k1', NOW + 5, 7, '192.0.2.1'), use('made', NOW, 1, '')])
  await apiKeys.noteUse([use('k1', NOW + 5, 1, '192.0.2.3'), use('k1', NOW + 9, 1, '192.0.2.4')])
  await apiKeys.put(apiKey('a', 'app', 'k1', { displayName: 'Other' }), ACT)
  assert.deepEqual((await apiKeys.uses('a', 'app'))[0], use('k1', NOW + 9, 9, '192.0.2.4'))
  await apiKeys.noteUse([])
  await apiKeys.remove('a', 'k1', ACT)
  await apiKeys.put(apiKey('a', 'app', 'k1'), ACT)
  assert.deepEqual(await apiKeys.uses('a', 'app'), [use('made', NOW, 1, '')], 'another key of that id')
  assert.deepEqual(await apiKeys.uses('a', 'other'), [])
}

const sweep = async (store: Store): Promise<void> => {
  const day = 86_400
  await withClients(store)
  await store.apiKeys.end('a', 'k1', NOW - 31 * day, ACT)
  await store.apiKeys.put({ ...MADE, id: 'old', hash: 'old', expiresAt: NOW - 30 * day - 1 }, ACT)
  await store.apiKeys.put({ ...MADE, id: 'over', hash: 'over', expiresAt: NOW - 30 * day }, ACT)
  await store.apiKeys.put(MADE, ACT)
  await store.apiKeys.noteUse([use('old', NOW, 1, '')])
  const before = await store.revision()
  assert.equal(await store.sweep(NOW - 1), 0)
  assert.equal(await store.revision(), before)
  assert.equal(await store.sweep(NOW), 1)
  assert.deepEqual(
    (await store.apiKeys.list('a', 'app')).map(({ id }) => id),
    ['k1', 'made', 'over'],
  )
  assert.deepEqual(await store.apiKeys.uses('a', 'app'), [])
  assert.equal(await store.revision(), before + 1)
}

const secretsDecided = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  const read = (await store.clients.find('a', 'app')) ?? assert.fail()
  const made = secret('made', { origin: 'command' })
  await Promise.all([
    store.secrets.cut('a', 'app', 'one', NOW + 300, ACT),
    store.secrets.add('a', 'app', made, ACT),
    store.clients.put({ ...read, enabled: false }, ACT),
  ])
  const kept = { ...read, enabled: false, secrets: [secret('one', { expiresAt: NOW }), made] }
  assert.deepEqual(await store.clients.find('a', 'app'), kept)
  const last = await store.audit.last()
  await store.clients.put({ ...read, enabled: false }, ACT)
  assert.deepEqual([await store.audit.last(), await store.clients.find('a', 'app')], [last, kept], 'nothing changed')
  const renamed = { ...secret('one'), id: 'renamed' }
  await store.clients.put({ ...read, secrets: [renamed, { ...made, id: 'configured', origin: 'configuration' }] }, ACT)
  assert.deepEqual(
    (await store.clients.find('a', 'app'))?.secrets.map(({ id, expiresAt }) => [id, expiresAt]),
    [
      ['renamed', NOW],
      ['configured', null],
    ],
    'a secret is known by its hash',
  )
  await store.clients.put({ ...read, secrets: [secret('renamed', { hash: 'sha256:new' })] }, ACT)
  assert.deepEqual((await store.clients.find('a', 'app'))?.secrets, [secret('renamed', { hash: 'sha256:new' })], 'another one of that id')
}
