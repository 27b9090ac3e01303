// What is counted of guarded requests, where it is written, and what happens when it cannot be.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import type { ApiKeyUse } from '../../src/model/api_key_use.ts'
import type { AuditRow } from '../../src/model/audit.ts'
import type { UsageLine } from '../../src/model/metering.ts'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import type { PlannedShop } from './planned_shop.ts'
import { KEYS, startPlannedShop } from './planned_shop.ts'

/** 2026-11-21T12:00:00Z */
const NOON = 1_795_262_400

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-metering-'))
  folders.push(folder)
  return folder
}

const withStore = async <T>(folder: string, read: (store: Store) => Promise<T>): Promise<T> => {
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  try {
    return await read(store)
  } finally {
    await store.close()
  }
}

const linesIn = (folder: string): Promise<readonly UsageLine[]> =>
  withStore(folder, (store) => store.metering.lines({ from: 0, to: NOON * 2 }, null, 1000))

test('every request is a line of its client, key, API, route and hour, with what became of it', async () => {
  const folder = newFolder()
  let now = NOON
  const shop = await startPlannedShop({ now: () => now, more: { data: folder } })
  try {
    const key = { 'x-api-key': KEYS.one }
    assert.equal((await shop.call('/keyed/x', { headers: key })).status, 200)
    assert.equal((await shop.call('/orders/report/2026')).status, 200)
    assert.equal((await shop.call('/orders/report/2027')).status, 200)
    assert.equal((await shop.call('/orders/free')).status, 200)
    assert.equal((await shop.call('/orders/broken')).status, 502)
    now += 3600
    assert.equal((await shop.call('/orders/report/2028')).status, 200)
    assert.equal((await shop.call('/second/x', { clientId: 'two' })).status, 200)
    // Nobody to charge.
    assert.equal((await shop.call('/keyed/x')).status, 401)
    assert.equal((await shop.call('/orders/report/2026', { method: 'POST' })).status, 405)
  } finally {
    await shop.close()
  }
  const lines = await linesIn(folder)
  const told = lines.map(({ hour, clientId, apiKeyId, apiId, route, requests, units, answers, bytesOut }) => {
    const key = [(hour - NOON) / 3600, clientId, apiKeyId, apiId, route]
    return [...key, requests, units, answers['2xx'], answers['5xx'], answers['2xx'] === 0 || bytesOut >= 5]
  })
  assert.deepEqual(told, [
    [0, 'one', '', 'orders', 'GET /free', 1, 0, 1, 0, true],
    [0, 'one', '', 'orders', 'GET /report/:year', 2, 10, 2, 0, true],
    [0, 'one', '', 'orders', 'otherwise', 1, 1, 0, 1, true],
    [0, 'one', 'key-one', 'keyed', 'otherwise', 1, 1, 1, 0, true],
    [1, 'one', '', 'orders', 'GET /report/:year', 1, 5, 1, 0, true],
    [1, 'two', '', 'second', 'otherwise', 1, 1, 1, 0, true],
  ])
})

test('refused requests are not counted', async () => {
  const folder = newFolder()
  const shop = await startPlannedShop({ requests: { perDay: 2, rates: [{ limit: 100, per: '1h', burst: 50 }] }, more: { data: folder } })
  try {
    for (let n = 0; n < 5; n++) await shop.call('/orders/x')
  } finally {
    await shop.close()
  }
  assert.deepEqual(
    (await linesIn(folder)).map(({ requests, units }) => [requests, units]),
    [[2, 2]],
  )
})

test('an API key’s last use is known, with its address', async () => {
  const folder = newFolder()
  const shop = await startPlannedShop({ now: () => NOON, more: { data: folder } })
  try {
    for (let n = 0; n < 3; n++) await shop.call('/keyed/x', { headers: { 'x-api-key': KEYS.one } })
  } finally {
    await shop.close()
  }
  const uses = await withStore(folder, (store): Promise<readonly ApiKeyUse[]> => store.apiKeys.uses('shop', 'one'))
  assert.deepEqual(
    uses.map(({ apiKeyId, lastUsedAt, count, address }) => [apiKeyId, lastUsedAt, count, address]),
    [['key-one', NOON, 3, '127.0.0.1']],
  )
})

test('a key and a token of different clients are refused, and leave one audit row in ten seconds', async () => {
  const folder = newFolder()
  let now = NOON
  const shop = await startPlannedShop({ now: () => now, more: { data: folder } })
  try {
    const headers = { 'x-api-key': KEYS.two }
    for (let n = 0; n < 20; n++) {
      const { status, json } = await shop.call('/keyed/x', { headers })
      assert.deepEqual([status, json['code']], [403, 'client_mismatch'])
    }
    now += 10
    await shop.call('/keyed/x', { headers })
    assert.equal((await shop.call('/keyed/x', { headers, clientId: 'two' })).status, 200)
    assert.equal(shop.reached.length, 1)
  } finally {
    await shop.close()
  }
  const rows = await withStore(
    folder,
    (store): Promise<readonly AuditRow[]> => store.audit.read({ after: 0, limit: 100, event: 'guard.refused' }),
  )
  assert.deepEqual(
    rows.map(({ at, by, realmId, clientId, address, detail }) => ({ at, by, realmId, clientId, address, detail })),
    [NOON, NOON + 10].map((at) => ({
      at,
      by: 'guard',
      realmId: 'shop',
      clientId: 'one',
      address: '127.0.0.1',
      detail: { code: 'client_mismatch', api: 'keyed', api_key: 'key-two' },
    })),
  )
})

test('while the ledger cannot be written requests get 503, or pass uncounted where the plan says so', { timeout: 60_000 }, async () => {
  const [closedFolder, openFolder] = [newFolder(), newFolder()]
  const requests = { perDay: 10, concurrency: 5 }
  const closed = await startPlannedShop({ requests, more: { data: closedFolder } })
  let now = NOON
  const open = await startPlannedShop({ requests: { ...requests, withoutLedger: 'allow' }, more: { data: openFolder }, now: () => now })
  const locks = [closedFolder, openFolder].map((folder) => new DatabaseSync(join(folder, 'countersign.db')))
  const ask = (shop: PlannedShop) => Promise.all([shop.call('/orders/x'), shop.call('/orders/y')])
  try {
    for (const shop of [closed, open]) assert.equal((await shop.call('/orders/x')).status, 200)
    for (const lock of locks) lock.exec('BEGIN IMMEDIATE')
    const [refused, passed] = await Promise.all([ask(closed), ask(open)])
    for (const { status, json, headers } of refused) {
      assert.deepEqual([status, json['code']], [503, 'cannot_charge'])
      assert.equal(headers['content-type'], 'application/problem+json')
      assert.match(String(headers['retry-after']), /^[1-9]\d*$/)
    }
    assert.deepEqual(
      passed.map(({ status }) => status),
      [200, 200],
    )
    assert.equal(closed.reached.length, 1, 'what cannot be charged does not reach the upstream')
    assert.equal(open.notices.filter((one) => one.includes('pass uncounted')).length, 1)
    for (const lock of locks) lock.exec('ROLLBACK')
    now += 1
    for (const shop of [closed, open]) {
      const { status, headers } = await shop.call('/orders/x')
      assert.equal(status, 200)
      assert.match(String(headers['ratelimit']), /"requests-day";r=8;/, 'neither the refused nor the uncounted were charged')
    }
    assert.ok(
      closed.reports.some((one) => one.includes('the guard of orders cannot decide')),
      closed.reports.join('\n'),
    )
  } finally {
    for (const lock of locks) lock.close()
    await Promise.all([closed.close(), open.close()])
  }
})
