// A database of an earlier release: made by its migrations alone, filled as it filled them, then opened by this one.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import { initial } from '../../src/store/migrations/0001_initial.ts'
import { ledger as ledgerTables } from '../../src/store/migrations/0002_ledger.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { withToken } from '../ledger/charging.ts'
import { charge, METER, NOVEMBER } from '../ledger/samples.ts'
import { rotate } from './recording.ts'
import { ACT, admission, apiKey, client, family, issueRecord, NOW, realm, refreshToken, reusable, secret, signingKey } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-migration-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const TYPES = { text: 'TEXT', integer: 'INTEGER', table: 'STRICT', narrowTable: 'STRICT, WITHOUT ROWID' }

/** What schema 2 wrote: no member that later releases added. */
const earlier = (document: object, ...added: string[]): string =>
  JSON.stringify(Object.fromEntries(Object.entries(document).filter(([name]) => !added.includes(name))))

const makeVersion2 = (file: string): void => {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA application_id = 0x4374536e')
  db.exec('CREATE TABLE schema_version (version INTEGER PRIMARY KEY); INSERT INTO schema_version (version) VALUES (1), (2)')
  for (const text of [...initial(TYPES), ...ledgerTables(TYPES)]) db.exec(text)
  const insert = (table: string, ...values: (string | number | null)[]): void => {
    db.prepare(`INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`).run(...values)
  }
  insert('realms', 'a', earlier(realm('a'), 'reuse', 'trustedIssuers', 'keyRotation'))
  insert('clients', 'a', 'app', earlier(client('a', 'app'), 'secrets', 'origin', 'keys', 'reuse', 'exchanges', 'workloads', 'dpop'))
  insert('client_secrets', 'a', 'app', 'one', 0, 'sha256:one', NOW, null)
  insert('client_secrets', 'a', 'app', 'two', 1, 'sha256:two', NOW, NOW + 60)
  insert('api_keys', 'a', 'k1', 'app', 'sha256:key-k1', 'Key k1', NOW, null)
  for (const [kid, createdAt] of [
    ['young', NOW + 1],
    ['old', NOW],
  ] as const) {
    const key = signingKey('a', kid, { createdAt })
    insert('signing_keys', 'a', kid, key.algorithm, JSON.stringify(key.publicJwk), key.privateKey, createdAt, NOW, null)
  }
  insert('refresh_families', 'a', 'f', 'app', 'user-1', '["openid","read"]', '["https://api.example"]', 'standard', NOW, NOW + 1000, null)
  insert('refresh_tokens', 'a', 't0', 'f', NOW, NOW + 1000, null)
  insert('revocations', 'a', 'jti', 'j', NOW + 60, 1)
  insert('ledger_windows', METER.account, METER.name, NOVEMBER.start, 5, NOVEMBER.end)
  insert('ledger_usage', METER.account, METER.name, NOVEMBER.start, '2026-11-21', '192.0.2.1', 'curl/8', 2)
  insert('ledger_usage', METER.account, METER.name, NOVEMBER.start, '2026-11-22', '192.0.2.1', 'curl/8', 3)
  db.exec("UPDATE counters SET value = 7 WHERE name = 'revision'; UPDATE counters SET value = 1 WHERE name = 'revocation'")
  db.close()
}

test('a database of schema 2 is all there after opening it, and takes what is new', async () => {
  const file = join(folder, 'two.db')
  makeVersion2(file)
  const sql = await openSqlite({ file })
  const store = sqlStore(sql)
  const ledger = withToken(sql)
  assert.deepEqual(await store.realms.find('a'), realm('a', { keyRotation: { every: null, publishAhead: 86_400 } }))
  const secrets = [secret('one'), secret('two', { expiresAt: NOW + 60 })]
  assert.deepEqual(await store.clients.find('a', 'app'), client('a', 'app', { secrets }))
  assert.deepEqual(await store.apiKeys.list('a', 'app'), [apiKey('a', 'app', 'k1')])
  assert.equal(await store.apiKeys.rotate('a', apiKey('a', 'app', 'k2', { origin: 'command', addresses: ['::1'] }), NOW + 30, ACT), true)
  assert.deepEqual((await store.apiKeys.findByHash('a', 'sha256:key-k1'))?.expiresAt, NOW + 30)
  assert.deepEqual(await store.metering.admit(admission()), { admitted: true, used: [] })
  assert.deepEqual(
    (await store.signingKeys.list('a')).map((key) => key.kid),
    ['old', 'young'],
  )
  assert.equal(await store.signingKeys.insertNext(signingKey('a', 'x', { createdAt: NOW }), 'old', ACT), false)
  assert.equal(await store.signingKeys.insertNext(signingKey('a', 'x', { createdAt: NOW }), 'young', ACT), true)
  assert.deepEqual((await store.refreshTokens.find('a', 't0'))?.family, family('a', 'f', { credential: null }))
  assert.equal(await rotate(store, 'a', 't0', refreshToken('f', 't1'), NOW, NOW + 300), 'recorded')
  assert.equal(await store.revision(), 9)
  assert.equal((await store.accessTokens.revocationsAfter(0, 10)).length, 1)

  assert.equal(await ledger.used(METER, NOVEMBER.start), 5)
  assert.deepEqual(
    (await ledger.breakdown(METER, NOVEMBER.start, 10)).map(({ day, units }) => [day, units]),
    [
      ['2026-11-22', 3],
      ['2026-11-21', 2],
    ],
  )
  assert.deepEqual((await ledger.charge(charge({ limit: 6 }))).used, 6)
  assert.equal((await ledger.charge(charge({ limit: 6 }))).charged, false)
  assert.equal(await ledger.sweep(NOVEMBER.end + 1), 3)

  assert.equal(await store.secrets.rotate('a', 'app', secret('three', { origin: 'command' }), NOW + 30, ACT), true)
  assert.equal((await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'x') }))).outcome, 'recorded')
  assert.deepEqual(
    (await store.audit.read({ after: 0, limit: 10 })).map(({ sequence, event }) => [sequence, event]),
    [
      [1, 'api_key.put'],
      [2, 'key.added'],
      [3, 'secret.added'],
    ],
  )
  await sql.close()
})

test('of several processes that open a database of schema 2 at once one brings it up to date, and all use it', async () => {
  const file = join(folder, 'race.db')
  makeVersion2(file)
  const path = fileURLToPath(new URL('./race_child.ts', import.meta.url))
  const children = Array.from({ length: 3 }, (_, n) =>
    spawn(process.execPath, ['-C', 'source', path, file, `${n}`, '2', '0'], { stdio: ['pipe', 'ignore', 'pipe'] }),
  )
  after(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const ended = children.map(async (child) => {
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    child.stdin.end('go\n')
    const [code] = await once(child, 'close')
    assert.deepEqual([code, complaint], [0, ''])
  })
  await Promise.all(ended)
  const store = sqlStore(await openSqlite({ file }))
  assert.equal((await store.realms.list()).length, 3)
  assert.equal((await store.audit.read({ after: 0, limit: 100, event: 'key.added' })).length, 2)
  await store.close()
})
