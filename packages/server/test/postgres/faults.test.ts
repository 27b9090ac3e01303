// PostgreSQL that goes away and comes back: what callers are told meanwhile, that nothing acknowledged is lost, and that it mends by itself.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import type { Sql } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { withToken } from '../ledger/charging.ts'
import { charge, METER, NOVEMBER } from '../ledger/samples.ts'
import { ACT, realm } from '../store/samples.ts'
import { startBreakingWay } from './breaking_way.ts'
import { parsed } from './parsed.ts'
import { noPostgres, startPostgres } from './server.ts'

const OPTIONS = { skip: noPostgres, timeout: 60_000 }
const postgres = noPostgres === false ? await startPostgres({ after }) : undefined

const open = async (): Promise<{ sql: Sql; server: NonNullable<typeof postgres>; url: string }> => {
  assert.ok(postgres)
  const url = await postgres.createDatabase()
  return { sql: await openPostgres(await parsed(url)), server: postgres, url }
}

const isUnavailable = (error: unknown): true => {
  assert.ok(error instanceof StoreUnavailable, String(error))
  assert.match(error.message, /^[^\n]*postgres:\/\/127\.0\.0\.1:[0-9]+\/made_[0-9]+[^\n]*: [^\n]+\.$/)
  assert.ok(!`${error.message} ${String(error.cause)}`.includes('known to tests only'))
  return true
}

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await pause(20)
}

/** Its connections come back each by itself. */
const comesBack = async (sql: Sql): Promise<void> => {
  const store = sqlStore(sql)
  const works = (act: () => Promise<unknown>) => () =>
    act().then(
      () => true,
      () => false,
    )
  await until(works(() => store.ready()))
  await until(works(() => store.revision()))
}

test('while the server is killed and away everything is refused in one sentence, and then goes on by itself', OPTIONS, async () => {
  const { sql, server } = await open()
  const store = sqlStore(sql)
  await store.realms.put(realm('a'), ACT)
  await server.kill()
  for (let n = 0; n < 3; n += 1) {
    await assert.rejects(store.realms.find('a'), isUnavailable)
    await assert.rejects(store.realms.put(realm('b'), ACT), isUnavailable)
    await assert.rejects(withToken(sql).charge(charge()), isUnavailable)
    await assert.rejects(
      sql.snapshot(async () => 1),
      isUnavailable,
    )
  }
  await server.start()
  await comesBack(sql)
  assert.deepEqual(await store.realms.find('a'), realm('a'))
  assert.equal(await store.realms.find('b'), undefined)
  await store.close()
})

test(
  'of charges under way while the server is killed every receipt is charged, and what is charged beyond was never answered',
  OPTIONS,
  async () => {
    const { sql, server } = await open()
    const ledger = withToken(sql)
    const stop = new AbortController()
    let [receipts, unknown] = [0, 0]
    const lane = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        try {
          if ((await ledger.charge(charge({ limit: null }))).charged) receipts += 1
        } catch (error) {
          isUnavailable(error)
          if (String(error).includes('may or may not be done')) unknown += 1
          await pause(10)
        }
      }
    }
    const lanes = Array.from({ length: 16 }, lane)
    for (let round = 0; round < 3; round += 1) {
      const before = receipts
      await until(async () => receipts > before + 50)
      await server.kill()
      await server.start()
    }
    stop.abort()
    await Promise.all(lanes)
    await comesBack(sql)
    const used = await ledger.used(METER, NOVEMBER.start)
    assert.ok(used >= receipts, `${used} charged, ${receipts} acknowledged`)
    assert.ok(used <= receipts + unknown, `${used} charged, ${receipts} acknowledged, ${unknown} unknown`)
    await sql.close()
  },
)

test('a connection that breaks before the commit is no error: the unit is run again, once', OPTIONS, async () => {
  const { sql, server, url } = await open()
  await sql.close()
  const way = await startBreakingWay(server.port)
  const far = await openPostgres({ ...(await parsed(url)), port: way.port })
  const ledger = withToken(far)
  await ledger.charge(charge())
  way.cut()
  assert.equal((await ledger.charge(charge())).used, 2)
  way.cut()
  assert.equal(await ledger.used(METER, NOVEMBER.start), 2)
  await far.close()
  await way.close()
})

test('a server that stands still is given up within seconds, and used again when it moves', OPTIONS, async () => {
  const { sql, server } = await open()
  const store = sqlStore(sql)
  await store.realms.put(realm('a'), ACT)
  const thaw = await server.freeze()
  const refused = await Promise.allSettled([store.realms.find('a'), store.realms.put(realm('b'), ACT)])
  for (const one of refused) assert.ok(one.status === 'rejected' && isUnavailable(one.reason))
  thaw()
  await comesBack(sql)
  assert.deepEqual(await store.realms.find('a'), realm('a'))
  await store.close()
})
