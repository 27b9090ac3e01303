// What a start makes of the store: the configuration's own is brought up to date, what a command made or ended survives.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import type { Act } from '../../src/model/audit.ts'
import type { Client, ClientSecret } from '../../src/model/client.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Store } from '../../src/model/store.ts'
import { applyConfiguration } from '../../src/server/apply.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'

const START = 1_800_000_000
const DAY = 86_400
const KEY = { KEY: '0f'.repeat(32) }
const at = (days: number): Act => ({ at: START + days * DAY, by: 'configuration' })
const byCommand = (days: number): Act => ({ at: START + days * DAY, by: 'command ada' })
const hashOf = (name: string): string => secretHash(`the ${name} secret of this test, and long enough`)
const given = (...names: readonly string[]) => names.map((name) => ({ hash: hashOf(name) }))
const made = (name: string): ClientSecret => {
  const hash = hashOf(name)
  return { id: `made_${name}`, hash, createdAt: START + DAY, expiresAt: null, origin: 'command', sealed: null }
}

async function open(t: TestContext): Promise<Store> {
  const store = await openSqliteStore({ file: ':memory:' })
  t.after(() => store.close())
  return store
}

/** Starts with these clients of the realm `shop`. */
async function start(store: Store, act: Act, clients: readonly object[], more: object = {}): Promise<string[]> {
  const input = { realms: [{ id: 'shop', clients, ...more }] }
  return await applyConfiguration(store, (await loadConfiguration({ input })).configuration.realms, act)
}

const desk = (...names: readonly string[]) => ({ clientId: 'desk', secrets: given(...names) })
const clientOf = async (store: Store, clientId: string): Promise<Client> => {
  const client = await store.clients.find('shop', clientId)
  assert.ok(client)
  return client
}
const secretsOf = async (store: Store) => (await clientOf(store, 'desk')).secrets
const idsOf = async (store: Store) => (await store.clients.list('shop', '', 100)).map((one) => one.clientId)
const idOf = async (store: Store, name: string): Promise<string> =>
  (await secretsOf(store)).find((one) => one.hash === hashOf(name))?.id ?? ''
const eventsAfter = async (store: Store, after: number) =>
  (await store.audit.read({ after, limit: 100 })).map((row) => `${row.by}: ${row.event} ${row.clientId}`.trim())

test('a first start writes everything down with its time, a second one writes nothing', async (t) => {
  const store = await open(t)
  const key = { id: 'k', key: { hash: hashOf('key') } }
  const clients = [{ ...desk('one', 'two'), apiKeys: [key], exchanges: [{}], grants: ['token_exchange'] }]
  const more = { users: [{ username: 'ada', password: { hash: `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}` } }] }
  assert.deepEqual(await start(store, at(0), clients, more), [])
  assert.deepEqual(
    (await secretsOf(store)).map((one) => [one.hash, one.createdAt, one.expiresAt, one.origin]),
    ['one', 'two'].map((name) => [hashOf(name), START, null, 'configuration']),
  )
  assert.equal((await store.apiKeys.list('shop', 'desk'))[0]?.createdAt, START)
  const events = (await eventsAfter(store, 0)).sort()
  const written = ['api_key.put desk', 'client.put desk', 'realm.put', 'user.put']
  assert.deepEqual(
    events,
    written.map((event) => `configuration: ${event}`),
  )
  const revision = await store.revision()
  assert.deepEqual(await start(store, at(1), clients, more), [])
  assert.equal(await store.revision(), revision)
})

test('what the configuration names no more goes, and what a command made stays', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one', 'two'), { clientId: 'till', secrets: given('till') }])
  await store.clients.put({ ...(await clientOf(store, 'till')), clientId: 'partner', origin: 'command' }, byCommand(1))
  await store.secrets.add('shop', 'desk', made('third'), byCommand(1))
  assert.deepEqual(await start(store, at(2), [desk('two')]), [])
  assert.deepEqual(await idsOf(store), ['desk', 'partner'])
  assert.deepEqual(
    (await secretsOf(store)).map((one) => [one.hash, one.createdAt, one.origin]),
    [
      [hashOf('two'), START, 'configuration'],
      [hashOf('third'), START + DAY, 'command'],
    ],
  )
})

test('a client that a command made becomes the configuration’s when that names it, its secrets remaining', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one')])
  const secrets = [{ ...made('partner') }]
  await store.clients.put({ ...(await clientOf(store, 'desk')), clientId: 'partner', origin: 'command', secrets }, byCommand(1))
  await start(store, at(2), [desk('one'), { clientId: 'partner', displayName: 'Ours now', secrets: given('own') }])
  const { origin, displayName, secrets: now } = await clientOf(store, 'partner')
  assert.deepEqual([origin, displayName, now.map((one) => one.hash)], ['configuration', 'Ours now', [hashOf('own'), hashOf('partner')]])
  await start(store, at(3), [desk('one')])
  assert.deepEqual(await idsOf(store), ['desk'])
})

