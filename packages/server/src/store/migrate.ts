// Brings a database to the schema this program knows. Owns the order of migrations and the version table, not their content.
import { StoreUnavailable } from '../model/store.ts'
import { initial } from './migrations/0001_initial.ts'
import { ledger } from './migrations/0002_ledger.ts'
import { issuing } from './migrations/0003_issuing.ts'
import { metering } from './migrations/0004_metering.ts'
import { nodes } from './migrations/0005_nodes.ts'
import { writeMarks } from './migrations/0006_write_marks.ts'
import { usageByHour } from './migrations/0007_usage_by_hour.ts'
import { auditByBlock } from './migrations/0008_audit_by_block.ts'
import type { EngineTypes, Migration } from './migrations/migration.ts'
import type { Query, Unit } from './sql.ts'
import { query, statement } from './sql.ts'

/** Its index + 1 is the version. Never edit one that was released: append. */
const migrations: readonly Migration[] = [initial, ledger, issuing, metering, nodes, writeMarks, usageByHour, auditByBlock]

/**
 * Versions that a program of an earlier one cannot work with. All others only add what the earlier leaves alone (tables, indexes, columns
 * with a default) or take an index away that it only reads more slowly without, so that nodes of both work side by side while the operator
 * goes from one to the other. Before 4 nobody shared a database.
 */
const BREAKING: readonly number[] = [4]

/** What a migration needs of an engine: one unit, one transaction; one query. */
export interface MigrationSteps {
  readonly types: EngineTypes
  /** Names the database in an error, e.g. its path. */
  readonly place: string
  transact(unit: () => Unit<void>): Promise<void>
  ask<T>(asked: Query<T>): Promise<T> | T
}

/** What a program knows; another one in tests. */
export interface KnownSchema {
  readonly migrations: readonly Migration[]
  readonly breaking: readonly number[]
}

/**
 * Several processes may do this at once: the row of a version is inserted by exactly one of them, and that one runs the migration.
 * A database that a newer program has brought further is left as it is, and used if that program said that this one may.
 */
export const migrate = async (steps: MigrationSteps, known: KnownSchema = { migrations, breaking: BREAKING }): Promise<void> => {
  const { integer } = steps.types
  const last = known.migrations.length
  await steps.transact(function* () {
    yield statement(`CREATE TABLE IF NOT EXISTS schema_version (version ${integer} PRIMARY KEY)`)
    yield statement(
      `CREATE TABLE IF NOT EXISTS schema_compatible (version ${integer} NOT NULL PRIMARY KEY, compatible_from ${integer} NOT NULL)`,
    )
  })
  const { version, compatibleFrom } = await steps.ask(found)
  if (version > last && compatibleFrom > last) {
    throw new StoreUnavailable(
      `${steps.place} was written by a newer Countersign (schema ${version}, this one knows ${last}): ` +
        'upgrade Countersign or choose another database.',
    )
  }
  for (const [index, migration] of known.migrations.entries()) {
    const next = index + 1
    if (next <= version) continue
    const from = Math.max(...known.breaking.filter((one) => one <= next), 1)
    await steps.transact(() => apply(next, from, migration(steps.types)))
  }
}

// A version whose row says nothing is compatible with no other.
const found = query(
  statement(`SELECT v.version, COALESCE(c.compatible_from, v.version) AS compatible_from
    FROM schema_version v LEFT JOIN schema_compatible c ON c.version = v.version ORDER BY v.version DESC LIMIT 1`),
  ([row]: readonly { version: number; compatible_from: number }[]) => ({
    version: row?.version ?? 0,
    compatibleFrom: row?.compatible_from ?? 0,
  }),
)

function* apply(version: number, compatibleFrom: number, statements: readonly string[]): Unit<void> {
  const inserted = yield statement('INSERT INTO schema_version (version) VALUES (?) ON CONFLICT (version) DO NOTHING', version)
  if (inserted === 0) return
  for (const sql of statements) yield statement(sql)
  yield statement('INSERT INTO schema_compatible (version, compatible_from) VALUES (?, ?)', version, compatibleFrom)
}
