// The slots that access tokens are served again from: one a meaning, filled by one conditional upsert, emptied with what revokes its token.
import type { ReusableToken } from '../../model/token.ts'
import type { Query, Statement, Unit } from '../sql.ts'
import { first, query, statement } from '../sql.ts'

/** One row if the slot is this token's now; none while another token in it is reusable. */
export const fillSlot = (token: ReusableToken, now: number): Statement => {
  const { realmId, meaning, clientId, credential, jti, claims, expiresAt, reusableUntil } = token
  return statement(FILL, realmId, meaning, clientId, credential, jti, JSON.stringify(claims), expiresAt, reusableUntil, now)
}

/** The token in the slot, if it is reusable at `now` and not revoked. */
export const tokenInSlot = (realmId: string, meaning: string, now: number): Query<ReusableToken | undefined> =>
  query(statement(FIND, realmId, meaning, now), first(toToken))

/** Empties the slot that this token is in. */
export const emptySlotOf = (realmId: string, jti: string): Statement =>
  statement('DELETE FROM reusable_tokens WHERE realm_id = ? AND jti = ?', realmId, jti)

/** Empties the slots of all that a credential minted. */
export function* emptySlotsOf(realmId: string, credential: string): Unit<void> {
  yield statement('DELETE FROM reusable_tokens WHERE realm_id = ? AND credential = ?', realmId, credential)
}

/** Empties all of a client's slots. */
export const emptySlotsOfClient = (realmId: string, clientId: string): Statement =>
  statement('DELETE FROM reusable_tokens WHERE realm_id = ? AND client_id = ?', realmId, clientId)

/** Removes at most `limit` rows; to be repeated while it does. */
export const sweepSlots = (now: number, limit: number): Statement => statement(SWEEP, now, limit, now)

const COLUMNS = 'realm_id, meaning, client_id, credential, jti, claims, expires_at, reusable_until'

// A token that was under way while its credential was cut may get in here after the cut: so whoever looks asks for revocations too.
const REVOKED = ['jti', 'credential']
  .map(
    (kind) => `EXISTS (SELECT 1 FROM revocations r
    WHERE r.realm_id = reusable_tokens.realm_id AND r.kind = '${kind}' AND r.value = reusable_tokens.${kind})`,
  )
  .join(' OR ')

const FILL = `INSERT INTO reusable_tokens (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, meaning) DO UPDATE SET client_id = excluded.client_id, credential = excluded.credential, jti = excluded.jti,
    claims = excluded.claims, expires_at = excluded.expires_at, reusable_until = excluded.reusable_until
    WHERE reusable_tokens.reusable_until <= ? OR ${REVOKED}`

const FIND = `SELECT ${COLUMNS} FROM reusable_tokens WHERE realm_id = ? AND meaning = ? AND reusable_until > ? AND NOT (${REVOKED})`

// The time is asked twice: a slot that was filled anew between the two halves stays.
const SWEEP = `DELETE FROM reusable_tokens WHERE (realm_id, meaning) IN
  (SELECT realm_id, meaning FROM reusable_tokens WHERE expires_at < ? ORDER BY expires_at LIMIT ?) AND expires_at < ?`

const toToken = (row: {
  realm_id: string
  meaning: string
  client_id: string
  credential: string | null
  jti: string
  claims: string
  expires_at: number
  reusable_until: number
}): ReusableToken => ({
  realmId: row.realm_id,
  meaning: row.meaning,
  clientId: row.client_id,
  credential: row.credential,
  jti: row.jti,
  claims: JSON.parse(row.claims) as ReusableToken['claims'],
  expiresAt: row.expires_at,
  reusableUntil: row.reusable_until,
})
