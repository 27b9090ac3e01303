// The secrets of clients as rows, and what is known of their use. All changes of secrets wait for the revision's row first, so that each
// sees what the one before it has done.
import type { Act } from '../../model/audit.ts'
import type { ClientSecret, Origin } from '../../model/client.ts'
import type { SecretUse } from '../../model/secret_use.ts'
import type { SecretStore } from '../../model/store.ts'
import type { Query, Sql, Statement, Unit } from '../sql.ts'
import { ask, each, query, statement } from '../sql.ts'
import { recordRevocation } from './access_tokens.ts'
import { appendAudit } from './audit.ts'
import { acted } from './change.ts'
import { raiseRevision, raiseRevisionAlone } from './counters.ts'
import { revokeFamiliesOf } from './refresh_tokens.ts'
import { emptySlotsOf } from './reusable_tokens.ts'

export const secretTable = (sql: Sql): SecretStore => ({
  add: (realmId, clientId, secret, act) => sql.write(() => add(realmId, clientId, secret, act)),
  rotate: (realmId, clientId, secret, othersEndAt, act) => sql.write(() => rotate(realmId, clientId, secret, othersEndAt, act)),
  end: (realmId, clientId, secretId, expiresAt, act) => sql.write(() => end(realmId, clientId, secretId, expiresAt, act)),
  cut: (realmId, clientId, secretId, accessTokensEnd, act) => sql.write(() => cut(realmId, clientId, secretId, accessTokensEnd, act)),
  noteUse: (uses) => sql.write(() => noteUse(uses)),
  uses: (realmId, clientId) => sql.read(query(statement(USES, realmId, clientId), each(toUse))),
})

export interface SecretRow {
  readonly id: string
  readonly hash: string
  readonly created_at: number
  readonly expires_at: number | null
  readonly origin: string
  readonly sealed: string | null
}

export const SECRET_COLUMNS = 's.id, s.hash, s.created_at, s.expires_at, s.origin, s.sealed'

export const toSecret = (row: SecretRow): ClientSecret => ({
  id: row.id,
  hash: row.hash,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  // Written from a ClientSecret by this file only.
  origin: row.origin as Origin,
  sealed: row.sealed,
})

/** Replaces the client's list: those it does not name go, with their uses. */
export function* putSecrets(realmId: string, clientId: string, secrets: readonly ClientSecret[]): Unit<void> {
  yield statement(MARK, realmId, clientId)
  for (const [ordinal, { id, hash, createdAt, expiresAt, origin, sealed }] of secrets.entries()) {
    yield statement(PUT, realmId, clientId, id, ordinal, hash, createdAt, expiresAt, origin, sealed)
  }
  yield statement(DROP_MARKED, realmId, clientId)
}

/** Seconds that a secret made by a command is kept after its end, so that it can still be told what became of it. */
const KEPT = 30 * 86_400

/** Removes at most `limit` rows; to be repeated while it does. What the configuration gave it takes away itself. */
export function* sweepSecrets(now: number, limit: number): Unit<number> {
  if ((yield statement(RAISE_IF_OVER, now - KEPT)) === 0) return 0
  return yield statement(SWEEP, now - KEPT, limit)
}

const COLUMNS = 'realm_id, client_id, id, ordinal, hash, created_at, expires_at, origin, sealed'
const ONE = 'realm_id = ? AND client_id = ? AND id = ?'

const MARK = 'UPDATE client_secrets SET ordinal = -1 WHERE realm_id = ? AND client_id = ?'

const PUT = `INSERT INTO client_secrets (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (realm_id, client_id, id) DO UPDATE SET ordinal = excluded.ordinal, hash = excluded.hash,
    created_at = excluded.created_at, expires_at = excluded.expires_at, origin = excluded.origin, sealed = excluded.sealed`

const DROP_MARKED = 'DELETE FROM client_secrets WHERE realm_id = ? AND client_id = ? AND ordinal < 0'

// The casts tell PostgreSQL what the placeholders of a SELECT list are.
const ADD = `INSERT INTO client_secrets (${COLUMNS})
  SELECT c.realm_id, c.client_id, CAST(? AS TEXT),
    (SELECT COALESCE(MAX(s.ordinal), -1) + 1 FROM client_secrets s WHERE s.realm_id = c.realm_id AND s.client_id = c.client_id),
    CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT)
  FROM clients c WHERE c.realm_id = ? AND c.client_id = ?
  ON CONFLICT (realm_id, client_id, id) DO NOTHING`

const END = `UPDATE client_secrets SET expires_at = ? WHERE ${ONE} AND (expires_at IS NULL OR expires_at > ?)`

const END_OTHERS = `UPDATE client_secrets SET expires_at = ?
  WHERE realm_id = ? AND client_id = ? AND id <> ? AND (expires_at IS NULL OR expires_at > ?) RETURNING id`

const CUT_BEFORE = `SELECT
    (SELECT COUNT(*) FROM revocations r WHERE r.realm_id = s.realm_id AND r.kind = 'credential' AND r.value = s.id) AS cut
  FROM client_secrets s WHERE s.realm_id = ? AND s.client_id = ? AND s.id = ?`

const NOTE = `INSERT INTO client_secret_uses (realm_id, client_id, secret_id, last_used_at, uses, address)
  SELECT realm_id, client_id, id, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS TEXT) FROM client_secrets WHERE ${ONE}
  ON CONFLICT (realm_id, client_id, secret_id) DO UPDATE SET
    uses = client_secret_uses.uses + excluded.uses,
    address = CASE WHEN excluded.last_used_at >= client_secret_uses.last_used_at THEN excluded.address ELSE client_secret_uses.address END,
    last_used_at = CASE WHEN excluded.last_used_at >= client_secret_uses.last_used_at
      THEN excluded.last_used_at ELSE client_secret_uses.last_used_at END`

