// Part of the conformance suite: the audit trail. Every row is committed with what it records, numbered without gaps, found by its filters.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditFilter, AuditRow } from '../../src/model/audit.ts'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { start } from './recording.ts'
import {
  ACT,
  apiKey,
  auditEntry,
  client,
  family,
  issueRecord,
  NOW,
  opaqueToken,
  realm,
  refreshToken,
  secret,
  signingKey,
  user,
} from './samples.ts'

export const runAuditConformance = (withStore: WithStore): void => {
  test('an audit row comes back as it was written, numbered', withStore(asWritten))
  test('each change of configuration leaves one row that names what changed', withStore(configuration))
  test('a change that changes nothing leaves no row', withStore(unchanged))
  test('a write that fails leaves no row and no gap', withStore(failed))
  test('a revocation leaves its row the first time', withStore(revoked))
  test('rows written at once by everything that writes them are numbered without gaps', withStore(numbered))
  test('rows are found by realm, client, event, time and number, page by page', withStore(filters))
  test('a quiet client, and a quiet realm, are found among thousands of rows of busy ones', withStore(quietClient))
  test('what strangers send is kept within bounds', withStore(bounds))
  test('a sweep forgets from the front, and no number is given again', withStore(sweep))
}

const all = (store: Store): Promise<readonly AuditRow[]> => store.audit.read({ after: 0, limit: 100_000 })
const numbers = (rows: readonly AuditRow[]): number[] => rows.map((row) => row.sequence)
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1)

const asWritten = async (store: Store): Promise<void> => {
  assert.equal(await store.audit.last(), 0)
  assert.deepEqual(await all(store), [])
  const one = auditEntry('a', { detail: { jti: 'one.j', audience: ['x'], deep: { no: null, n: 1.5 } } })
  const two = auditEntry('b', { event: 'client.refused', clientId: '', address: '', by: 'server', at: NOW - 5, detail: {} })
  await store.audit.append(one)
  await store.audit.append(two)
  assert.deepEqual(await all(store), [
    { ...one, sequence: 1 },
    { ...two, sequence: 2 },
  ])
  assert.equal(await store.audit.last(), 2)
}

const BY = { at: NOW + 3, by: 'command of somebody' }

const configuration = async (store: Store): Promise<void> => {
  const changes: readonly (readonly [act: () => Promise<unknown>, event: string, clientId: string, detail: object])[] = [
    [() => store.realms.put(realm('a'), BY), 'realm.put', '', { created: true }],
    [() => store.realms.put(realm('a', { hosts: [], displayName: 'Other' }), BY), 'realm.put', '', { changed: ['displayName', 'hosts'] }],
    [() => store.clients.put(client('a', 'app'), BY), 'client.put', 'app', { created: true }],
    [
      () => store.clients.put(client('a', 'app', { enabled: false, secrets: [] }), BY),
      'client.put',
      'app',
      { changed: ['secrets', 'enabled'] },
    ],
    [() => store.users.put(user('a', 'u'), BY), 'user.put', '', { user: 'u', created: true }],
    [() => store.users.put(user('a', 'u', { passwordHash: 'x' }), BY), 'user.put', '', { user: 'u', changed: ['passwordHash'] }],
    [() => store.apiKeys.put(apiKey('a', 'app', 'k'), BY), 'api_key.put', 'app', { key: 'k', created: true }],
    [() => store.secrets.add('a', 'app', secret('s'), BY), 'secret.added', 'app', { secret: 's', expiresAt: null }],
    [
      () => store.secrets.rotate('a', 'app', secret('t', { expiresAt: NOW + 500 }), NOW + 60, BY),
      'secret.added',
      'app',
      { secret: 't', expiresAt: NOW + 500, ending: ['s'], endingAt: NOW + 60 },
    ],
    [() => store.secrets.end('a', 'app', 's', NOW + 9, BY), 'secret.ending', 'app', { secret: 's', expiresAt: NOW + 9 }],
    [() => store.secrets.cut('a', 'app', 's', NOW + 300, BY), 'secret.cut', 'app', { secret: 's', families: 0 }],
    [() => store.signingKeys.insertFirst(signingKey('a', 'x'), BY), 'key.added', '', { kid: 'x', algorithm: 'ES256', activeAt: NOW }],
    [() => store.signingKeys.insertNext(signingKey('a', 'y'), 'x', BY), 'key.added', '', { kid: 'y', algorithm: 'ES256', activeAt: NOW }],
    [() => store.signingKeys.retire('a', 'x', NOW + 3, BY), 'key.retired', '', { kid: 'x', retiredAt: NOW + 3 }],
    [() => store.signingKeys.remove('a', 'x', BY), 'key.removed', '', { kid: 'x' }],
    [() => store.apiKeys.remove('a', 'k', BY), 'api_key.removed', 'app', { key: 'k' }],
    [() => store.users.remove('a', 'u', BY), 'user.removed', '', { user: 'u' }],
    [() => store.clients.remove('a', 'app', BY), 'client.removed', 'app', {}],
    [() => store.realms.remove('a', BY), 'realm.removed', '', {}],
  ]
  for (const [n, [change, event, clientId, detail]] of changes.entries()) {
    await change()
    assert.deepEqual((await all(store)).slice(n), [{ ...BY, sequence: n + 1, realmId: 'a', event, clientId, address: '', detail }])
  }
  assert.doesNotMatch(JSON.stringify(await all(store)), /sha256|argon2|plain:|sealed/)
}

