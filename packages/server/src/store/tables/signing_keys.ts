// Signing keys as rows. The private half is stored as it comes: sealing it is not done here.
import type { Act } from '../../model/audit.ts'
import type { SigningKey } from '../../model/signing_key.ts'
import type { SigningKeyStore } from '../../model/store.ts'
import type { Sql, SqlValue, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { acted } from './change.ts'
import { raiseRevision } from './counters.ts'

export const signingKeyTable = (sql: Sql): SigningKeyStore => ({
  list: (realmId) => sql.read(query(statement(LIST, realmId), each(toSigningKey))),
  marks: () => sql.read(query(statement(MARKS), marksOf)),
  insertFirst: (key, act) => sql.write(() => insertIf(NONE_YET, [key.realmId, key.algorithm], key, act)),
  insertNext: (key, predecessor, act) => sql.write(() => insertIf(STILL_NEWEST, [predecessor, key.realmId, key.algorithm], key, act)),
  retire: (realmId, kid, retiredAt, act) => sql.write(() => retire(realmId, kid, retiredAt, act)),
  remove: (realmId, kid, act) => sql.write(() => remove(realmId, kid, act)),
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
const LIST = `SELECT ${COLUMNS} FROM signing_keys WHERE realm_id = ? ORDER BY ordinal, created_at, kid`

/** Nothing else of a key changes while it is there. */
const MARKS = 'SELECT realm_id, kid, retired_at FROM signing_keys ORDER BY realm_id, kid'

const NONE_YET = 'NOT EXISTS (SELECT 1 FROM signing_keys k WHERE k.realm_id = ? AND k.algorithm = ? AND k.retired_at IS NULL)'
const STILL_NEWEST = `? = (SELECT k.kid FROM signing_keys k WHERE k.realm_id = ? AND k.algorithm = ?
    ORDER BY k.ordinal DESC, k.created_at DESC, k.kid DESC LIMIT 1)`

/** Both statements ask: the first waits for the row lock, the second sees what the one that held it has committed. */
function* insertIf(condition: string, asked: readonly SqlValue[], key: SigningKey, act: Act): Unit<boolean> {
  const raised = yield statement(`UPDATE counters SET value = value + 1 WHERE name = 'revision' AND ${condition}`, ...asked)
  if (raised === 0 || (yield statement(insertText(condition), ...values(key), key.realmId, ...asked)) === 0) return false
  const { kid, algorithm, activeAt } = key
  yield* appendAudit([acted(act, key.realmId, '', 'key.added', { kid, algorithm, activeAt })])
  return true
}

// The casts tell PostgreSQL what the placeholders of a SELECT list are.
const insertText = (condition: string): string => `INSERT INTO signing_keys (${COLUMNS}, ordinal)
  SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
    CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT),
    (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM signing_keys WHERE realm_id = ?)
  WHERE ${condition}`

function* retire(realmId: string, kid: string, retiredAt: number, act: Act): Unit<boolean> {
  yield raiseRevision
  const text = 'UPDATE signing_keys SET retired_at = ? WHERE realm_id = ? AND kid = ? AND retired_at IS NULL'
  if ((yield statement(text, retiredAt, realmId, kid)) === 0) return false
  yield* appendAudit([acted(act, realmId, '', 'key.retired', { kid, retiredAt })])
  return true
}

function* remove(realmId: string, kid: string, act: Act): Unit<void> {
  yield raiseRevision
  if ((yield statement('DELETE FROM signing_keys WHERE realm_id = ? AND kid = ?', realmId, kid)) === 0) return
  yield* appendAudit([acted(act, realmId, '', 'key.removed', { kid })])
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

const marksOf = (rows: readonly Pick<SigningKeyRow, 'realm_id' | 'kid' | 'retired_at'>[]): ReadonlyMap<string, string> => {
  const marks = new Map<string, string>()
  for (const { realm_id, kid, retired_at } of rows) marks.set(realm_id, `${marks.get(realm_id) ?? ''}${kid} ${retired_at ?? ''} `)
  return marks
}

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
