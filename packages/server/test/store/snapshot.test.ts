// Reads of one state of the database: what is written meanwhile is neither seen nor held up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import type { Sql } from '../../src/store/sql.ts'
import { query, statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { openPlace, startEngines } from './places.ts'
import { ACT, realm } from './samples.ts'

const engines = await startEngines()
const memory = { name: 'SQLite in memory', skip: false as const, open: () => openSqlite({ file: ':memory:' }) }
const others = engines.map(({ name, skip, fresh }) => ({ name, skip, open: async () => openPlace(await fresh()) }))

const count = query(statement('SELECT COUNT(*) AS n FROM realms'), ([row]: readonly { n: number }[]) => row?.n)

for (const { name, skip, open } of [memory, ...others]) {
  test(`over ${name}: reads of one state do not see what is written meanwhile, and writers do not wait`, { skip }, async () => {
    const sql: Sql = await open()
    const store = sqlStore(sql)
    await store.realms.put(realm('a'), ACT)
    const seen = await sql.snapshot(async (read) => {
      const first = await read(count)
      await store.realms.put(realm('b'), ACT)
      return [first, await read(count), await sql.read(count)]
    })
    assert.deepEqual(seen, [1, 1, 2])
    assert.deepEqual(await sql.snapshot((read) => Promise.all([read(count), read(count)])), [2, 2])
    const thrown = new Error('of the caller')
    await assert.rejects(
      sql.snapshot(async () => {
        throw thrown
      }),
      thrown,
    )
    await sql.close()
    await assert.rejects(
      sql.snapshot(async () => 1),
      /was closed/,
    )
  })
}
