// API keys as rows, found by the hash of the whole key.
import type { ApiKey } from '../../model/api_key.ts'
import type { Act } from '../../model/audit.ts'
import type { ApiKeyStore } from '../../model/store.ts'
import type { Sql, Unit } from '../sql.ts'
import { ask, each, first, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { acted, changeOf } from './change.ts'
import { raiseRevision } from './counters.ts'

export const apiKeyTable = (sql: Sql): ApiKeyStore => ({
  findByHash: (realmId, hash) => sql.read(query(statement(`${SELECT} AND hash = ?`, realmId, hash), first(toApiKey))),
  list: (realmId, clientId) => sql.read(query(statement(`${SELECT} AND client_id = ? ORDER BY id`, realmId, clientId), each(toApiKey))),
  put: (key, act) => sql.write(() => put(key, act)),
  remove: (realmId, id, act) => sql.write(() => remove(realmId, id, act)),
})

interface ApiKeyRow {
  readonly realm_id: string
  readonly id: string
  readonly client_id: string
  readonly hash: string
  readonly display_name: string
  readonly created_at: number
  readonly expires_at: number | null
}

const SELECT = 'SELECT realm_id, id, client_id, hash, display_name, created_at, expires_at FROM api_keys WHERE realm_id = ?'

const PUT = `INSERT INTO api_keys (realm_id, id, client_id, hash, display_name, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, id) DO UPDATE SET client_id = excluded.client_id, hash = excluded.hash,
    display_name = excluded.display_name, created_at = excluded.created_at, expires_at = excluded.expires_at`

const REMOVE = 'DELETE FROM api_keys WHERE realm_id = ? AND id = ? RETURNING client_id'

function* put(key: ApiKey, act: Act): Unit<void> {
  const { realmId, id, clientId } = key
  yield raiseRevision
  const change = changeOf(yield* ask(query(statement(`${SELECT} AND id = ?`, realmId, id), first(toApiKey))), key)
  if (change === undefined) return
  yield statement(PUT, realmId, id, clientId, key.hash, key.displayName, key.createdAt, key.expiresAt)
  yield* appendAudit([acted(act, realmId, clientId, 'api_key.put', { key: id, ...change })])
}

function* remove(realmId: string, id: string, act: Act): Unit<void> {
  yield raiseRevision
  const [removed] = yield* ask(query(statement(REMOVE, realmId, id), (rows: readonly { client_id: string }[]) => rows))
  if (removed !== undefined) yield* appendAudit([acted(act, realmId, removed.client_id, 'api_key.removed', { key: id })])
}

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  realmId: row.realm_id,
  clientId: row.client_id,
  hash: row.hash,
  displayName: row.display_name,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})
