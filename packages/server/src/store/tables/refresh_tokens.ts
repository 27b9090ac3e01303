// Refresh tokens and their families as rows: rotation with reuse detection (RFC 9700 section 4.14.2), decided by row counts alone.
// A family and its first token are stored, and a token rotated, by the units here in the transaction of what goes with them (issuing.ts).
import type { AuditEntry } from '../../model/audit.ts'
import type { RefreshRecord } from '../../model/issuing.ts'
import type { FoundRefreshToken, RefreshTokenStore } from '../../model/store.ts'
import type { RefreshToken } from '../../model/token.ts'
import type { Sql, Statement, Unit } from '../sql.ts'
import { ask, first, query, statement } from '../sql.ts'
import { recordRevocation } from './access_tokens.ts'
import { appendAudit } from './audit.ts'

export const refreshTokenTable = (sql: Sql): RefreshTokenStore => ({
  find: (realmId, hash) => sql.read(query(statement(FIND, realmId, hash), first(toFound))),
  revokeFamily: (realmId, familyId, now, accessTokensEnd, audit) =>
    sql.write(() => revokeFamily(realmId, familyId, now, accessTokensEnd, audit)),
})

/** Stores a new family with its first token. If its credential was cut while the request was under way, it is revoked from the start. */
export function* startFamily({ family, token }: Extract<RefreshRecord, { kind: 'start' }>): Unit<void> {
  const { realmId, id, clientId, subject, scope, audience, dialect, credential, binding, createdAt } = family
  const [scopes, audiences] = [JSON.stringify(scope), JSON.stringify(audience)]
  const values = [realmId, id, clientId, subject, scopes, audiences, dialect, credential, binding, createdAt, token.expiresAt]
  yield statement(INSERT_FAMILY, ...values, createdAt, realmId, credential)
  yield insertToken(realmId, token)
}

/**
 * `rotated`: the token was live, is used up now, and its successor is stored.
 * `replayed`: it had been used before; the family is revoked, and the Revocation of its access tokens is left to the end of the unit.
 * `gone`: unknown, expired or its family revoked; nothing was stored. So it is with an expired one that was used: a sweep that has or has
 * not come by makes no difference.
 */
export type Rotation = 'rotated' | 'replayed' | 'gone'

/** One conditional UPDATE decides. */
export function* rotateToken({ family, used, successor }: Rotate, now: number): Unit<Rotation> {
  const { realmId } = family
  const { familyId, expiresAt } = successor
  if ((yield statement(USE_TOKEN, now, realmId, used, familyId, now)) === 1) {
    yield insertToken(realmId, successor)
    yield statement(PROLONG_FAMILY, expiresAt, realmId, familyId, expiresAt)
    return 'rotated'
  }
  return (yield statement(REVOKE_REPLAYED, now, realmId, familyId, used, now)) === 0 ? 'gone' : 'replayed'
}

/** Revokes the live families that a credential of the client began; their ids. Their access tokens are the caller's to revoke. */
export const revokeFamiliesOf = (realmId: string, clientId: string, credential: string, now: number): Unit<readonly string[]> =>
  ask(query(statement(REVOKE_FAMILIES, now, realmId, clientId, credential), (rows: readonly { id: string }[]) => rows.map((row) => row.id)))

/** Each removes at most `limit` rows; to be repeated while it does. Tokens first: a family goes once it has none left. */
export const sweepRefreshTokens = (now: number, limit: number): Statement[] => [
  statement(SWEEP_TOKENS, now, limit),
  statement(SWEEP_FAMILIES, now, limit),
]

type Rotate = Extract<RefreshRecord, { kind: 'rotate' }>

interface FoundRow {
  readonly realm_id: string
  readonly hash: string
  readonly family_id: string
  readonly created_at: number
  readonly expires_at: number
  readonly used_at: number | null
  readonly client_id: string
  readonly subject: string
  readonly scope: string
  readonly audience: string
  readonly dialect: string
  readonly credential: string | null
  readonly binding: string | null
  readonly family_created_at: number
  readonly revoked_at: number | null
}

