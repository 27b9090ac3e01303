// Commits whose connection breaks: what was done is told as if nothing had happened, what was not is done again, and nothing is done twice.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import type { Sql } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { basic, postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { ISSUER_PATH, ordersConfig, PASSWORD, secretOf } from '../issue/orders.ts'
import { withToken } from '../ledger/charging.ts'
import { charge, METER, NOVEMBER } from '../ledger/samples.ts'
import { rotate, start } from '../store/recording.ts'
import { ACT, client, family, NOW, realm, refreshToken } from '../store/samples.ts'
import type { BreakingWay } from './breaking_way.ts'
import { startBreakingWay } from './breaking_way.ts'
import { parsed } from './parsed.ts'
import { noPostgres, startPostgres } from './server.ts'

const OPTIONS = { skip: noPostgres, timeout: 60_000 }
const postgres = noPostgres === false ? await startPostgres({ after }) : undefined

interface Far {
  readonly sql: Sql
  readonly way: BreakingWay
  /** In its database. */
  readonly run: (text: string) => Promise<Readonly<Record<string, unknown>>[]>
  /** Through the way. */
  readonly url: string
  readonly close: () => Promise<void>
}

const openFar = async (): Promise<Far> => {
  assert.ok(postgres)
  const url = await postgres.createDatabase()
  const way = await startBreakingWay(postgres.port)
  const server = { ...(await parsed(url)), port: way.port }
  const sql = await openPostgres(server, { random: Math.random })
  return {
    sql,
    way,
    run: (text) => postgres.run(text, server.database),
    url: url.replace(`:${postgres.port}/`, `:${way.port}/`),
    close: async () => {
      await sql.close()
      await way.close()
    },
  }
}

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await pause(5)
}

const isUnknown = (error: unknown): boolean => error instanceof StoreUnavailable && error.message.includes('may or may not be done')

for (const [how, title] of [
  ['whole', 'a commit whose answer is lost is told as done, and made once'],
  ['nothing', 'a commit that did not reach the server is made again, once'],
] as const) {
  test(title, OPTIONS, async () => {
    const { sql, way, close } = await openFar()
    const ledger = withToken(sql)
    for (let n = 1; n < 6; n += 1) {
      const broken = way.breakNext(how)
      const answer = await ledger.charge(charge())
      await broken
      assert.deepEqual([answer.charged, answer.used], [true, n])
      assert.equal(await ledger.used(METER, NOVEMBER.start), n)
    }
    await close()
  })
}

test('a commit that arrives after it was asked after fails, and what it held is done once', OPTIONS, async () => {
  const { sql, way, run, close } = await openFar()
  const ledger = withToken(sql)
  const breaking = way.breakNext('late')
  const charging = ledger.charge(charge())
  const { release } = await breaking
  await until(async () => (await run('SELECT id FROM write_marks WHERE closed = 1')).length === 1)
  assert.equal(await release(), 'ROLLBACK')
  assert.equal((await charging).used, 1)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 1)
  await close()
})

test('who asks after a commit that is under way waits for it', OPTIONS, async () => {
  const { sql, way, run, close } = await openFar()
  const ledger = withToken(sql)
  const breaking = way.breakNext('in parts')
  const charging = ledger.charge(charge())
  const { release } = await breaking
  await until(async () => {
    const waiting = await run("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE write_marks%'")
    return waiting.length === 1
  })
  assert.equal(await release(), 'COMMIT')
  assert.equal((await charging).used, 1)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 1)
  await close()
})

test('changes that share a transaction are all told of it', OPTIONS, async () => {
  const { sql, way, close } = await openFar()
  const store = sqlStore(sql)
  for (const how of ['whole', 'nothing'] as const) {
    const broken = way.breakNext(how)
    await Promise.all(['a', 'b', 'c'].map((id) => store.realms.put(realm(id, { displayName: how }), ACT)))
    await broken
    for (const id of ['a', 'b', 'c']) assert.equal((await store.realms.find(id))?.displayName, how)
  }
  await close()
})

test('a refresh token rotated in a broken commit has its successor, and its family lives on', OPTIONS, async () => {
  const { sql, way, close } = await openFar()
  const store = sqlStore(sql)
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  for (const [n, how] of (['whole', 'nothing', 'whole', 'nothing'] as const).entries()) {
    const broken = way.breakNext(how)
    assert.equal(await rotate(store, 'a', `t${n}`, refreshToken('f', `t${n + 1}`), NOW + n, NOW + 300), 'recorded')
    await broken
  }
  assert.equal((await store.refreshTokens.find('a', 't4'))?.revokedAt, null)
  assert.deepEqual(await store.accessTokens.revocationsAfter(0, 10), [])
  await close()
})