const USES = `SELECT realm_id, client_id, secret_id, last_used_at, uses, address FROM client_secret_uses
  WHERE realm_id = ? AND client_id = ? ORDER BY secret_id`

const OVER = "origin = 'command' AND expires_at < ?"
const RAISE_IF_OVER = `UPDATE counters SET value = value + 1
  WHERE name = 'revision' AND EXISTS (SELECT 1 FROM client_secrets WHERE ${OVER})`
const SWEEP = `DELETE FROM client_secrets WHERE (realm_id, client_id, id) IN
  (SELECT realm_id, client_id, id FROM client_secrets WHERE ${OVER} ORDER BY expires_at LIMIT ?)`

function* add(realmId: string, clientId: string, secret: ClientSecret, act: Act): Unit<boolean> {
  yield raiseRevision
  if ((yield insert(realmId, clientId, secret)) === 0) return false
  yield* appendAudit([acted(act, realmId, clientId, 'secret.added', { secret: secret.id, expiresAt: secret.expiresAt })])
  return true
}

function* rotate(realmId: string, clientId: string, secret: ClientSecret, othersEndAt: number, act: Act): Unit<boolean> {
  const { id, expiresAt } = secret
  yield raiseRevision
  if ((yield insert(realmId, clientId, secret)) === 0) return false
  const others = statement(END_OTHERS, othersEndAt, realmId, clientId, id, othersEndAt)
  const ending = yield* ask(query(others, (rows: readonly { id: string }[]) => rows.map((row) => row.id)))
  const detail = { secret: id, expiresAt, ending: ending.toSorted(byCodeUnits), endingAt: othersEndAt }
  yield* appendAudit([acted(act, realmId, clientId, 'secret.added', detail)])
  return true
}

function* end(realmId: string, clientId: string, secretId: string, expiresAt: number, act: Act): Unit<boolean> {
  yield raiseRevision
  if ((yield statement(END, expiresAt, realmId, clientId, secretId, expiresAt)) === 0) return false
  yield* appendAudit([acted(act, realmId, clientId, 'secret.ending', { secret: secretId, expiresAt })])
  return true
}

/** One that ended by itself can still be cut, since what it minted may live; one that was cut before cannot. */
function* cut(realmId: string, clientId: string, secretId: string, accessTokensEnd: number, act: Act): Unit<boolean> {
  yield raiseRevisionAlone
  const before = yield* ask(cutBefore(realmId, clientId, secretId))
  if (before === undefined) return false
  const ended = yield statement(END, act.at, realmId, clientId, secretId, act.at)
  if (ended === 0 && before) return false
  yield* emptySlotsOf(realmId, secretId)
  const families = yield* revokeFamiliesOf(realmId, clientId, secretId, act.at)
  yield* recordRevocation({ realmId, kind: 'credential', value: secretId, expiresAt: accessTokensEnd })
  // Their access tokens may have been minted by another secret, at a refresh.
  for (const family of families) yield* recordRevocation({ realmId, kind: 'family', value: family, expiresAt: accessTokensEnd })
  yield* appendAudit([acted(act, realmId, clientId, 'secret.cut', { secret: secretId, families: families.length })])
  return true
}

function* noteUse(uses: readonly SecretUse[]): Unit<void> {
  for (const { realmId, clientId, secretId, lastUsedAt, count, address } of inOrder(uses)) {
    yield statement(NOTE, lastUsedAt, count, address, realmId, clientId, secretId)
  }
}

/** The same for all who note uses, so that none waits for another that waits for it. */
const inOrder = (uses: readonly SecretUse[]): readonly SecretUse[] =>
  uses.toSorted((a, b) => byCodeUnits(a.realmId, b.realmId) || byCodeUnits(a.clientId, b.clientId) || byCodeUnits(a.secretId, b.secretId))

/**
 * Until the end of the unit none of these is cut: what a token leaves behind is then either seen by the cut, or knows of it. They come
 * first in their unit, in order.
 */
export function* holdSecrets(
  held: readonly { readonly realmId: string; readonly clientId: string; readonly secretId: string }[],
): Unit<void> {
  const named = new Map(
    held.map(({ realmId, clientId, secretId }) => [JSON.stringify([realmId, clientId, secretId]), [realmId, clientId, secretId]]),
  )
  for (const [, key] of [...named].toSorted(([a], [b]) => byCodeUnits(a, b))) yield { sql: HOLD, params: key, lock: 'share', blind: true }
}

const HOLD = 'SELECT s.id FROM client_secrets s WHERE s.realm_id = ? AND s.client_id = ? AND s.id = ?'

const insert = (realmId: string, clientId: string, { id, hash, createdAt, expiresAt, origin, sealed }: ClientSecret): Statement =>
  statement(ADD, id, hash, createdAt, expiresAt, origin, sealed, realmId, clientId)

/** undefined: there is no such secret. */
const cutBefore = (realmId: string, clientId: string, secretId: string): Query<boolean | undefined> =>
  query(
    { ...statement(CUT_BEFORE, realmId, clientId, secretId), lock: 'update' },
    ([row]: readonly { cut: number }[]) => row && row.cut > 0,
  )

const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : Number(a > b))

const toUse = (row: {
  realm_id: string
  client_id: string
  secret_id: string
  last_used_at: number
  uses: number
  address: string
}): SecretUse => ({
  realmId: row.realm_id,
  clientId: row.client_id,
  secretId: row.secret_id,
  lastUsedAt: row.last_used_at,
  count: row.uses,
  address: row.address,
})
