// The plans SQLite makes for the store's statements: none of them reads a whole table that grows with clients, tokens or what happened.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { observedOf } from '../../src/model/observed.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { charge } from '../ledger/samples.ts'
import { rotate, start } from './recording.ts'
import {
  ACT,
  admission,
  apiKey,
  auditEntry,
  client,
  family,
  issueRecord,
  NOW,
  opaqueToken,
  realm,
  refreshToken,
  reusable,
  secret,
  signingKey,
} from './samples.ts'
import { spied } from './spied.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-plans-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Whole on purpose: all realms, a few blocks or hours, and the front of the audit trail up to a LIMIT. */
const MAY_BE_WHOLE = /^SCAN (CONSTANT ROW|given|realms|blocks|hours|[fk]|audit_rows)\b/

test('no statement that issues, reuses, revokes, audits or sweeps reads a whole table', async () => {
  const file = join(folder, 'plans.db')
  const sql = await openSqlite({ file })
  const texts = new Set<string>()
  const store = sqlStore(spied(sql, texts))
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.signingKeys.insertFirst(signingKey('a', 'x'), ACT)
  await store.signingKeys.insertNext(signingKey('a', 'y'), 'x', ACT)
  const record = (n: number, limit = 3) =>
    store.issuing.record(
      issueRecord({
        charge: charge({ limit }),
        reuse: reusable('a', `meaning ${n}`, `${n}`),
        opaque: opaqueToken('a', `${n}`),
        audit: auditEntry('a'),
      }),
    )
  await Promise.all([1, 2, 2].map((n) => record(n)))
  await Promise.all([record(1), record(3), record(4), record(5)])
  const undone = issueRecord({ charge: charge() })
  await store.issuing.undo(undone, { charged: true, charge: charge(), used: 1 })
  await store.issuing.findReusable('a', 'meaning 1', NOW)
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  for (const successor of ['t1', 't2']) await rotate(store, 'a', 't0', refreshToken('f', successor), NOW, NOW)
  await store.secrets.rotate('a', 'app', secret('two'), NOW, ACT)
  await store.secrets.noteUse([{ realmId: 'a', clientId: 'app', secretId: 'one', lastUsedAt: NOW, count: 1, address: '' }])
  await store.secrets.uses('a', 'app')
  await store.secrets.cut('a', 'app', 'one', NOW, ACT)
  await store.accessTokens.revoke({ realmId: 'a', kind: 'jti', value: 'one.2', expiresAt: NOW }, auditEntry('a'))
  await store.replays.claim('a', 'jti', NOW)
  for (const filter of [
    {},
    { realmId: 'a' },
    { clientId: 'app' },
    { realmId: 'a', clientId: 'app', event: 'key.added' as const, since: NOW },
  ]) {
    await store.audit.read({ ...filter, after: 0, limit: 10 })
  }
  await store.secrets.add('a', 'app', secret('old', { origin: 'command', expiresAt: 0 }), ACT)
  await store.apiKeys.rotate('a', apiKey('a', 'app', 'k1', { origin: 'command', expiresAt: 0 }), NOW, ACT)
  await store.apiKeys.noteUse([{ realmId: 'a', clientId: 'app', apiKeyId: 'k1', lastUsedAt: NOW, count: 1, address: '' }])
  await store.apiKeys.uses('a', 'app')
  await store.apiKeys.end('a', 'k1', NOW, ACT)
  const admitted = admission({ charges: [charge({ limit: 9 })] })
  await Promise.all([1, 2, 3].map(() => store.metering.admit(admitted)))
  await Promise.all([1, 2].map(() => store.metering.takeBack(admitted)))
  await store.metering.observe(observedOf([{ key: admitted.key, at: NOW, status: 200, bytesIn: 1, bytesOut: 1, milliseconds: 1 }]))
  const all = { from: 0, to: Number.MAX_SAFE_INTEGER }
  const [line = null] = await store.metering.lines(all, null, 1)
  for (const filter of [{}, { realmId: 'a' }, { clientId: 'app' }, { realmId: 'a', clientId: 'app' }]) {
    for (const after of [null, line]) await store.metering.lines({ ...all, ...filter }, after, 10)
  }
  await store.metering.sweep(NOW + 1)
  await store.sweep(NOW + 100_000)
  await store.audit.sweep(NOW + 1)
  await store.clients.remove('a', 'app', ACT)
  await store.realms.remove('a', ACT)

  const reader = new DatabaseSync(file)
  for (const text of texts) {
    for (const { detail } of reader.prepare(`EXPLAIN QUERY PLAN ${text}`).all()) {
      if (!MAY_BE_WHOLE.test(String(detail))) assert.doesNotMatch(String(detail), /^SCAN|AUTOMATIC/, text)
    }
  }
  const plan = (found: string): string[] => {
    const text = [...texts].find((one) => one.includes(found))
    assert.ok(text, found)
    return reader
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(({ detail }) => String(detail))
  }
  for (const [text, whose] of [
    ['+ 0 AND realm_id = ? AND sequence > ? ORDER BY', 'realm_id'],
    ['+ 0 AND client_id = ? AND sequence > ? ORDER BY', 'client_id'],
    ["+ 0 AND client_id = ? AND sequence > ? AND realm_id || '' = ?", 'client_id'],
  ] as const) {
    const inBlocks = `SEARCH audit_rows USING INDEX audit_rows_by_${whose.slice(0, -3)} (<expr>=? AND ${whose}=? AND rowid>?)`
    assert.ok(plan(text).includes(inBlocks), plan(text).join('\n'))
  }
  // Pages begin where the one before ended, and come in order without being sorted.
  for (const text of ['usage_hours WHERE hour < ?', '(hour, realm_id, client_id, api_key_id, api_id, route) > (?']) {
    assert.ok(!plan(text).some((step) => step.includes('TEMP B-TREE')), plan(text).join('\n'))
  }
  const ofClient = plan('FROM hours CROSS JOIN usage_hours')
  assert.ok(ofClient.includes('SEARCH u USING PRIMARY KEY (hour=? AND realm_id=? AND client_id=?)'), ofClient.join('\n'))
  reader.close()
  await sql.close()
})
