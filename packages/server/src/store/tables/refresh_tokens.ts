// Refresh tokens and their families as rows: rotation with reuse detection (RFC 9700 section 4.14.2), decided by row counts alone.
import type { FoundRefreshToken, RefreshTokenStore, Rotation } from '../../model/store.ts'
import type { RefreshFamily, RefreshToken } from '../../model/token.ts'
import type { Sql, Statement, Unit } from '../sql.ts'
import { first, query, statement } from '../sql.ts'
import { recordRevocation } from './access_tokens.ts'

export const refreshTokenTable = (sql: Sql): RefreshTokenStore => ({
  start: (family, token) => sql.write(() => start(family, token)),
  find: (realmId, hash) => sql.read(query(statement(FIND, realmId, hash), first(toFound))),
  rotate: (realmId, hash, successor, now, accessTokensEnd) => sql.write(() => rotate(realmId, hash, successor, now, accessTokensEnd)),
  revokeFamily: (realmId, familyId, now, accessTokensEnd) => sql.write(() => revokeFamily(realmId, familyId, now, accessTokensEnd)),
})

/** Each removes at most `limit` rows; to be repeated while it does. Tokens first: a family goes once it has none left. */
export const sweepRefreshTokens = (now: number, limit: number): Statement[] => [
  statement(SWEEP_TOKENS, now, limit),
  statement(SWEEP_FAMILIES, now, limit),
]

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
  readonly family_created_at: number
  readonly revoked_at: number | null
}

const FIND = `SELECT t.realm_id, t.hash, t.family_id, t.created_at, t.expires_at, t.used_at,
    f.client_id, f.subject, f.scope, f.audience, f.dialect, f.created_at AS family_created_at, f.revoked_at
  FROM refresh_tokens t JOIN refresh_families f ON f.realm_id = t.realm_id AND f.id = t.family_id
  WHERE t.realm_id = ? AND t.hash = ?`

const INSERT_FAMILY = `INSERT INTO refresh_families (realm_id, id, client_id, subject, scope, audience, dialect, created_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

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

const PROLONG_FAMILY = 'UPDATE refresh_families SET expires_at = ? WHERE realm_id = ? AND id = ? AND expires_at < ?'

const SWEEP_TOKENS = `DELETE FROM refresh_tokens WHERE (realm_id, hash) IN
  (SELECT realm_id, hash FROM refresh_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

const SWEEP_FAMILIES = `DELETE FROM refresh_families WHERE (realm_id, id) IN
  (SELECT f.realm_id, f.id FROM refresh_families f
    WHERE f.expires_at < ? AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.realm_id = f.realm_id AND t.family_id = f.id)
    ORDER BY f.expires_at LIMIT ?)`

function* start(family: RefreshFamily, token: RefreshToken): Unit<void> {
  yield statement(
    INSERT_FAMILY,
    family.realmId,
    family.id,
    family.clientId,
    family.subject,
    JSON.stringify(family.scope),
    JSON.stringify(family.audience),
    family.dialect,
    family.createdAt,
    token.expiresAt,
  )
  yield insertToken(family.realmId, token)
}

/** An expired token is `gone` whether it was used or not: a sweep that has or has not come by makes no difference. */
function* rotate(realmId: string, hash: string, successor: RefreshToken, now: number, accessTokensEnd: number): Unit<Rotation> {
  const { familyId, expiresAt } = successor
  if ((yield statement(USE_TOKEN, now, realmId, hash, familyId, now)) === 1) {
    yield insertToken(realmId, successor)
    yield statement(PROLONG_FAMILY, expiresAt, realmId, familyId, expiresAt)
    return 'rotated'
  }
  if ((yield statement(REVOKE_REPLAYED, now, realmId, familyId, hash, now)) === 0) return 'gone'
  yield* recordRevocation({ realmId, kind: 'family', value: familyId, expiresAt: accessTokensEnd })
  return 'replayed'
}

function* revokeFamily(realmId: string, familyId: string, now: number, accessTokensEnd: number): Unit<boolean> {
  if ((yield statement(REVOKE_FAMILY, now, realmId, familyId)) === 0) return false
  yield* recordRevocation({ realmId, kind: 'family', value: familyId, expiresAt: accessTokensEnd })
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
    createdAt: row.family_created_at,
  },
  usedAt: row.used_at,
  revokedAt: row.revoked_at,
})
