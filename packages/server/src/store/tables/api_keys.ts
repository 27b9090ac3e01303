// API keys as rows, found by the hash of the whole key.
import type { ApiKey } from '../../model/api_key.ts'
import type { ApiKeyStore } from '../../model/store.ts'
import type { Sql } from '../sql.ts'
import { each, first, query, statement } from '../sql.ts'
import { raiseRevision } from './counters.ts'

export const apiKeyTable = (sql: Sql): ApiKeyStore => ({
  findByHash: (realmId, hash) => sql.read(query(statement(`${SELECT} AND hash = ?`, realmId, hash), first(toApiKey))),
  list: (realmId, clientId) => sql.read(query(statement(`${SELECT} AND client_id = ? ORDER BY id`, realmId, clientId), each(toApiKey))),
  put: (key) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement(PUT, key.realmId, key.id, key.clientId, key.hash, key.displayName, key.createdAt, key.expiresAt)
    }),
  remove: (realmId, id) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement('DELETE FROM api_keys WHERE realm_id = ? AND id = ?', realmId, id)
    }),
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

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  realmId: row.realm_id,
  clientId: row.client_id,
  hash: row.hash,
  displayName: row.display_name,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
})
