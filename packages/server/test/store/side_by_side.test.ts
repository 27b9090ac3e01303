// Programs of two schema versions on one database: the newer one brings it further while the older one works, unless it says that it must not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { KnownSchema } from '../../src/store/migrate.ts'
import { migrate } from '../../src/store/migrate.ts'
import type { EngineTypes, Migration } from '../../src/store/migrations/migration.ts'
import type { Sql, Unit } from '../../src/store/sql.ts'
import { query, statement } from '../../src/store/sql.ts'
import { openPlace, startEngines } from './places.ts'

const engines = await startEngines()

const adds: Migration = ({ text, integer, table }) => [
  `CREATE TABLE later (id ${text} NOT NULL PRIMARY KEY, n ${integer} NOT NULL) ${table}`,
  `ALTER TABLE old ADD COLUMN added ${integer} NOT NULL DEFAULT 7`,
]
const base: Migration = ({ text, integer, table }) => [`CREATE TABLE old (id ${text} NOT NULL PRIMARY KEY, n ${integer} NOT NULL) ${table}`]
const drops: Migration = () => ['DROP TABLE old']

const EARLIER: KnownSchema = { migrations: [base], breaking: [] }
const LATER: KnownSchema = { migrations: [base, adds], breaking: [] }
const BREAKING: KnownSchema = { migrations: [base, adds, drops], breaking: [3] }

const TYPES: EngineTypes = { text: 'TEXT', integer: 'BIGINT', table: '', narrowTable: '' }

/** `sql` holds the house's own schema; these play with one of their own, and so forget that one's versions first. */
const bring = (sql: Sql, known: KnownSchema): Promise<void> =>
  migrate({ types: TYPES, place: 'the place', transact: (unit) => sql.write(unit), ask: (asked) => sql.read(asked) }, known)

const forget = function* (): Unit<void> {
  yield statement('DELETE FROM schema_version')
  yield statement('DELETE FROM schema_compatible')
}

const count = query(statement('SELECT COUNT(*) AS n FROM old'), ([row]: readonly { n: number }[]) => row?.n ?? 0)

for (const engine of engines) {
  test(`over ${engine.name}: what only adds is brought in while an older program writes, and the older one starts beside it`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const [older, newer] = [await openPlace(place), await openPlace(place)]
    await older.write(forget)
    await bring(older, EARLIER)
    const stop = new AbortController()
    let written = 0
    const writing = (async () => {
      for (; !stop.signal.aborted || written < 50; written += 1) await older.write(() => insert(`${written}`))
    })()
    await bring(newer, LATER)
    stop.abort()
    await writing
    await bring(older, EARLIER)
    await older.write(() => insert('after'))
    assert.equal(await newer.read(count), written + 1)
    await bring(newer, BREAKING)
    await assert.rejects(bring(older, EARLIER), (error) => {
      assert.ok(error instanceof StoreUnavailable)
      assert.match(error.message, /^the place was written by a newer Countersign \(schema 3, this one knows 1\): upgrade/)
      return true
    })
    await older.close()
    await newer.close()
  })
}

function* insert(id: string): Unit<void> {
  yield statement('INSERT INTO old (id, n) VALUES (?, ?)', id, 1)
}

test('several that bring a database further at once do it once', async () => {
  for (const { fresh, skip } of engines) {
    if (skip !== false) continue
    const place = await fresh()
    const sqls = await Promise.all([1, 2, 3, 4].map(() => openPlace(place)))
    const last = query(statement('SELECT COUNT(*) AS n FROM schema_version'), ([row]: readonly { n: number }[]) => row?.n)
    assert.ok(((await sqls[0]?.read(last)) ?? 0) >= 8)
    await Promise.all(sqls.map((sql) => sql.close()))
  }
})