const FIND = `SELECT t.realm_id, t.hash, t.family_id, t.created_at, t.expires_at, t.used_at,
    f.client_id, f.subject, f.scope, f.audience, f.dialect, f.credential, f.binding, f.created_at AS family_created_at, f.revoked_at
  FROM refresh_tokens t JOIN refresh_families f ON f.realm_id = t.realm_id AND f.id = t.family_id
  WHERE t.realm_id = ? AND t.hash = ?`

// The cast tells PostgreSQL what the placeholder of a SELECT list is.
const INSERT_FAMILY = `INSERT INTO refresh_families
    (realm_id, id, client_id, subject, scope, audience, dialect, credential, binding, created_at, expires_at, revoked_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    (SELECT CAST(? AS BIGINT) FROM revocations WHERE realm_id = ? AND kind = 'credential' AND value = ?))`

const INSERT_TOKEN = 'INSERT INTO refresh_tokens (realm_id, hash, family_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)'

const USE_TOKEN = `UPDATE refresh_tokens SET used_at = ?
  WHERE realm_id = ? AND hash = ? AND family_id = ? AND used_at IS NULL AND expires_at > ?
    AND EXISTS (SELECT 1 FROM refresh_families f
      WHERE f.realm_id = refresh_tokens.realm_id AND f.id = refresh_tokens.family_id AND f.revoked_at IS NULL)`

const REVOKE_REPLAYED = `UPDATE refresh_families SET revoked_at = ?
  WHERE realm_id = ? AND id = ? AND revoked_at IS NULL
    AND EXISTS (SELECT 1 FROM refresh_tokens t
      WHERE t.realm_id = refresh_families.realm_id AND t.family_id = refresh_families.id AND t.hash = ?
        AND t.used_at IS NOT NULL AND t.expires_at > ?)`

const REVOKE_FAMILY = 'UPDATE refresh_families SET revoked_at = ? WHERE realm_id = ? AND id = ? AND revoked_at IS NULL'

const REVOKE_FAMILIES = `UPDATE refresh_families SET revoked_at = ?
  WHERE realm_id = ? AND client_id = ? AND credential = ? AND revoked_at IS NULL RETURNING id`

const PROLONG_FAMILY = 'UPDATE refresh_families SET expires_at = ? WHERE realm_id = ? AND id = ? AND expires_at < ?'

const SWEEP_TOKENS = `DELETE FROM refresh_tokens WHERE (realm_id, hash) IN
  (SELECT realm_id, hash FROM refresh_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

const SWEEP_FAMILIES = `DELETE FROM refresh_families WHERE (realm_id, id) IN
  (SELECT f.realm_id, f.id FROM refresh_families f
    WHERE f.expires_at < ? AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.realm_id = f.realm_id AND t.family_id = f.id)
    ORDER BY f.expires_at LIMIT ?)`

function* revokeFamily(realmId: string, familyId: string, now: number, end: number, audit: AuditEntry): Unit<boolean> {
  if ((yield statement(REVOKE_FAMILY, now, realmId, familyId)) === 0) return false
  yield* recordRevocation({ realmId, kind: 'family', value: familyId, expiresAt: end })
  yield* appendAudit([audit])
  return true
}

const insertToken = (realmId: string, token: RefreshToken): Statement =>
  statement(INSERT_TOKEN, realmId, token.hash, token.familyId, token.createdAt, token.expiresAt)

const toFound = (row: FoundRow): FoundRefreshToken => ({
  token: { hash: row.hash, familyId: row.family_id, createdAt: row.created_at, expiresAt: row.expires_at },
  family: {
    id: row.family_id,
    realmId: row.realm_id,
    clientId: row.client_id,
    subject: row.subject,
    scope: JSON.parse(row.scope) as string[],
    audience: JSON.parse(row.audience) as string[],
    dialect: row.dialect,
    credential: row.credential,
    binding: row.binding,
    createdAt: row.family_created_at,
  },
  usedAt: row.used_at,
  revokedAt: row.revoked_at,
})
