// API keys as rows, found by the hash of the whole key, and what is known of their use. All changes wait for the revision's row first, so
// that each sees what the one before it has done.
import type { ApiKey } from '../../model/api_key.ts'
import type { ApiKeyUse } from '../../model/api_key_use.ts'
import type { Act } from '../../model/audit.ts'
import type { Origin } from '../../model/client.ts'
import type { ApiKeyStore } from '../../model/store.ts'
import type { Query, Sql, Unit } from '../sql.ts'
import { ask, each, first, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { acted, changeOf } from './change.ts'
import { raiseRevision } from './counters.ts'

export const apiKeyTable = (sql: Sql): ApiKeyStore => ({
  findByHash: (realmId, hash) => sql.read(query(statement(`${SELECT} AND hash = ?`, realmId, hash), first(toApiKey))),
  list: (realmId, clientId) => sql.read(query(statement(`${SELECT} AND client_id = ? ORDER BY id`, realmId, clientId), each(toApiKey))),
  listOfRealm: (realmId, after, limit) =>
    sql.read(query(statement(`${SELECT} AND id > ? ORDER BY id LIMIT ?`, realmId, after, limit), each(toApiKey))),
  put: (key, act) => sql.write(() => put(key, act)),
  remove: (realmId, id, act) => sql.write(() => remove(realmId, id, act)),
  rotate: (realmId, key, othersEndAt, act) => sql.write(() => rotate({ ...key, realmId }, othersEndAt, act)),
  end: (realmId, id, expiresAt, act) => sql.write(() => end(realmId, id, expiresAt, act)),
  noteUse: (uses) => sql.write(() => noteUse(uses)),
  uses: (realmId, clientId) => sql.read(query(statement(USES, realmId, clientId), each(toUse))),
})

/** Seconds that a key made by a command is kept after its end, so that it can still be told what became of it. */
const KEPT = 30 * 86_400

/** Removes at most `limit` rows; to be repeated while it does. What the configuration gave it takes away itself. */
export function* sweepApiKeys(now: number, limit: number): Unit<number> {
  if ((yield statement(RAISE_IF_OVER, now - KEPT)) === 0) return 0
  return yield statement(SWEEP, now - KEPT, limit)
}

interface ApiKeyRow {
  readonly realm_id: string
  readonly id: string
  readonly client_id: string
  readonly hash: string
  readonly display_name: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly origin: string
  readonly addresses: string
  readonly ended_at: number | null
}

const COLUMNS = 'realm_id, id, client_id, hash, display_name, created_at, expires_at, origin, addresses, ended_at'
const SELECT = `SELECT ${COLUMNS} FROM api_keys WHERE realm_id = ?`

const PUT = `INSERT INTO api_keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, id) DO UPDATE SET client_id = excluded.client_id, hash = excluded.hash,
    display_name = excluded.display_name, created_at = excluded.created_at, expires_at = excluded.expires_at,
    origin = excluded.origin, addresses = excluded.addresses, ended_at = excluded.ended_at`

const ADD = `INSERT INTO api_keys (${COLUMNS}) SELECT c.realm_id, CAST(? AS TEXT), c.client_id, CAST(? AS TEXT), CAST(? AS TEXT),
    CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT)
  FROM clients c WHERE c.realm_id = ? AND c.client_id = ?
  ON CONFLICT DO NOTHING`

const REMOVE = 'DELETE FROM api_keys WHERE realm_id = ? AND id = ? RETURNING client_id'

const LATER = '(expires_at IS NULL OR expires_at > ?)'
const END = `UPDATE api_keys SET expires_at = ?, ended_at = ? WHERE realm_id = ? AND id = ? AND ${LATER} RETURNING client_id`
const END_OTHERS = `UPDATE api_keys SET expires_at = ?, ended_at = ?
  WHERE realm_id = ? AND client_id = ? AND id <> ? AND ${LATER} RETURNING id`

const NOTE = `INSERT INTO api_key_uses (realm_id, api_key_id, last_used_at, uses, address)
  SELECT realm_id, id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT) FROM api_keys WHERE realm_id = ? AND id = ? AND client_id = ?
  ON CONFLICT (realm_id, api_key_id) DO UPDATE SET
    uses = api_key_uses.uses + excluded.uses,
    address = CASE WHEN excluded.last_used_at >= api_key_uses.last_used_at THEN excluded.address ELSE api_key_uses.address END,
    last_used_at = CASE WHEN excluded.last_used_at >= api_key_uses.last_used_at
      THEN excluded.last_used_at ELSE api_key_uses.last_used_at END`

const USES = `SELECT k.realm_id, k.client_id, u.api_key_id, u.last_used_at, u.uses, u.address
  FROM api_keys k JOIN api_key_uses u ON u.realm_id = k.realm_id AND u.api_key_id = k.id
  WHERE k.realm_id = ? AND k.client_id = ? ORDER BY k.id`

const OVER = "origin = 'command' AND expires_at < ?"
const RAISE_IF_OVER = `UPDATE counters SET value = value + 1
  WHERE name = 'revision' AND EXISTS (SELECT 1 FROM api_keys WHERE ${OVER})`
const SWEEP = `DELETE FROM api_keys WHERE (realm_id, id) IN
  (SELECT realm_id, id FROM api_keys WHERE ${OVER} ORDER BY expires_at LIMIT ?)`

const rowOf = (realmId: string, id: string): Query<ApiKeyRow | undefined> =>
  query(statement(`${SELECT} AND id = ?`, realmId, id), ([row]: readonly ApiKeyRow[]) => row)

function* put(asked: ApiKey, act: Act): Unit<void> {
  const { realmId, id, clientId, hash, displayName, createdAt } = asked
  yield raiseRevision
  const row = yield* ask(rowOf(realmId, id))
  // Another key under the same id is another key.
  const endedAt = earlier(row === undefined || row.hash !== hash ? null : row.ended_at, asked.endedAt)
  const expiresAt = earlier(endedAt, asked.expiresAt)
  const key = { ...asked, expiresAt, endedAt }
  const change = changeOf(row && toApiKey(row), key)
  if (change === undefined) return
  const addresses = JSON.stringify(key.addresses)
  yield statement(PUT, realmId, id, clientId, hash, displayName, createdAt, expiresAt, key.origin, addresses, endedAt)
  yield* appendAudit([acted(act, realmId, clientId, 'api_key.put', { key: id, ...change })])
}

function* remove(realmId: string, id: string, act: Act): Unit<void> {
  yield raiseRevision
  const [removed] = yield* ask(query(statement(REMOVE, realmId, id), (rows: readonly { client_id: string }[]) => rows))
  if (removed !== undefined) yield* appendAudit([acted(act, realmId, removed.client_id, 'api_key.removed', { key: id })])
}

function* rotate(key: ApiKey, othersEndAt: number, act: Act): Unit<boolean> {
  const { realmId, id, clientId, hash, displayName, createdAt, expiresAt, origin, endedAt } = key
  yield raiseRevision
  const addresses = JSON.stringify(key.addresses)
  if ((yield statement(ADD, id, hash, displayName, createdAt, expiresAt, origin, addresses, endedAt, realmId, clientId)) === 0) return false
  const others = statement(END_OTHERS, othersEndAt, othersEndAt, realmId, clientId, id, othersEndAt)
  const ending = yield* ask(query(others, (rows: readonly { id: string }[]) => rows.map((row) => row.id)))
  const detail = { key: id, created: true, expiresAt, ending: ending.toSorted(byCodeUnits), endingAt: othersEndAt }
  yield* appendAudit([acted(act, realmId, clientId, 'api_key.put', detail)])
  return true
}

function* end(realmId: string, id: string, expiresAt: number, act: Act): Unit<boolean> {
  yield raiseRevision
  const ended = statement(END, expiresAt, expiresAt, realmId, id, expiresAt)
  const [row] = yield* ask(query(ended, (rows: readonly { client_id: string }[]) => rows))
  if (row === undefined) return false
  yield* appendAudit([acted(act, realmId, row.client_id, 'api_key.ending', { key: id, expiresAt })])
  return true
}

function* noteUse(uses: readonly ApiKeyUse[]): Unit<void> {
  // In one order for all who note uses, so that none waits for another that waits for it.
  const inOrder = uses.toSorted((a, b) => byCodeUnits(a.realmId, b.realmId) || byCodeUnits(a.apiKeyId, b.apiKeyId))
  for (const { realmId, clientId, apiKeyId, lastUsedAt, count, address } of inOrder) {
    yield statement(NOTE, lastUsedAt, count, address, realmId, apiKeyId, clientId)
  }
}

const earlier = (one: number | null, other: number | null): number | null => (one === null ? other : Math.min(one, other ?? one))

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  realmId: row.realm_id,
  clientId: row.client_id,
  hash: row.hash,
  displayName: row.display_name,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  endedAt: row.ended_at,
  // Written from an ApiKey by this file only.
  origin: row.origin as Origin,
  addresses: JSON.parse(row.addresses) as string[],
})

const toUse = (row: {
  realm_id: string
  client_id: string
  api_key_id: string
  last_used_at: number
  uses: number
  address: string
}): ApiKeyUse => ({
  realmId: row.realm_id,
  clientId: row.client_id,
  apiKeyId: row.api_key_id,
  lastUsedAt: row.last_used_at,
  count: row.uses,
  address: row.address,
})