const unchanged = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.users.put(user('a', 'u'), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k'), ACT)
  await store.signingKeys.insertFirst(signingKey('a', 'x'), ACT)
  await store.secrets.end('a', 'app', 'one', NOW, ACT)
  const before = await all(store)
  await store.secrets.end('a', 'app', 'one', NOW, ACT)
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app', { secrets: [secret('one', { expiresAt: NOW })] }), ACT)
  await store.users.put(user('a', 'u'), ACT)
  await store.apiKeys.put(apiKey('a', 'app', 'k'), ACT)
  await store.signingKeys.insertFirst(signingKey('a', 'y'), ACT)
  await store.signingKeys.insertNext(signingKey('a', 'y'), 'unknown', ACT)
  await store.secrets.add('a', 'nobody', secret('two'), ACT)
  await store.secrets.cut('a', 'app', 'unknown', NOW, ACT)
  await store.realms.remove('unknown', ACT)
  await store.clients.remove('a', 'unknown', ACT)
  await store.users.remove('a', 'unknown', ACT)
  await store.apiKeys.remove('a', 'unknown', ACT)
  await store.signingKeys.remove('a', 'unknown', ACT)
  await store.signingKeys.retire('a', 'unknown', NOW, ACT)
  assert.deepEqual(await all(store), before)
}

const failed = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  const audit = (n: number) => auditEntry('a', { detail: { n } })
  const results = await Promise.allSettled([
    store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'one'), audit: audit(1) })),
    store.clients.put(client('nowhere', 'app'), ACT),
    store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'one'), audit: audit(2) })),
    store.audit.append(audit(3)),
    store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'two'), audit: audit(4) })),
    store.clients.put(client('a', 'app'), ACT),
  ])
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  const rows = await all(store)
  assert.deepEqual(numbers(rows), [1, 2, 3, 4, 5])
  assert.deepEqual(
    rows.map((row) => `${row.event} ${JSON.stringify(row.detail['n'])}`).toSorted((a, b) => a.localeCompare(b)),
    ['client.put undefined', 'realm.put undefined', 'token.issued 1', 'token.issued 3', 'token.issued 4'],
  )
}

const revoked = async (store: Store): Promise<void> => {
  const jti = { realmId: 'a', kind: 'jti', value: 'j', expiresAt: NOW + 60 } as const
  const entry = auditEntry('a', { event: 'token.revoked' })
  await Promise.all([1, 2, 3].map(() => store.accessTokens.revoke(jti, entry)))
  await store.accessTokens.revoke({ ...jti, expiresAt: NOW + 600 }, entry)
  assert.deepEqual(await all(store), [{ ...entry, sequence: 1 }])
  await start(store, family('a', 'f'), refreshToken('f', 't'))
  const killed = auditEntry('a', { event: 'token.revoked', detail: { family: 'f' } })
  await Promise.all([1, 2, 3].map(() => store.refreshTokens.revokeFamily('a', 'f', NOW, NOW + 60, killed)))
  assert.deepEqual((await all(store)).slice(1), [{ ...killed, sequence: 2 }])
}

const numbered = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  const lane = async (lane: number): Promise<void> => {
    for (let n = 0; n < 40; n += 1) {
      const id = `${lane}-${n}`
      if (lane % 4 === 0) await store.clients.put(client('a', id), ACT)
      else if (lane % 4 === 1) await store.audit.append(auditEntry('a', { detail: { id } }))
      else await store.issuing.record(issueRecord({ opaque: opaqueToken('a', id), audit: auditEntry('a', { detail: { id } }) }))
      for (let turn = 0; turn < (lane + n) % 3; turn += 1) await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, n) => lane(n)))
  assert.deepEqual(numbers(await all(store)), upTo(481))
  assert.equal(await store.audit.last(), 481)
  const ids = new Set((await all(store)).flatMap((row) => row.detail['id'] ?? []))
  assert.equal(ids.size, 360)
}

