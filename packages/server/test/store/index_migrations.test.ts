// Indexes that went away or changed (schema 7 and 8), over a database that has rows in them and an older program at work.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Query, Row, Sql, SqlValue, Unit } from '../../src/store/sql.ts'
import { query, statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import type { Place } from './places.ts'
import { openPlace, startEngines } from './places.ts'
import { admission, auditEntry, NOW } from './samples.ts'

const HOUR = NOW - (NOW % 3600)
const CLIENTS = ['app', 'other', 'third']
const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER }

/** As schema 6 has it. */
const bringBack = function* (): Unit<void> {
  yield statement('DROP INDEX audit_rows_by_realm')
  yield statement('CREATE INDEX audit_rows_by_realm ON audit_rows (realm_id, sequence)')
  yield statement('CREATE INDEX usage_hours_by_client ON usage_hours (realm_id, client_id, hour)')
  yield statement('DELETE FROM schema_version WHERE version > 6')
  yield statement('DELETE FROM schema_compatible WHERE version > 6')
}

/** What a program of schema 6 asks for. */
const earlier = (sql: string, ...params: SqlValue[]): Query<readonly Row[]> =>
  query(statement(sql, ...params), (rows: readonly Row[]) => rows)
const EARLIER = {
  ofRealm: earlier('SELECT sequence FROM audit_rows WHERE sequence > ? AND realm_id = ? ORDER BY sequence LIMIT ?', 0, 'b', 1000),
  ofClient: earlier(
    `SELECT hour, api_key_id FROM usage_hours WHERE hour < ? AND realm_id = ? AND client_id = ? AND hour >= ?
     ORDER BY hour, api_key_id, api_id, route LIMIT ?`,
    ALL.to,
    'a',
    'other',
    0,
    1000,
  ),
}

const fill = async (sql: Sql): Promise<void> => {
  const { audit, metering } = sqlStore(sql)
  for (const realmId of ['a', 'b']) {
    await Promise.all(CLIENTS.map((clientId) => audit.append(auditEntry(realmId, { clientId }))))
    for (const hour of [HOUR, HOUR + 3600, HOUR + 90 * 86_400]) {
      const key = { ...admission().key, realmId }
      await Promise.all(CLIENTS.map((clientId) => metering.admit(admission({ key: { ...key, clientId }, now: hour }))))
    }
  }
}

const indexesOf = (place: Place): Query<readonly string[]> => {
  const text = place.startsWith('postgres:')
    ? 'SELECT indexname AS name FROM pg_indexes WHERE tablename = ? ORDER BY indexname'
    : "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL ORDER BY name"
  return query(statement(text, 'usage_hours'), (rows: readonly { name: string }[]) => rows.map(({ name }) => name))
}

for (const engine of await startEngines()) {
  test(`over ${engine.name}: rows of schema 6 are found by the new indexes, and by the older program beside them`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const older = await openPlace(place)
    await older.write(bringBack)
    await fill(older)
    const before = [await older.read(EARLIER.ofRealm), await older.read(EARLIER.ofClient)]
    assert.deepEqual([before[0]?.length, before[1]?.length], [3, 3])

    const newer = await openPlace(place)
    assert.ok(!(await newer.read(indexesOf(place))).includes('usage_hours_by_client'))
    const { audit, metering } = sqlStore(newer)
    assert.deepEqual(
      (await audit.read({ after: 0, limit: 10, realmId: 'b' })).map(({ sequence }) => sequence),
      before[0]?.map(({ sequence }) => sequence),
    )
    const lines = await metering.lines({ ...ALL, realmId: 'a', clientId: 'other' }, null, 10)
    assert.deepEqual(
      lines.map(({ hour, requests }) => [hour, requests]),
      before[1]?.map(({ hour }) => [hour, 1]),
    )

    assert.deepEqual([await older.read(EARLIER.ofRealm), await older.read(EARLIER.ofClient)], before)
    await fill(older)
    assert.equal((await audit.read({ after: 0, limit: 10, realmId: 'b' })).length, 6)
    assert.deepEqual(
      (await metering.lines({ ...ALL, realmId: 'a', clientId: 'other' }, null, 10)).map(({ requests }) => requests),
      [2, 2, 2],
    )
    await older.close()
    await newer.close()
  })
}
