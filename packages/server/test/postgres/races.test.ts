// Every two kinds of writes at the same time from two nodes, again and again: none waits for another that waits for it, and what is there
// afterwards is what both were told.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { charge, METER } from '../ledger/samples.ts'
import * as samples from '../store/samples.ts'
import { parsed } from './parsed.ts'
import { noPostgres, startPostgres } from './server.ts'

const { ACT, NOW } = samples
const postgres = noPostgres === false ? await startPostgres({ after }) : undefined
const ROUNDS = 2

const SPAN = { start: NOW - 1000, end: NOW + 100_000 }
const LIMIT = 60
const CLIENTS = ['app', 'other']

/** What the answers said. */
interface Told {
  charged: number
  claimed: string[]
  rotated: number
  cut: Set<string>
  families: { id: string; credential: string }[]
}

type Act = (store: Store, n: number, told: Told) => Promise<void>

const one = <T>(of: readonly T[], n: number): T => of[n % of.length] ?? assert.fail()
const taken = (n: number, units = 1) =>
  charge({ span: SPAN, now: NOW, limit: LIMIT, units, origin: { day: '2027-01-15', address: `${n % 3}`, userAgent: '' } })

const admissionOf = (n: number) => {
  const charges = (n % 2 === 0 ? ['day', 'month'] : ['month', 'day']).map((name) => ({
    ...taken(n),
    meter: { account: `a/${one(CLIENTS, n)}`, name },
  }))
  return samples.admission({
    units: 1,
    charges: n % 2 === 0 ? charges : charges.toReversed(),
    key: { ...samples.admission().key, route: `${n % 3}` },
  })
}

const record = async (store: Store, told: Told, but: Parameters<typeof samples.issueRecord>[0]): Promise<void> => {
  const answer = await store.issuing.record(samples.issueRecord({ audit: samples.auditEntry('a'), ...but }))
  if (answer.outcome === 'recorded' && answer.receipt !== null) told.charged += 1
}

const ACTS: Readonly<Record<string, Act>> = {
  charge: (store, n, told) => record(store, told, { charge: taken(n) }),
  slot: (store, n, told) =>
    record(store, told, { charge: taken(n), reuse: samples.reusable('a', `m${n % 4}`, `${n}`, { credential: `s${n % 9}` }) }),
  slotsUncharged: async (store, n, told) => {
    const all = [n, n + 1, n + 2].map((k) => record(store, told, { reuse: samples.reusable('a', `u${k % 4}`, `u${n}.${k}`) }))
    await Promise.all(n % 2 === 0 ? all : all.toReversed())
  },
  family: async (store, n, told) => {
    const family = samples.family('a', `f${n}`, { credential: `s${n % 9}` })
    await record(store, told, { refresh: { kind: 'start', family, token: samples.refreshToken(family.id, `t${n}`) } })
    told.families.push({ id: family.id, credential: `s${n % 9}` })
  },
  rotate: async (store, n, told) => {
    const refresh = { kind: 'rotate' as const, family: samples.family('a', 'shared'), used: 'shared', accessTokensEnd: NOW + 300 }
    const successor = samples.refreshToken('shared', `shared-${n}-${Math.random()}`)
    const { outcome } = await store.issuing.record(samples.issueRecord({ now: NOW, refresh: { ...refresh, successor } }))
    if (outcome === 'recorded') told.rotated += 1
  },
  revokeFamily: async (store, n) =>
    void (await store.refreshTokens.revokeFamily('a', `f${n - 3}`, NOW, NOW + 300, samples.auditEntry('a'))),
  revoke: (store, n) =>
    store.accessTokens.revoke({ realmId: 'a', kind: 'jti', value: `one.${n}`, expiresAt: NOW + 60 }, samples.auditEntry('a')),
  cut: async (store, n, told) => {
    const id = `s${n % 9}`
    if (await store.secrets.cut('a', 'app', id, NOW + 300, ACT)) told.cut.add(id)
  },
  addSecret: async (store, n) =>
    void (await store.secrets.rotate('a', 'other', samples.secret(`o${n}`, { origin: 'command' }), NOW + 30, ACT)),
  putClient: (store, n) => store.clients.put(samples.client('a', 'other', { displayName: `${n}` }), ACT),
  removeClient: async (store, n) => {
    await store.clients.put(samples.client('a', 'gone', { displayName: `${n}` }), ACT)
    await store.clients.remove('a', 'gone', ACT)
  },
  secretUse: (store, n) => {
    const uses = ['s1', 's2', 's3'].map((secretId) => ({ realmId: 'a', clientId: 'app', secretId, lastUsedAt: NOW, count: 1, address: '' }))
    return store.secrets.noteUse(n % 2 === 0 ? uses : uses.toReversed())
  },
  admit: async (store, n) => void (await store.metering.admit(admissionOf(n))),
  takeBack: (store, n) => store.metering.takeBack(admissionOf(n)),
  claim: async (store, n, told) => {
    const names = n % 2 === 0 ? ['x', 'y', 'z'] : ['z', 'y', 'x']
    await Promise.all(
      names.map(async (name) => {
        const full = `${name}${Math.floor(n / 4)}`
        if (await store.replays.claim('a', full, NOW + 60)) told.claimed.push(full)
      }),
    )
  },
  key: async (store, n) => void (await store.signingKeys.insertNext(samples.signingKey('a', `k${n}`), 'first', ACT)),
  sweep: async (store) => void (await store.sweep(NOW - 100)),
  apiKey: async (store, n) =>
    void (await store.apiKeys.rotate('a', samples.apiKey('a', 'other', `key${n}`, { origin: 'command' }), NOW + 30, ACT)),
}

