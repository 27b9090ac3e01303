// Opaque access tokens, and the revocations of access tokens of every format, as rows.
import type { AccessTokenStore } from '../../model/store.ts'
import type { NumberedRevocation, OpaqueToken, Revocation } from '../../model/token.ts'
import type { Sql, Statement, Unit } from '../sql.ts'
import { each, first, query, statement } from '../sql.ts'
import { raiseRevocation } from './counters.ts'

export const accessTokenTable = (sql: Sql): AccessTokenStore => ({
  insertOpaque: (token) =>
    sql.write(function* () {
      yield statement(INSERT_OPAQUE, token.realmId, token.hash, JSON.stringify(token.claims), token.expiresAt)
    }),
  findOpaque: (realmId, hash) => sql.read(query(statement(FIND_OPAQUE, realmId, hash), first(toOpaqueToken))),
  revoke: (revocation) => sql.write(() => recordRevocation(revocation)),
  revocationsAfter: (sequence, limit) => sql.read(query(statement(REVOCATIONS_AFTER, sequence, limit), each(toRevocation))),
})

/** Revoking again changes nothing, unless it has to be remembered for longer: then it gets a new number, so that readers hear of it. */
export function* recordRevocation(revocation: Revocation): Unit<void> {
  yield raiseRevocation
  yield statement(RECORD, revocation.realmId, revocation.kind, revocation.value, revocation.expiresAt)
}

/** Each removes at most `limit` rows; to be repeated while it does. */
export const sweepAccessTokens = (now: number, limit: number): Statement[] => [
  statement(SWEEP_OPAQUE, now, limit),
  statement(SWEEP_REVOCATIONS, now, limit),
]

const INSERT_OPAQUE = 'INSERT INTO opaque_tokens (realm_id, hash, claims, expires_at) VALUES (?, ?, ?, ?)'

const FIND_OPAQUE = 'SELECT realm_id, hash, claims, expires_at FROM opaque_tokens WHERE realm_id = ? AND hash = ?'

const RECORD = `INSERT INTO revocations (realm_id, kind, value, expires_at, sequence)
  VALUES (?, ?, ?, ?, (SELECT value FROM counters WHERE name = 'revocation'))
  ON CONFLICT (realm_id, kind, value) DO UPDATE SET expires_at = excluded.expires_at, sequence = excluded.sequence
    WHERE revocations.expires_at < excluded.expires_at`

const REVOCATIONS_AFTER = 'SELECT realm_id, kind, value, expires_at, sequence FROM revocations WHERE sequence > ? ORDER BY sequence LIMIT ?'

const SWEEP_OPAQUE = `DELETE FROM opaque_tokens WHERE (realm_id, hash) IN
  (SELECT realm_id, hash FROM opaque_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

const SWEEP_REVOCATIONS = `DELETE FROM revocations WHERE (realm_id, kind, value) IN
  (SELECT realm_id, kind, value FROM revocations WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

const toOpaqueToken = (row: { realm_id: string; hash: string; claims: string; expires_at: number }): OpaqueToken => ({
  hash: row.hash,
  realmId: row.realm_id,
  claims: JSON.parse(row.claims) as OpaqueToken['claims'],
  expiresAt: row.expires_at,
})

const toRevocation = (row: {
  realm_id: string
  kind: NumberedRevocation['kind']
  value: string
  expires_at: number
  sequence: number
}): NumberedRevocation => ({
  realmId: row.realm_id,
  kind: row.kind,
  value: row.value,
  expiresAt: row.expires_at,
  sequence: row.sequence,
})
