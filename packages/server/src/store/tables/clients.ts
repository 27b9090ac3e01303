// Clients as rows, with their secrets. A secret is a row of its own (tables/secrets.ts), so that what is known of its use outlives a change
// of its client.
import type { Act } from '../../model/audit.ts'
import type { Client, ClientSecret } from '../../model/client.ts'
import type { ClientStore } from '../../model/store.ts'
import { clientRevocation } from '../../model/token.ts'
import type { Query, Sql, Statement, Unit } from '../sql.ts'
import { ask, query, statement } from '../sql.ts'
import { recordCut } from './access_tokens.ts'
import { appendAudit } from './audit.ts'
import { acted, changeOf } from './change.ts'
import { raiseRevision, raiseRevisionAlone } from './counters.ts'
import { emptySlotsOfClient } from './reusable_tokens.ts'
import type { SecretRow } from './secrets.ts'
import { putSecrets, SECRET_COLUMNS, toSecret } from './secrets.ts'

export const clientTable = (sql: Sql): ClientStore => ({
  find: (realmId, clientId) => sql.read(find(realmId, clientId)),
  list: (realmId, after, limit) => sql.read(query(statement(LIST, realmId, after, limit), toClients)),
  put: (client, act) => sql.write(() => put(client, act)),
  remove: (realmId, clientId, act) => sql.write(() => remove(realmId, clientId, act)),
})

/** A client has as many rows as secrets, and one with nulls if it has none. */
type ClientRow = { readonly client_id: string; readonly document: string; readonly generation: number | null } & (
  | SecretRow
  | { readonly id: null }
)

const CUT = "LEFT JOIN revocations r ON r.realm_id = c.realm_id AND r.kind = 'client' AND r.value = c.client_id"

const FIND = `SELECT c.client_id, c.document, r.sequence AS generation, ${SECRET_COLUMNS}
  FROM clients c LEFT JOIN client_secrets s ON s.realm_id = c.realm_id AND s.client_id = c.client_id ${CUT}
  WHERE c.realm_id = ? AND c.client_id = ?
  ORDER BY s.ordinal`

const LIST = `SELECT c.client_id, c.document, r.sequence AS generation, ${SECRET_COLUMNS}
  FROM (SELECT realm_id, client_id, document FROM clients WHERE realm_id = ? AND client_id > ? ORDER BY client_id LIMIT ?) c
  LEFT JOIN client_secrets s ON s.realm_id = c.realm_id AND s.client_id = c.client_id ${CUT}
  ORDER BY c.client_id, s.ordinal`

const PUT = `INSERT INTO clients (realm_id, client_id, document) VALUES (?, ?, ?)
  ON CONFLICT (realm_id, client_id) DO UPDATE SET document = excluded.document`

/** A client registered later under the same id must not inherit its refresh tokens. */
const removeFamilies = (realmId: string, clientId: string): Statement => ({
  ...statement('DELETE FROM refresh_families WHERE realm_id = ? AND client_id = ?', realmId, clientId),
  blind: true,
})

const find = (realmId: string, clientId: string): Query<Client | undefined> =>
  query(statement(FIND, realmId, clientId), (rows: readonly ClientRow[]) => toClients(rows)[0])

function* put(client: Client, act: Act): Unit<void> {
  const given = withoutGeneration(client)
  const { secrets: named, ...document } = given
  const { realmId, clientId } = client
  yield raiseRevision
  const stored = yield* ask(find(realmId, clientId))
  const secrets = stored ? decided(named, stored.secrets) : named
  const change = changeOf(stored && withoutGeneration(stored), { ...given, secrets })
  if (change === undefined) return
  // A request that was under way when an earlier one of this name was removed may have left it one.
  if (!stored) yield removeFamilies(realmId, clientId)
  yield statement(PUT, realmId, clientId, JSON.stringify(document))
  yield* putSecrets(realmId, clientId, secrets)
  yield* appendAudit([acted(act, realmId, clientId, 'client.put', change)])
}

/** It is no part of the document, and nothing that changes it. */
const withoutGeneration = ({ generation: _generation, ...client }: Client): Client => client

/** The list as asked for, with what commands have decided since the asker read it. */
const decided = (named: readonly ClientSecret[], stored: readonly ClientSecret[]): readonly ClientSecret[] => {
  const ids = new Set(named.map(({ id }) => id))
  const hashes = new Set(named.map(({ hash }) => hash))
  const kept = stored.filter(({ id, hash, origin }) => origin === 'command' && !ids.has(id) && !hashes.has(hash))
  return [...named.map((secret) => endedAs(stored, secret)), ...kept]
}

/** By the hash: the same secret may have had another id. */
const endedAs = (stored: readonly ClientSecret[], secret: ClientSecret): ClientSecret => {
  let { expiresAt } = secret
  for (const known of stored) {
    if (known.hash === secret.hash && known.expiresAt !== null) expiresAt = Math.min(known.expiresAt, expiresAt ?? known.expiresAt)
  }
  return { ...secret, expiresAt }
}

function* remove(realmId: string, clientId: string, act: Act): Unit<void> {
  yield raiseRevisionAlone
  yield emptySlotsOfClient(realmId, clientId)
  yield removeFamilies(realmId, clientId)
  if ((yield statement('DELETE FROM clients WHERE realm_id = ? AND client_id = ?', realmId, clientId)) === 0) return
  yield* recordCut(clientRevocation(realmId, clientId, act.at))
  yield* appendAudit([acted(act, realmId, clientId, 'client.removed', {})])
}

/** What documents written by earlier releases do not say. */
const EARLIER: Pick<Client, 'origin' | 'keys' | 'reuse' | 'exchanges' | 'workloads' | 'dpop'> = {
  origin: 'configuration',
  keys: { kind: 'none' },
  reuse: null,
  exchanges: [],
  workloads: [],
  dpop: 'optional',
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

const toClient = (rows: readonly ClientRow[]): Client => {
  const generation = rows[0]?.generation ?? undefined
  return {
    ...EARLIER,
    ...(JSON.parse(rows[0]?.document ?? '{}') as Omit<Client, 'secrets' | 'generation'>),
    secrets: rows.flatMap((row) => (row.id === null ? [] : [toSecret(row)])),
    ...(generation !== undefined && { generation }),
  }
}
