// Opaque access tokens, and the revocations of access tokens of every format, as rows.
import type { AuditEntry } from '../../model/audit.ts'
import type { AccessTokenStore } from '../../model/store.ts'
import type { NumberedRevocation, OpaqueToken, Revocation } from '../../model/token.ts'
import { insertRows } from '../rows.ts'
import type { Sql, Statement, Unit } from '../sql.ts'
import { each, first, query, statement } from '../sql.ts'
import { appendAudit } from './audit.ts'
import { raiseRevisionAlone, raiseRevocation, raiseRevocations } from './counters.ts'
import { emptySlotOf, emptySlotsOf, emptySlotsOfClient } from './reusable_tokens.ts'

export const accessTokenTable = (sql: Sql): AccessTokenStore => ({
  findOpaque: (realmId, hash) => sql.read(query(statement(FIND_OPAQUE, realmId, hash), first(toOpaqueToken))),
  revoke: (revocation, audit) => sql.write(() => revoke(revocation, audit)),
  revocationsAfter: (sequence, limit) => sql.read(query(statement(REVOCATIONS_AFTER, sequence, limit), each(toRevocation))),
})

export const insertOpaqueTokens = (tokens: readonly OpaqueToken[]): Unit<void> =>
  INSERT_OPAQUE(tokens.map((token) => [token.realmId, token.hash, JSON.stringify(token.claims), token.expiresAt]))

/**
 * True the first time. Revoking again changes nothing, unless it has to be remembered for longer: then it gets a new number, so that
 * readers hear of it.
 */
export function* recordRevocation({ realmId, kind, value, expiresAt }: Revocation): Unit<boolean> {
  yield raiseRevocation
  if ((yield statement(RECORD, realmId, kind, value, expiresAt)) === 1) return true
  yield statement(PROLONG, expiresAt, realmId, kind, value, expiresAt)
  return false
}

/** Ends what a client was issued: each is a new one, with a number of its own, and remembered as long as any before it. */
export function* recordCut({ realmId, kind, value, expiresAt }: Revocation): Unit<void> {
  yield raiseRevocation
  if ((yield statement(RECORD, realmId, kind, value, expiresAt)) === 1) return
  yield statement(RENUMBER, expiresAt, expiresAt, realmId, kind, value)
}

/** The same for every client there is, each with a number of its own. @param expiresAt epoch seconds. @returns how many */
export function* cutAllClients(expiresAt: number): Unit<number> {
  const cut = yield statement(CUT_ALL, expiresAt)
  yield raiseRevocations(cut)
  return cut
}

/** Each removes at most `limit` rows; to be repeated while it does. */
export const sweepAccessTokens = (now: number, limit: number): Statement[] => [
  statement(SWEEP_OPAQUE, now, limit),
  statement(SWEEP_REVOCATIONS, now, limit, now),
]

const INSERT_OPAQUE = insertRows('INSERT INTO opaque_tokens (realm_id, hash, claims, expires_at)', 4)

const FIND_OPAQUE = 'SELECT realm_id, hash, claims, expires_at FROM opaque_tokens WHERE realm_id = ? AND hash = ?'

const NUMBER = "(SELECT value FROM counters WHERE name = 'revocation')"

const RECORD = `INSERT INTO revocations (realm_id, kind, value, expires_at, sequence) VALUES (?, ?, ?, ?, ${NUMBER})
  ON CONFLICT (realm_id, kind, value) DO NOTHING`

const PROLONG = `UPDATE revocations SET expires_at = ?, sequence = ${NUMBER}
  WHERE realm_id = ? AND kind = ? AND value = ? AND expires_at < ?`

const RENUMBER = `UPDATE revocations SET expires_at = CASE WHEN expires_at < ? THEN ? ELSE expires_at END, sequence = ${NUMBER}
  WHERE realm_id = ? AND kind = ? AND value = ?`

// WHERE keeps SQLite from reading ON as the condition of a join.
const CUT_ALL = `INSERT INTO revocations (realm_id, kind, value, expires_at, sequence)
  SELECT realm_id, 'client', client_id, CAST(? AS BIGINT), ${NUMBER} + ROW_NUMBER() OVER (ORDER BY realm_id, client_id) FROM clients WHERE TRUE
  ON CONFLICT (realm_id, kind, value) DO UPDATE SET sequence = excluded.sequence,
    expires_at = CASE WHEN revocations.expires_at < excluded.expires_at THEN excluded.expires_at ELSE revocations.expires_at END`

const REVOCATIONS_AFTER = 'SELECT realm_id, kind, value, expires_at, sequence FROM revocations WHERE sequence > ? ORDER BY sequence LIMIT ?'

const SWEEP_OPAQUE = `DELETE FROM opaque_tokens WHERE (realm_id, hash) IN
  (SELECT realm_id, hash FROM opaque_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?)`

// The time is asked twice: one that was prolonged between the two halves stays.
const SWEEP_REVOCATIONS = `DELETE FROM revocations WHERE (realm_id, kind, value) IN
  (SELECT realm_id, kind, value FROM revocations WHERE expires_at < ? ORDER BY expires_at LIMIT ?) AND expires_at < ?`

function* revoke(revocation: Revocation, audit: AuditEntry): Unit<void> {
  const { realmId, kind, value } = revocation
  if (kind === 'client') return yield* cutClient(revocation, audit)
  if (kind === 'jti') yield emptySlotOf(realmId, value)
  if (kind === 'credential') yield* emptySlotsOf(realmId, value)
  if (yield* recordRevocation(revocation)) yield* appendAudit([audit])
}

/** Whoever knows the client must hear of its new generation. */
function* cutClient(revocation: Revocation, audit: AuditEntry): Unit<void> {
  yield raiseRevisionAlone
  yield emptySlotsOfClient(revocation.realmId, revocation.value)
  yield* recordCut(revocation)
  yield* appendAudit([audit])
}

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