test('a configured secret that a command has cut stays cut, and every start says so', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one', 'two')])
  const id = await idOf(store, 'one')
  assert.equal(await store.secrets.cut('shop', 'desk', id, START + 40 * DAY, byCommand(1)), true)
  for (const day of [2, 3]) {
    assert.deepEqual(await start(store, at(day), [desk('one', 'two')]), [
      `Client desk of realm shop: its configured secret ${id} was ended by a command: take it out of the configuration.`,
    ])
    assert.deepEqual(
      (await secretsOf(store)).map((one) => one.expiresAt),
      [START + DAY, null],
    )
  }
})

test('a cut secret that was taken out of the configuration is not brought back by an older one', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one', 'two')])
  await store.secrets.cut('shop', 'desk', await idOf(store, 'one'), START + 40 * DAY, byCommand(1))
  assert.deepEqual(await start(store, at(2), [desk('two')]), [])
  assert.equal((await start(store, at(3), [desk('one', 'two')])).length, 1)
  assert.equal((await secretsOf(store)).find((one) => one.hash === hashOf('one'))?.expiresAt, START + DAY)
})

test('a secret in its overlap ends when the command said, in the configuration or out of it', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one')])
  const id = await idOf(store, 'one')
  assert.equal(await store.secrets.rotate('shop', 'desk', made('next'), START + 8 * DAY, byCommand(1)), true)
  assert.deepEqual(await start(store, at(2), [desk('one')]), [
    `Client desk of realm shop: its configured secret ${id} ends at 2027-01-23T08:00:00.000Z by a command: take it out of the configuration.`,
  ])
  assert.deepEqual(await start(store, at(3), [desk('next')]), [])
  assert.deepEqual(
    (await secretsOf(store)).map((one) => [one.id, one.origin, one.expiresAt]),
    [
      ['made_next', 'configuration', null],
      [id, 'command', START + 8 * DAY],
    ],
  )
})

test('a secret that a command made keeps its id and time when its hash is configured, and stays cut if it was', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one')])
  await store.secrets.add('shop', 'desk', made('next'), byCommand(1))
  assert.deepEqual(await start(store, at(2), [desk('one', 'next')]), [])
  const [, next] = await secretsOf(store)
  assert.deepEqual([next?.id, next?.createdAt, next?.origin], ['made_next', START + DAY, 'configuration'])
  await store.secrets.cut('shop', 'desk', 'made_next', START + 40 * DAY, byCommand(3))
  assert.equal((await start(store, at(4), [desk('one', 'next')])).length, 1)
  assert.equal((await secretsOf(store)).find((one) => one.hash === hashOf('next'))?.expiresAt, START + 3 * DAY)
})

test('where a seal is needed that the store has not, the secret takes the id it is sealed for, and its end with it', async (t) => {
  const store = await open(t)
  const SECRET = 'the next secret of this test, and long enough'
  const apply = async (act: Act, authMethods: readonly string[]) => {
    const clients = [{ clientId: 'desk', secret: { env: 'SECRET' }, authMethods }]
    const input = { masterKey: { env: 'KEY' }, realms: [{ id: 'shop', clients }] }
    const { configuration } = await loadConfiguration({ input, env: { ...KEY, SECRET } })
    await applyConfiguration(store, configuration.realms, act)
    return configuration.realms[0]?.clients[0]?.secrets[0]
  }
  await start(store, at(0), [desk('one')])
  await store.secrets.add('shop', 'desk', { ...made('next'), expiresAt: START + 9 * DAY }, byCommand(1))
  await apply(at(2), ['client_secret_basic'])
  assert.equal((await secretsOf(store))[0]?.id, 'made_next')
  const configured = await apply(at(3), ['client_secret_jwt'])
  const { createdAt, expiresAt, ...rest } = (await secretsOf(store))[0] ?? { createdAt: 0, expiresAt: 0 }
  assert.ok(configured?.sealed)
  assert.deepEqual(rest, { id: configured.id, hash: configured.hash, origin: 'configuration', sealed: configured.sealed })
  assert.deepEqual([createdAt, expiresAt], [START + DAY, START + 9 * DAY])
  const revision = await store.revision()
  await apply(at(4), ['client_secret_jwt'])
  assert.equal(await store.revision(), revision)
})

