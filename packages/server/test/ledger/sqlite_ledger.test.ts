// The ledger over SQLite: the conformance suite in memory and on a file, then connections that share a file, plans of its statements,
// the transaction it shares with the store, and a full disk.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import type { Sql, Unit } from '../../src/store/sql.ts'
import { ask, query, statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { admission, issueRecord, opaqueToken } from '../store/samples.ts'
import { spied } from '../store/spied.ts'
import { WAYS, withToken } from './charging.ts'
import { runLedgerConformance } from './conformance.ts'
import type { OpenedDatabase } from './opened_database.ts'
import { charge, METER, NOVEMBER, sum } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-ledger-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (): string => {
  files += 1
  return join(folder, `${files}.db`)
}

runLedgerConformance('SQLite in memory', async () => ({ sql: await openSqlite({ file: ':memory:' }) }))

const openFile = async (file: string): Promise<OpenedDatabase> => ({ sql: await openSqlite({ file }), reopen: () => openFile(file) })
runLedgerConformance('a SQLite file', () => openFile(newFile()))

test('connections that charge one file at once get exactly the limit between them', async () => {
  const file = newFile()
  const sqls = await Promise.all([1, 2, 3].map(() => openSqlite({ file })))
  const numbers: number[] = []
  const lane = async (sql: Sql): Promise<void> => {
    const ledger = withToken(sql)
    while (true) {
      const answer = await ledger.charge(charge({ limit: 900 }))
      if (!answer.charged) return
      numbers.push(answer.used)
    }
  }
  await Promise.all(Array.from({ length: 48 }, (_, n) => lane(sqls[n % 3] ?? assert.fail())))
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 900 }, (_, n) => n + 1),
  )
  for (const sql of sqls) {
    assert.equal(sum(await withToken(sql).breakdown(METER, NOVEMBER.start, 10)), 900)
    await sql.close()
  }
})

test('a unit is told what a statement answers, with all that it has written before', async () => {
  const sql = await openSqlite({ file: ':memory:' })
  const values = (rows: readonly { value: number }[]): number[] => rows.map((row) => row.value)
  const raised = query(statement('UPDATE counters SET value = value + 5 WHERE name = ? RETURNING value', 'revision'), values)
  const seen = query(statement('SELECT value FROM counters WHERE name = ?', 'revision'), values)
  const unit = function* (): Unit<unknown[]> {
    return [yield raised, yield* ask(raised), yield* ask(seen), yield* ask({ ...seen, params: ['none'] })]
  }
  assert.deepEqual(await sql.write(unit), [1, [10], [10], []])
  const failed = sql.write(function* (): Unit<void> {
    yield* ask(raised)
    throw new RangeError('not this time')
  })
  await assert.rejects(failed, RangeError)
  assert.deepEqual(await sql.read(seen), [10], 'what it was told was rolled back')
  await sql.close()
})

test('charges of tokens and requests and what else the store writes in the same turn are one transaction', async () => {
  const file = newFile()
  const sql = await openSqlite({ file })
  const store = sqlStore(sql)
  const watcher = new DatabaseSync(file)
  const seen = watcher.prepare(`SELECT (SELECT SUM(units) FROM ledger WHERE day = '') AS charged,
    (SELECT COUNT(*) FROM opaque_tokens) AS tokens, (SELECT SUM(requests) FROM usage_hours) AS requests,
    (SELECT COUNT(*) FROM one_time_names) AS names`)
  const version = (): unknown => watcher.prepare('PRAGMA data_version').get()?.['data_version']
  const before = version()
  const commits = new Set<unknown>()
  const note = (): void => void commits.add(version())
  await Promise.all([
    store.issuing.record(issueRecord({ charge: charge({ units: 2 }), opaque: opaqueToken('wave', 'at') })).then(note),
    store.metering.admit(admission({ units: 3, charges: [charge({ units: 3 })] })).then(note),
    store.replays.claim('wave', 'name', NOVEMBER.end).then(note),
  ])
  assert.deepEqual({ ...seen.get() }, { charged: 5, tokens: 1, requests: 1, names: 1 })
  assert.equal(commits.size, 1)
  assert.notEqual([...commits][0], before)
  watcher.close()
  await sql.close()
})

for (const [what, charging] of WAYS) {
  test(`charged with ${what}, no statement of the ledger scans a table, however many accounts there are`, async () => {
    const file = newFile()
    const sql = await openSqlite({ file })
    const texts = new Set<string>()
    const ledger = charging(spied(sql, texts))
    for (let n = 0; n < 202; n += 1) {
      const answer = await ledger.charge(charge({ origin: { day: '2026-11-21', address: `a${n}`, userAgent: '' } }))
      assert.ok(answer.charged)
      if (n > 200) await ledger.refund(answer).then(() => ledger.refund(answer))
    }
    await ledger.refund({ charged: true, charge: charge({ units: 3 }), used: 3 })
    await ledger.charge(charge({ limit: 0 }))
    await ledger.charge(charge({ span: { start: NOVEMBER.start, end: NOVEMBER.end + 1 } }))
    await ledger.breakdown(METER, NOVEMBER.start, 10)
    await ledger.sweep(NOVEMBER.end + 2)
    const ofLedger = [...texts].filter((text) => /\bledger\b/.test(text))
    assert.equal(ofLedger.length, 11)
    const reader = new DatabaseSync(file)
    for (const text of ofLedger) {
      const plan = reader.prepare(`EXPLAIN QUERY PLAN ${text}`).all()
      for (const { detail } of plan) assert.doesNotMatch(String(detail), /^SCAN (?!CONSTANT ROW)/, text)
    }
    reader.close()
    await sql.close()
  })
}

test('a full disk refuses charges with one sentence, charges nothing, and charges again once there is space', async () => {
  const file = newFile()
  const sql = await openSqlite({ file, maxPages: 100 })
  const ledger = withToken(sql)
  const meter = (n: number) => ({ account: `wave/app${n}`, name: 'tokens' })
  const origin = { day: '2026-11-21', address: '192.0.2.1', userAgent: 'x'.repeat(200) }
  const full = (error: unknown): boolean => error instanceof StoreUnavailable && /^There is no space left for .*: .*\.$/.test(error.message)
  let received = 0
  const fill = async (): Promise<void> => {
    for (; received < 10_000; received += 1) await ledger.charge(charge({ meter: meter(received), origin }))
  }
  await assert.rejects(fill(), full)
  assert.ok(received > 50)
  const together = await Promise.allSettled([1, 2, 3].map((n) => ledger.charge(charge({ meter: meter(received + n), origin }))))
  const stored = received + together.filter((result) => result.status === 'fulfilled').length
  for (const result of together) if (result.status === 'rejected') assert.ok(full(result.reason))
  let counted = 0
  for (let n = 0; n <= received + 3; n += 1) {
    const used = await ledger.used(meter(n), NOVEMBER.start)
    assert.equal(sum(await ledger.breakdown(meter(n), NOVEMBER.start, 10)), used, 'nothing is half charged')
    counted += used
  }
  assert.equal(counted, stored)
  await sql.close()
  // The disk has space again: to take rows away SQLite may want a page first.
  const more = await openSqlite({ file, maxPages: 110 })
  const after = withToken(more)
  assert.equal(await after.sweep(NOVEMBER.end + 1), 2 * stored)
  assert.deepEqual((await after.charge(charge({ meter: meter(received), origin }))).used, 1)
  await more.close()
})
