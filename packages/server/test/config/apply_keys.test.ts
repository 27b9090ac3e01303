// What a start makes of API keys in the store: the configuration's own follow it, what a command made or ended survives.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import type { ApiKey } from '../../src/model/api_key.ts'
import type { Act } from '../../src/model/audit.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Store } from '../../src/model/store.ts'
import { applyConfiguration } from '../../src/server/apply.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { SECRET } from './mistake.ts'

const START = 1_800_000_000
const DAY = 86_400
const at = (days: number): Act => ({ at: START + days * DAY, by: 'configuration' })
const byCommand = (days: number): Act => ({ at: START + days * DAY, by: 'command ada' })
const hashOf = (name: string): string => secretHash(`the ${name} key of this test, and long enough`)
const given = (name: string, more: object = {}): object => ({ key: { hash: hashOf(name) }, ...more })
const made = (name: string, more: Partial<ApiKey> = {}): ApiKey => ({
  realmId: 'shop',
  clientId: 'desk',
  id: `made${name}`,
  hash: hashOf(name),
  displayName: `Made ${name}`,
  createdAt: START + DAY,
  expiresAt: null,
  endedAt: null,
  origin: 'command',
  addresses: [],
  ...more,
})

async function open(t: TestContext): Promise<Store> {
  const store = await openSqliteStore({ file: ':memory:' })
  t.after(() => store.close())
  return store
}

/** Starts with the realm `shop`, whose clients `desk` and `till` have these keys. */
async function start(store: Store, act: Act, desk: readonly object[], till: readonly object[] = []): Promise<string[]> {
  const clients = [
    { clientId: 'desk', secret: SECRET, apiKeys: desk },
    { clientId: 'till', secret: SECRET, apiKeys: till },
  ]
  const { configuration } = await loadConfiguration({ input: { realms: [{ id: 'shop', clients }] } })
  return await applyConfiguration(store, configuration.realms, act)
}

const keysOf = (store: Store, clientId = 'desk') => store.apiKeys.list('shop', clientId)
const keyOf = async (store: Store, name: string): Promise<ApiKey> => {
  const key = await store.apiKeys.findByHash('shop', hashOf(name))
  assert.ok(key)
  return key
}
const ending = (id: string, how: string): string =>
  `Client desk of realm shop: its configured API key ${id} ${how}: take it out of the configuration.`

test('keys are written down with their time, and a second start writes nothing', async (t) => {
  const store = await open(t)
  const desk = [given('one', { id: 'first', addresses: ['10.0.0.0/8'], expiresAt: '2030-12-31' }), given('two')]
  assert.deepEqual(await start(store, at(0), desk), [])
  assert.deepEqual(await keyOf(store, 'one'), {
    ...made('one', { id: 'first', displayName: 'first', addresses: ['10.0.0.0/8'], origin: 'configuration' }),
    createdAt: START,
    expiresAt: Date.parse('2030-12-31') / 1000,
  })
  const revision = await store.revision()
  assert.deepEqual(await start(store, at(1), desk), [])
  assert.equal(await store.revision(), revision)
})

test('what the configuration says of a key changes with it, its end too', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one', { expiresAt: '2030-12-31' })])
  for (const [expiresAt, end] of [
    ['2031-12-31', Date.parse('2031-12-31') / 1000],
    [undefined, null],
  ] as const) {
    await start(store, at(1), [given('one', { ...(expiresAt && { expiresAt }), addresses: ['10.0.0.1'] })])
    const { expiresAt: now, addresses, createdAt } = await keyOf(store, 'one')
    assert.deepEqual([now, addresses, createdAt], [end, ['10.0.0.1'], START])
  }
})

test('keys that the configuration names no more go, and those that a command made stay', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one'), given('two')])
  await store.apiKeys.put(made('third'), byCommand(1))
  await start(store, at(2), [given('two')])
  assert.deepEqual(
    new Map((await keysOf(store)).map(({ hash, origin }) => [hash, origin])),
    new Map([
      [hashOf('two'), 'configuration'],
      [hashOf('third'), 'command'],
    ]),
  )
})

test('a configured key that a command ended stays ended, and every start says so', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one', { id: 'first' }), given('two')])
  assert.equal(await store.apiKeys.end('shop', 'first', START + DAY, byCommand(1)), true)
  for (const expiresAt of [undefined, '2040-01-01'])
    for (const day of [2, 3]) {
      const desk = [given('one', { id: 'first', ...(expiresAt && { expiresAt }) }), given('two')]
      assert.deepEqual(await start(store, at(day), desk), [ending('first', 'was ended by a command')])
      assert.equal((await keyOf(store, 'one')).expiresAt, START + DAY)
    }
  const revision = await store.revision()
  await start(store, at(4), [given('one', { id: 'first', expiresAt: '2040-01-01' }), given('two')])
  assert.equal(await store.revision(), revision)
})

test('nor is it brought back by another id, or by an older configuration after it was taken out', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one', { id: 'first' })])
  await store.apiKeys.end('shop', 'first', START + DAY, byCommand(1))
  assert.deepEqual(await start(store, at(2), [given('one', { id: 'other' })]), [ending('other', 'was ended by a command')])
  assert.deepEqual(await start(store, at(3), []), [])
  assert.deepEqual(
    (await keysOf(store)).map(({ id, origin }) => [id, origin]),
    [['other', 'command']],
  )
  assert.deepEqual(await start(store, at(4), [given('one')]), [ending('other', 'was ended by a command')])
  assert.equal((await keyOf(store, 'one')).expiresAt, START + DAY)
})

test('a configured key in its overlap ends when the command said', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one', { id: 'first' })])
  assert.equal(await store.apiKeys.rotate('shop', made('next'), START + 8 * DAY, byCommand(1)), true)
  assert.deepEqual(await start(store, at(2), [given('one', { id: 'first' })]), [
    ending('first', 'ends at 2027-01-23T08:00:00.000Z by a command'),
  ])
  assert.deepEqual(await start(store, at(3), [given('next')]), [])
  assert.deepEqual(
    (await keysOf(store)).map(({ id, origin, expiresAt }) => [id, origin, expiresAt]),
    [
      ['first', 'command', START + 8 * DAY],
      ['madenext', 'configuration', null],
    ],
  )
})

test('a key that a command made keeps its id, name, time and end when its hash is configured', async (t) => {
  const store = await open(t)
  await start(store, at(0), [])
  await store.apiKeys.put(made('one', { expiresAt: START + 90 * DAY }), byCommand(1))
  await start(store, at(2), [given('one', { addresses: ['10.0.0.1'] })])
  for (const day of [3, 4]) {
    await start(store, at(day), [given('one', { addresses: ['10.0.0.1'] })])
    const { endedAt: _, ...key } = await keyOf(store, 'one')
    const { endedAt: __, ...expected } = made('one', { expiresAt: START + 90 * DAY, origin: 'configuration', addresses: ['10.0.0.1'] })
    assert.deepEqual(key, expected)
  }
})

test('a key moves to the client that the configuration gives it to', async (t) => {
  const store = await open(t)
  await start(store, at(0), [given('one', { id: 'first' })])
  await start(store, at(1), [], [given('one', { id: 'first' })])
  assert.deepEqual(
    [await keysOf(store), (await keysOf(store, 'till')).map(({ id, createdAt }) => [id, createdAt])],
    [[], [['first', START]]],
  )
})
