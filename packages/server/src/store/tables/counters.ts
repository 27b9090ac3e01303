// The counters other tables raise in their own transactions, and the probe that tells whether a write would succeed.

import type { Statement, Unit } from '../sql.ts'
import { query, statement } from '../sql.ts'

const RAISE_REVISION = "UPDATE counters SET value = value + 1 WHERE name = 'revision'"

/** First statement of every change of configuration: its row lock also keeps two such transactions from dead-locking each other. */
export const raiseRevision: Statement = { sql: RAISE_REVISION, params: [], blind: true, shares: true }

/** The same for what removes much at once, and so has a transaction to itself. */
export const raiseRevisionAlone: Statement = { sql: RAISE_REVISION, params: [], blind: true }

/** First statement of what must not happen beside a change of configuration, and is none. */
export const holdRevision: Statement = { ...statement("UPDATE counters SET value = value WHERE name = 'revision'"), blind: true }

export const revision = query(
  statement("SELECT value FROM counters WHERE name = 'revision'"),
  (rows: readonly { value: number }[]) => rows[0]?.value ?? 0,
)

/** First statement of every revocation, which then reads its own number from the row it has locked. */
export const raiseRevocation: Statement = { ...statement("UPDATE counters SET value = value + 1 WHERE name = 'revocation'"), blind: true }

/** For a state that comes from a copy: the next change and the next revocation have higher numbers than this one. */
export const startNumbersAt = (number: number): Statement => statement(START_NUMBERS_AT, number)

const START_NUMBERS_AT = "UPDATE counters SET value = ? WHERE name IN ('revision', 'revocation')"

/** All of them, by name. */
export const counters = query(
  statement('SELECT name, value FROM counters'),
  (rows: readonly { name: string; value: number }[]): ReadonlyMap<string, number> => new Map(rows.map(({ name, value }) => [name, value])),
)

/** The next `count` numbers of revocations are taken. */
export const raiseRevocations = (count: number): Statement => statement(RAISE_REVOCATIONS, count)

const RAISE_REVOCATIONS = "UPDATE counters SET value = value + ? WHERE name = 'revocation'"

/**
 * Takes the next `count` numbers of the audit trail, the last of which is then the row's value. Next to last in its unit: all others wait for
 * the row, so that nothing may be waited for between here and the commit.
 */
export const raiseAudit = (count: number): Statement => ({ ...statement(RAISE_AUDIT, count), blind: true })

const RAISE_AUDIT = "UPDATE counters SET value = value + ? WHERE name = 'audit'"

export const lastAuditNumber = query(
  statement("SELECT value FROM counters WHERE name = 'audit'"),
  (rows: readonly { value: number }[]) => rows[0]?.value ?? 0,
)

/** Needs a few fresh pages, as real writes do: changing a row in place succeeds even where nothing more fits. */
export function* probe(): Unit<void> {
  yield statement(
    'INSERT INTO write_probe (id, filler) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET filler = excluded.filler',
    'probe',
    FILLER,
  )
  yield statement('DELETE FROM write_probe WHERE id = ?', 'probe')
}

const FILLER = ' '.repeat(16_384)
