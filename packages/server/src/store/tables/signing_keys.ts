// Signing keys as rows. The private half is stored as it comes: sealing it is not done here.
import type { SigningKey } from '../../model/signing_key.ts'
import type { SigningKeyStore } from '../../model/store.ts'
import type { Sql, SqlValue, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { raiseRevision } from './counters.ts'

export const signingKeyTable = (sql: Sql): SigningKeyStore => ({
  list: (realmId) => sql.read(query(statement(LIST, realmId), each(toSigningKey))),
  insertFirst: (key) => sql.write(() => insertFirst(key)),
  insert: (key) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement(`INSERT INTO signing_keys (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, ...values(key))
    }),
  retire: (realmId, kid, retiredAt) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement('UPDATE signing_keys SET retired_at = ? WHERE realm_id = ? AND kid = ?', retiredAt, realmId, kid)
    }),
  remove: (realmId, kid) =>
    sql.write(function* () {
      yield raiseRevision
      yield statement('DELETE FROM signing_keys WHERE realm_id = ? AND kid = ?', realmId, kid)
    }),
})

interface SigningKeyRow {
  readonly realm_id: string
  readonly kid: string
  readonly algorithm: string
  readonly public_jwk: string
  readonly private_key: string
  readonly created_at: number
  readonly active_at: number
  readonly retired_at: number | null
}

const COLUMNS = 'realm_id, kid, algorithm, public_jwk, private_key, created_at, active_at, retired_at'
const LIST = `SELECT ${COLUMNS} FROM signing_keys WHERE realm_id = ? ORDER BY created_at, kid`

const NONE_YET = 'NOT EXISTS (SELECT 1 FROM signing_keys k WHERE k.realm_id = ? AND k.algorithm = ? AND k.retired_at IS NULL)'
const RAISE_IF_FIRST = `UPDATE counters SET value = value + 1 WHERE name = 'revision' AND ${NONE_YET}`
// The casts tell PostgreSQL what the placeholders of a SELECT list are.
const INSERT_IF_FIRST = `INSERT INTO signing_keys (${COLUMNS})
  SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
    CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT)
  WHERE ${NONE_YET}`

/** Both statements ask: the first waits for the row lock, the second sees what the one that held it has committed. */
function* insertFirst(key: SigningKey): Unit<boolean> {
  const raised = yield statement(RAISE_IF_FIRST, key.realmId, key.algorithm)
  if (raised === 0) return false
  return (yield statement(INSERT_IF_FIRST, ...values(key), key.realmId, key.algorithm)) === 1
}

const values = (key: SigningKey): SqlValue[] => [
  key.realmId,
  key.kid,
  key.algorithm,
  JSON.stringify(key.publicJwk),
  key.privateKey,
  key.createdAt,
  key.activeAt,
  key.retiredAt,
]

const toSigningKey = (row: SigningKeyRow): SigningKey => ({
  kid: row.kid,
  realmId: row.realm_id,
  // Written from a SigningKey by this file only.
  algorithm: row.algorithm as SigningKey['algorithm'],
  publicJwk: JSON.parse(row.public_jwk) as SigningKey['publicJwk'],
  privateKey: row.private_key,
  createdAt: row.created_at,
  activeAt: row.active_at,
  retiredAt: row.retired_at,
})
