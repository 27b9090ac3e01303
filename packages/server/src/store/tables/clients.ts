// Clients and their secrets as rows. A secret is a row of its own, so that what is known of its use outlives a change of its client.
import type { Client } from '../../model/client.ts'
import type { ClientStore } from '../../model/store.ts'
import type { Sql, Unit } from '../sql.ts'
import { query, statement } from '../sql.ts'
import { raiseRevision } from './counters.ts'

export const clientTable = (sql: Sql): ClientStore => ({
  find: (realmId, clientId) => sql.read(query(statement(FIND, realmId, clientId), (rows: readonly ClientRow[]) => toClients(rows)[0])),
  list: (realmId, after, limit) => sql.read(query(statement(LIST, realmId, after, limit), toClients)),
  put: (client) => sql.write(() => put(client)),
  remove: (realmId, clientId) => sql.write(() => remove(realmId, clientId)),
})

/** A client has as many rows as secrets, and one with nulls if it has none. */
type ClientRow = {
  readonly client_id: string
  readonly document: string
} & (
  | { readonly id: string; readonly hash: string; readonly created_at: number; readonly expires_at: number | null }
  | { readonly id: null }
)

const FIND = `SELECT c.client_id, c.document, s.id, s.hash, s.created_at, s.expires_at
  FROM clients c LEFT JOIN client_secrets s ON s.realm_id = c.realm_id AND s.client_id = c.client_id
  WHERE c.realm_id = ? AND c.client_id = ?
  ORDER BY s.ordinal`

const LIST = `SELECT c.client_id, c.document, s.id, s.hash, s.created_at, s.expires_at
  FROM (SELECT realm_id, client_id, document FROM clients WHERE realm_id = ? AND client_id > ? ORDER BY client_id LIMIT ?) c
  LEFT JOIN client_secrets s ON s.realm_id = c.realm_id AND s.client_id = c.client_id
  ORDER BY c.client_id, s.ordinal`

const PUT_CLIENT = `INSERT INTO clients (realm_id, client_id, document) VALUES (?, ?, ?)
  ON CONFLICT (realm_id, client_id) DO UPDATE SET document = excluded.document`

const MARK_SECRETS = 'UPDATE client_secrets SET ordinal = -1 WHERE realm_id = ? AND client_id = ?'

const PUT_SECRET = `INSERT INTO client_secrets (realm_id, client_id, id, ordinal, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, client_id, id) DO UPDATE SET
    ordinal = excluded.ordinal, hash = excluded.hash, created_at = excluded.created_at, expires_at = excluded.expires_at`

const DROP_MARKED = 'DELETE FROM client_secrets WHERE realm_id = ? AND client_id = ? AND ordinal < 0'

function* put(client: Client): Unit<void> {
  const { secrets, ...document } = client
  yield raiseRevision
  yield statement(PUT_CLIENT, client.realmId, client.clientId, JSON.stringify(document))
  yield statement(MARK_SECRETS, client.realmId, client.clientId)
  for (const [ordinal, secret] of secrets.entries()) {
    yield statement(PUT_SECRET, client.realmId, client.clientId, secret.id, ordinal, secret.hash, secret.createdAt, secret.expiresAt)
  }
  yield statement(DROP_MARKED, client.realmId, client.clientId)
}

/** Its refresh tokens go too: a client registered later under the same id must not inherit them. */
function* remove(realmId: string, clientId: string): Unit<void> {
  yield raiseRevision
  yield statement('DELETE FROM refresh_families WHERE realm_id = ? AND client_id = ?', realmId, clientId)
  yield statement('DELETE FROM clients WHERE realm_id = ? AND client_id = ?', realmId, clientId)
}

const toClients = (rows: readonly ClientRow[]): Client[] => {
  const clients: Client[] = []
  let start = 0
  while (start < rows.length) {
    const clientId = rows[start]?.client_id
    let end = start + 1
    while (end < rows.length && rows[end]?.client_id === clientId) end += 1
    clients.push(toClient(rows.slice(start, end)))
    start = end
  }
  return clients
}

const toClient = (rows: readonly ClientRow[]): Client => ({
  ...(JSON.parse(rows[0]?.document ?? '{}') as Omit<Client, 'secrets'>),
  secrets: rows.flatMap((row) =>
    row.id === null ? [] : [{ id: row.id, hash: row.hash, createdAt: row.created_at, expiresAt: row.expires_at }],
  ),
})