test('over HTTP each refresh answers with a new token, whatever breaks, and the chain goes on', OPTIONS, async () => {
  const { way, url, close } = await openFar()
  const env = { COUNTERSIGN_DATABASE: url, COUNTERSIGN_MASTER_KEY: Buffer.alloc(32, 7).toString('base64url') }
  const server = await startConfigured(await ordersConfig('http://127.0.0.1:9'), env)
  const token = (parameters: Record<string, string>) =>
    postForm(`${server.origin}${ISSUER_PATH}/oauth2/token`, parameters, basic('legacy', secretOf('legacy')))
  let answer = await token({ grant_type: 'password', username: 'ada', password: PASSWORD })
  let broken = 0
  for (let n = 0; n < 8; n += 1) {
    const refreshed = token({ grant_type: 'refresh_token', refresh_token: String(answer.json['refresh_token']) })
    // Every commit until it is answered, since one may be the node's own.
    const answered = refreshed.then(() => 'answered' as const)
    if (n % 2 === 0) while ((await Promise.race([answered, way.breakNext('whole')])) !== 'answered') broken += 1
    else await way.breakNext('nothing')
    answer = await refreshed
    assert.equal(answer.status, 200, answer.text)
  }
  assert.ok(broken >= 4, `${broken} answers were lost`)
  assert.deepEqual(server.reports, [])
  await server.close()
  await close()
})

test('while connections break at random every charge is answered and counted once', OPTIONS, async () => {
  const { sql, way, close } = await openFar()
  const ledger = withToken(sql)
  const stop = new AbortController()
  let receipts = 0
  const lane = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const { charged } = await ledger.charge(charge({ limit: null }))
      if (charged) receipts += 1
    }
  }
  const lanes = Promise.all(Array.from({ length: 16 }, lane))
  for (let round = 0; round < 12; round += 1) {
    const before = receipts
    await until(async () => receipts >= before + 32)
    if (round % 3 === 0) way.cut()
    else await way.breakNext(round % 3 === 1 ? 'whole' : 'nothing')
  }
  stop.abort()
  await lanes
  assert.equal(await ledger.used(METER, NOVEMBER.start), receipts)
  await close()
})

test('what nobody can know is said after a few seconds, and who comes later is refused at once', OPTIONS, async () => {
  const { sql, way } = await openFar()
  const ledger = withToken(sql)
  const breaking = way.breakNext('whole')
  const outcome = assert.rejects(ledger.charge(charge()), isUnknown)
  await breaking
  await way.close()
  let settled = false
  const watched = outcome.finally(() => {
    settled = true
  })
  const behind = await ledger.charge(charge()).catch((error: unknown) => error)
  assert.ok(behind instanceof StoreUnavailable && !isUnknown(behind))
  assert.equal(settled, false, 'the first is still being asked after')
  await watched
  await sql.close()
})

test('a commit whose mark is gone is refused as unknown', OPTIONS, async () => {
  const { sql, way, run, close } = await openFar()
  const ledger = withToken(sql)
  await ledger.charge(charge())
  const breaking = way.breakNext('late')
  await run(`CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM write_marks WHERE id <> NEW.id; RETURN NEW; END';
    CREATE TRIGGER vanish AFTER INSERT ON write_marks FOR EACH ROW EXECUTE FUNCTION vanish()`)
  const outcome = assert.rejects(ledger.charge(charge()), isUnknown)
  const { release } = await breaking
  await outcome
  assert.equal(await release(), 'ROLLBACK', 'nor can it be done any more')
  assert.equal(await ledger.used(METER, NOVEMBER.start), 1)
  await close()
})

test('a connection whose mark was swept gets another one, and marks do not grow', OPTIONS, async () => {
  const { sql, way, run, close } = await openFar()
  const ledger = withToken(sql)
  assert.equal((await ledger.charge(charge())).used, 1)
  await run('DELETE FROM write_marks')
  assert.equal((await ledger.charge(charge())).used, 2)
  await run("INSERT INTO write_marks (id, number, closed, at) SELECT 'old' || n, 0, 0, 0 FROM generate_series(1, 150) AS n")
  for (const left of [50, 0]) {
    way.cut()
    await ledger.charge(charge())
    const [counted] = await run("SELECT COUNT(*) AS n FROM write_marks WHERE id LIKE 'old%'")
    assert.equal(Number(counted?.['n']), left)
  }
  assert.equal((await run('SELECT id FROM write_marks')).length, 3, 'those of this hour stay')
  await close()
})
