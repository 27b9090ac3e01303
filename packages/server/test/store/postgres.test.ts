// The PostgreSQL adapter: the conformance suite on a real server, then what is its own: schemas, refusals to open, durability.
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import type { PostgresServer } from '../../src/model/database.ts'
import { openPostgres, openPostgresStore } from '../../src/store/adapters/postgres.ts'
import { moveMark } from '../../src/store/adapters/postgres_mark.ts'
import { ask, query, statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { parsed } from '../postgres/parsed.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { runStoreConformance } from './conformance.ts'
import { ACT, realm } from './samples.ts'

const postgres = noPostgres === false ? await startPostgres({ after }) : undefined
const freshServer = async (): Promise<PostgresServer> => parsed((await postgres?.emptiedDatabase()) ?? '')

suite('PostgreSQL', { skip: noPostgres }, () => {
  runStoreConformance('PostgreSQL', async () => {
    const server = await freshServer()
    const sql = await openPostgres(server)
    return { store: sqlStore(sql), ledger: sqlLedger(sql), reopen: () => openPostgresStore(server) }
  })
})

test('a schema of its own is made, and another program’s tables are left alone', { skip: noPostgres }, async () => {
  const url = (await postgres?.createDatabase()) ?? ''
  const server = await parsed(url)
  await postgres?.run('CREATE TABLE clients (id int)', server.database)
  await assert.rejects(
    openPostgres(server),
    /made_1 holds tables of another program: give Countersign a database or a \?schema= of its own\.$/,
  )
  const own = await parsed(`${url}?schema=guard`)
  const stores = await Promise.all([openPostgresStore(own), openPostgresStore(own)])
  await stores[0]?.realms.put(realm('a'), ACT)
  assert.deepEqual(await stores[1]?.realms.find('a'), realm('a'))
  await Promise.all(stores.map((store) => store.close()))
})

test('a mark that moves says how long its transaction has been at the server', { skip: noPostgres }, async () => {
  const sql = await openPostgres(await freshServer())
  const took = await sql.write(function* () {
    yield statement("INSERT INTO write_marks (id, number, closed, at) VALUES ('mine', 0, 0, 0)")
    yield statement('SELECT pg_sleep(0.002)')
    const move = moveMark({ id: 'mine', number: 0 })
    return yield* ask(query(statement(move.sql, ...move.params), (rows: readonly { took: unknown }[]) => rows[0]?.took))
  })
  assert.ok(typeof took === 'number' && took >= 2000, `${String(took)} microseconds, of which it slept 2000`)
  await sql.close()
})

test('a wrong password and a database that is not there are one sentence with the mend', { skip: noPostgres }, async () => {
  const server = await parsed(postgres?.url ?? '')
  await assert.rejects(
    openPostgres({ ...server, password: 'wrong' }),
    /refuses the user postgres: check its name, its password and pg_hba\.conf\.$/,
  )
  await assert.rejects(openPostgres({ ...server, password: null }), /refuses the user postgres: /)
  await assert.rejects(
    openPostgres({ ...server, database: 'absent' }),
    /absent does not exist: make it with `createdb`, owned by postgres\.$/,
  )
  await assert.rejects(openPostgres({ ...server, tls: { mode: 'require' } }), /does not speak TLS: /)
})

test('a commit is durable however the database is set', { skip: noPostgres }, async () => {
  const server = await parsed((await postgres?.createDatabase()) ?? '')
  await postgres?.run(`ALTER DATABASE ${server.database} SET synchronous_commit = off`)
  const sql = await openPostgres(server)
  const setting = query(statement('SHOW synchronous_commit'), ([row]: readonly { synchronous_commit: string }[]) => row?.synchronous_commit)
  assert.equal(
    await sql.write(function* () {
      return yield* ask(setting)
    }),
    'on',
  )
  await sql.close()
})