test('each two kinds of writes from two nodes', { skip: noPostgres, timeout: 120_000 }, async () => {
  assert.ok(postgres)
  const url = await postgres.createDatabase()
  const server = await parsed(url)
  const sqls = await Promise.all([openPostgres(server, { random: Math.random }), openPostgres(server, { random: Math.random })])
  const [here, there] = [sqlStore(sqls[0]), sqlStore(sqls[1])]
  await here.realms.put(samples.realm('a'), ACT)
  await here.clients.put(samples.client('a', 'app', { secrets: Array.from({ length: 9 }, (_, n) => samples.secret(`s${n}`)) }), ACT)
  await here.clients.put(samples.client('a', 'other'), ACT)
  await here.signingKeys.insertFirst(samples.signingKey('a', 'first'), ACT)
  const shared = samples.family('a', 'shared', { credential: null })
  await here.issuing.record(
    samples.issueRecord({ refresh: { kind: 'start', family: shared, token: samples.refreshToken('shared', 'shared') } }),
  )
  const told: Told = { charged: 0, claimed: [], rotated: 0, cut: new Set(), families: [] }

  let n = 0
  const acts = Object.entries(ACTS)
  for (const [first, [, act]] of acts.entries()) {
    for (const [, other] of acts.slice(first)) {
      for (let round = 0; round < ROUNDS; round += 1) {
        n += 4
        await Promise.all([act(here, n, told), other(there, n + 1, told), other(here, n + 2, told), act(there, n + 3, told)])
      }
    }
  }

  assert.equal(await sqlLedger(sqls[0]).used(METER, SPAN.start), told.charged)
  assert.equal(told.charged, LIMIT, 'all of the budget, and no more')
  assert.equal(new Set(told.claimed).size, told.claimed.length, 'no name was given twice')
  assert.equal(told.rotated, 1)
  for (const { id, credential } of told.families) {
    const found = await here.refreshTokens.find('a', `t${id.slice(1)}`)
    if (told.cut.has(credential)) assert.notEqual(found?.revokedAt, null, `${id} outlived ${credential}`)
  }
  const rows = await there.audit.read({ after: 0, limit: 100_000 })
  assert.deepEqual(
    rows.map(({ sequence }) => sequence),
    rows.map((_, index) => index + 1),
  )
  const revocations = await there.accessTokens.revocationsAfter(0, 100_000)
  assert.equal(new Set(revocations.map(({ sequence }) => sequence)).size, revocations.length)
  const keys = await here.signingKeys.list('a')
  assert.equal(keys.length, 2, 'the first had one successor')
  await Promise.all(sqls.map((sql) => sql.close()))
  const [counted] = await postgres.run(`SELECT deadlocks FROM pg_stat_database WHERE datname = '${server.database}'`)
  assert.equal(Number(counted?.['deadlocks']), 0, 'none waited for another that waited for it')
})

test('a refresh token that is being stored while its secret is cut does not outlive it', {
  skip: noPostgres,
  timeout: 60_000,
}, async () => {
  assert.ok(postgres)
  const url = await postgres.createDatabase()
  const server = await parsed(url)
  const sqls = await Promise.all([openPostgres(server), openPostgres(server)])
  const [here, there] = [sqlStore(sqls[0]), sqlStore(sqls[1])]
  await here.realms.put(samples.realm('a'), ACT)
  await here.clients.put(samples.client('a', 'app', { secrets: [samples.secret('one')] }), ACT)
  // The opaque token is stored behind the refresh token: there the cut gets its chance.
  await postgres.run(
    `CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END';
     CREATE TRIGGER linger BEFORE INSERT ON opaque_tokens FOR EACH ROW EXECUTE FUNCTION linger()`,
    server.database,
  )
  const refresh = { kind: 'start' as const, family: samples.family('a', 'f'), token: samples.refreshToken('f', 't') }
  const recording = here.issuing.record(samples.issueRecord({ refresh, opaque: samples.opaqueToken('a', 'o') }))
  let lingers = false
  while (!lingers) {
    const [found] = await postgres.run("SELECT COUNT(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    lingers = Number(found?.['n']) > 0
  }
  assert.equal(await there.secrets.cut('a', 'app', 'one', NOW + 300, ACT), true)
  await recording
  assert.equal((await here.refreshTokens.find('a', 't'))?.revokedAt, ACT.at)
  await Promise.all(sqls.map((sql) => sql.close()))
})