test('a secret that the first release wrote without a time gets one', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one')])
  const client = await clientOf(store, 'desk')
  await store.clients.put({ ...client, secrets: client.secrets.map((one) => ({ ...one, createdAt: 0 })) }, at(1))
  await start(store, at(2), [desk('one')])
  assert.equal((await secretsOf(store))[0]?.createdAt, START + 2 * DAY)
})

test('a client that a command disabled is as the configuration says after a start', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one')])
  await store.clients.put({ ...(await clientOf(store, 'desk')), enabled: false }, byCommand(1))
  const { sequence } = (await store.audit.read({ after: 0, limit: 100 })).at(-1) ?? { sequence: 0 }
  await start(store, at(2), [desk('one')])
  assert.equal((await clientOf(store, 'desk')).enabled, true)
  assert.deepEqual(await eventsAfter(store, sequence), ['configuration: client.put desk'])
})

test('a server that starts again after a cut refuses the secret, takes the other one and tells the operator', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'countersign-apply-'))
  t.after(() => rmSync(data, { recursive: true, force: true }))
  const input = { data, masterKey: { env: 'KEY' }, realms: [{ id: 'shop', clients: [desk('one', 'two')] }] }
  const asked = async (origin: string, name: string) => {
    const secret = `the ${name} secret of this test, and long enough`
    const body = { grant_type: 'client_credentials', client_id: 'desk', client_secret: secret }
    return (await postForm(`${origin}/realms/shop/oauth2/token`, body)).status
  }
  const first = await startConfigured(input, KEY)
  assert.deepEqual([await asked(first.origin, 'one'), first.notices], [200, []])
  await first.close()

  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  const now = Math.floor(Date.now() / 1000)
  assert.equal(await store.secrets.cut('shop', 'desk', await idOf(store, 'one'), now + DAY, { at: now, by: 'command ada' }), true)
  await store.close()

  const second = await startConfigured(input, KEY)
  assert.deepEqual([await asked(second.origin, 'two'), await asked(second.origin, 'one')], [200, 401])
  assert.match(
    second.notices.join('\n'),
    /^Client desk of realm shop: its configured secret secret_\S+ was ended by a command: take it out/,
  )
  await second.close()
  assert.deepEqual([...first.reports, ...second.reports], [])
})

test('a client that the configuration drops takes the tokens it had with it', async (t) => {
  const store = await open(t)
  await start(store, at(0), [desk('one'), { clientId: 'till', secrets: given('two') }])
  await start(store, at(1), [desk('one')])
  const ended = (await store.accessTokens.revocationsAfter(0, 10)).map(({ realmId, kind, value }) => [realmId, kind, value])
  assert.deepEqual(ended, [['shop', 'client', 'till']])
  assert.deepEqual(await idsOf(store), ['desk'])
})

test('a large realm is compared in pages, not client by client, and a second start writes nothing', async (t) => {
  const store = await open(t)
  const many = Array.from({ length: 1201 }, (_, n) => ({ clientId: `client-${n}`, secrets: given('one') }))
  await start(store, at(0), many)
  const stays = await clientOf(store, 'client-7')
  await store.clients.put({ ...stays, clientId: 'partner', origin: 'command' }, byCommand(1))
  const asked = { find: 0, list: 0 }
  const clients: Store['clients'] = {
    ...store.clients,
    find: (...of) => {
      asked.find++
      return store.clients.find(...of)
    },
    list: (...of) => {
      asked.list++
      return store.clients.list(...of)
    },
  }
  const revision = await store.revision()
  await start({ ...store, clients }, at(2), many)
  assert.equal(await store.revision(), revision)
  assert.deepEqual(asked, { find: 0, list: 3 })
  await start(store, at(3), many.slice(0, 600))
  const left = await store.clients.list('shop', '', 1000)
  assert.equal(left.length, 601)
  assert.equal(left.at(-1)?.clientId, 'partner')
})

test('realms by the hundred are all brought up to date, and the caller is told how far it is', async (t) => {
  const store = await open(t)
  const realms = Array.from({ length: 150 }, (_, n) => ({ id: `shop-${n}`, clients: [desk('one')] }))
  const { configuration } = await loadConfiguration({ input: { realms } })
  const told: number[] = []
  await applyConfiguration(store, configuration.realms, at(0), (_what, done, all) => {
    assert.equal(all, 150)
    told.push(done)
  })
  assert.deepEqual(
    told,
    Array.from({ length: 150 }, (_, n) => n + 1),
  )
  assert.equal((await store.realms.list()).length, 150)
  for (const id of ['shop-0', 'shop-149']) assert.equal((await store.clients.list(id, '', 10)).length, 1)
})