const filters = async (store: Store): Promise<void> => {
  for (let n = 0; n < 120; n += 1) {
    const event = n % 5 === 0 ? 'token.revoked' : 'token.issued'
    const entry = auditEntry(n % 2 === 0 ? 'a' : 'b', { clientId: `app${n % 3}`, event, at: NOW + n })
    await Promise.all([store.audit.append(entry), n % 7 === 0 ? store.audit.append(entry) : undefined])
  }
  const rows = await all(store)
  const odd: Omit<AuditFilter, 'after' | 'limit'>[] = [
    {},
    { realmId: 'a' },
    { clientId: 'app1' },
    { realmId: 'b', clientId: 'app2' },
    { event: 'token.revoked' },
  ]
  const cases = odd.flatMap((filter) => [filter, { ...filter, since: NOW + 60 }, { ...filter, event: 'token.issued' as const }])
  for (const filter of [...cases, { realmId: 'c' }, { clientId: 'APP1' }, { realmId: 'a', clientId: 'nobody' }]) {
    const wanted = rows.filter(
      (row) =>
        row.realmId === (filter.realmId ?? row.realmId) &&
        row.clientId === (filter.clientId ?? row.clientId) &&
        row.event === (filter.event ?? row.event) &&
        row.at >= (filter.since ?? 0),
    )
    const seen: AuditRow[] = []
    for (let page: readonly AuditRow[]; ; seen.push(...page)) {
      page = await store.audit.read({ ...filter, after: seen.at(-1)?.sequence ?? 0, limit: 7 })
      assert.ok(page.length <= 7)
      if (page.length === 0) break
    }
    assert.deepEqual(seen, wanted)
  }
}

const quietClient = async (store: Store): Promise<void> => {
  const quiet = [0, 1022, 1023, 1024, 12_287, 12_288, 19_999]
  await Promise.all(
    Array.from({ length: 20_000 }, (_, n) => {
      const [realmId, clientId] = quiet.includes(n) ? ['hushed', 'quiet'] : ['a', 'busy']
      return store.audit.append(auditEntry(realmId, { clientId }))
    }),
  )
  for (const filter of [{ clientId: 'quiet' }, { realmId: 'hushed' }, { realmId: 'hushed', clientId: 'quiet' }]) {
    const read = async (after: number, limit: number) => numbers(await store.audit.read({ ...filter, after, limit }))
    assert.deepEqual(await read(0, 100), [1, 1023, 1024, 1025, 12_288, 12_289, 20_000])
    assert.deepEqual(await read(0, 2), [1, 1023])
    assert.deepEqual(await read(1023, 3), [1024, 1025, 12_288])
    assert.deepEqual(await read(1024, 1), [1025])
    assert.deepEqual(await read(20_000, 10), [])
    assert.deepEqual(await read(1_000_000, 10), [])
  }
  assert.deepEqual(await store.audit.read({ after: 0, limit: 10, realmId: 'hushed', clientId: 'busy' }), [])
  const busy = await store.audit.read({ after: 4000, limit: 9000, clientId: 'busy', realmId: 'a' })
  assert.equal(busy.length, 9000)
  assert.equal(busy.at(-1)?.sequence, 13_002)
}

const bounds = async (store: Store): Promise<void> => {
  const long = 'x\0'.repeat(100_000)
  await store.audit.append(auditEntry('a', { clientId: long, address: long, by: long, detail: { long } }))
  await store.audit.append(auditEntry('a', { clientId: "'; DROP TABLE audit_rows; --", detail: { text: '\0\ud800' } }))
  const [first, second] = await all(store)
  assert.ok(first && second)
  assert.ok(JSON.stringify(first).length < 1000)
  assert.ok(first.clientId.length > 0 && !first.clientId.includes('\0'))
  assert.equal(second.clientId, "'; DROP TABLE audit_rows; --")
  assert.deepEqual(second.detail, { text: '\0\ud800' })
}

const sweep = async (store: Store): Promise<void> => {
  await Promise.all(Array.from({ length: 2500 }, (_, n) => store.audit.append(auditEntry('a', { at: n === 2400 ? NOW + 60 : NOW }))))
  await store.audit.append(auditEntry('a', { at: NOW + 10 }))
  assert.equal(await store.audit.sweep(NOW), 0)
  assert.equal(await store.audit.sweep(NOW + 10), 2400, 'not those behind a younger one: there would be a gap')
  assert.deepEqual(numbers(await all(store)), upTo(2501).slice(2400))
  assert.equal(await store.audit.sweep(NOW + 61), 101)
  assert.equal(await store.audit.last(), 2501)
  await store.audit.append(auditEntry('a'))
  assert.deepEqual(numbers(await all(store)), [2502])
}
