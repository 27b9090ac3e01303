// The disk stays flat: 100,000 tokens in some hours of the store's time, swept as a server sweeps, in a file that stops growing; and a log
// that a long backup made large becomes small again.
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import type { Sql } from '../../src/store/sql.ts'
import { query, statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { auditEntry, family, issueRecord, NOW, opaqueToken, realm, refreshToken, reusable } from '../store/samples.ts'
import { folder } from './used.ts'

const LIFETIME = 300
const A_MINUTE = 2000
const MINUTES = 50
const MEGABYTE = 1024 * 1024

/** One of each kind that leaves something: opaque, reusable, with a refresh token, with a name used once. */
function record(store: Store, id: string, now: number): Promise<unknown> {
  const [at, expiresAt] = [now, now + LIFETIME]
  const charge = {
    meter: { account: `a/${Math.floor(now / 3600)}`, name: 'tokens' },
    span: { start: now - (now % 3600), end: now - (now % 3600) + 3600 },
    units: 1,
    limit: null,
    origin: { day: '2027-01-15', address: '192.0.2.1', userAgent: 'soak' },
    now,
  }
  const common = { now, charge, audit: auditEntry('a', { at }) }
  const kind = Number(id.slice(-1)) % 4
  if (kind === 0) return store.issuing.record(issueRecord({ ...common, opaque: opaqueToken('a', id, { expiresAt }) }))
  if (kind === 1)
    return store.issuing.record(issueRecord({ ...common, reuse: reusable('a', id, id, { expiresAt, reusableUntil: expiresAt }) }))
  if (kind === 2) return store.replays.claim('a', id, expiresAt)
  const refresh = { kind: 'start', family: family('a', id, { createdAt: now }), token: refreshToken(id, id, { expiresAt }) } as const
  return store.issuing.record(issueRecord({ ...common, refresh }))
}

async function minute(store: Store, sql: Sql, number: number): Promise<void> {
  const now = NOW + number * 60
  for (let n = 0; n < A_MINUTE; n += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, one) => record(store, `${number}-${n}-${one}`, now)))
  }
  await store.sweep(now)
  await sqlLedger(sql).sweep(now - 1800)
  await store.audit.sweep(now - 600)
}

test('100,000 tokens later the file is no larger than after the first 40,000', { timeout: 100_000 }, async () => {
  const file = join(folder(), 'soak.db')
  const sql = await openSqlite({ file })
  const store = sqlStore(sql)
  await store.realms.put(realm('a'), { at: NOW, by: 'configuration' })
  const sizes: number[] = []
  const logs: number[] = []
  for (let number = 0; number < MINUTES; number += 1) {
    await minute(store, sql, number)
    sizes.push(statSync(file).size)
    logs.push(statSync(`${file}-wal`).size)
  }
  const early = Math.max(...sizes.slice(0, 20))
  assert.ok(Math.max(...sizes) <= early * 1.1, `${early} bytes became ${Math.max(...sizes)}`)
  assert.ok(early < 60 * MEGABYTE, `${early} bytes`)
  assert.ok(Math.max(...logs) < 64 * MEGABYTE, `a log of ${Math.max(...logs)} bytes`)
  await store.close()
})

test('a log that grew while a backup was read becomes small again', { timeout: 60_000 }, async () => {
  const file = join(folder(), 'soak.db')
  const sql = await openSqlite({ file })
  const write = (n: number): Promise<void> =>
    sql.write(function* () {
      for (let row = 0; row < 2000; row += 1) {
        const id = `${n}-${row}`
        yield statement('INSERT INTO one_time_names (realm_id, name, expires_at) VALUES (?, ?, ?)', 'a', id.padEnd(2000, '.'), 1)
      }
    })
  await sql.snapshot(async (read) => {
    for (let n = 0; n < 6; n += 1) await write(n)
    const seen = query(statement('SELECT COUNT(*) AS names FROM one_time_names'), (rows: readonly { names: number }[]) => rows[0]?.names)
    assert.equal(await read(seen), 0)
  })
  const grown = statSync(`${file}-wal`).size
  assert.ok(grown > 70 * MEGABYTE, `${grown} bytes`)
  for (let n = 6; n < 9; n += 1) await write(n)
  const after = statSync(`${file}-wal`).size
  assert.ok(after <= 64 * MEGABYTE, `${grown} bytes became ${after}`)
  await sql.close()
})
