// Brings a database to the schema this program knows. Owns the order of migrations and the version table, not their content.
import { StoreUnavailable } from '../model/store.ts'
import { initial } from './migrations/0001_initial.ts'
import { ledger } from './migrations/0002_ledger.ts'
import { issuing } from './migrations/0003_issuing.ts'
import { metering } from './migrations/0004_metering.ts'
import type { EngineTypes, Migration } from './migrations/migration.ts'
import type { Query, Unit } from './sql.ts'
import { query, statement } from './sql.ts'

/** Its index + 1 is the version. Never edit one that was released: append. */
const migrations: readonly Migration[] = [initial, ledger, issuing, metering]

/** What a migration needs of an engine: one unit, one transaction; one query. */
export interface MigrationSteps {
  readonly types: EngineTypes
  /** Names the database in an error, e.g. its path. */
  readonly place: string
  transact(unit: () => Unit<void>): Promise<void>
  ask<T>(asked: Query<T>): Promise<T> | T
}

/** Several processes may do this at once: the row of a version is inserted by exactly one of them, and that one runs the migration. */
export const migrate = async (steps: MigrationSteps): Promise<void> => {
  await steps.transact(function* () {
    yield statement(`CREATE TABLE IF NOT EXISTS schema_version (version ${steps.types.integer} PRIMARY KEY)`)
  })
  const found = await steps.ask(highestVersion)
  if (found > migrations.length) {
    throw new StoreUnavailable(
      `${steps.place} was written by a newer Countersign (schema ${found}, this one knows ${migrations.length}): ` +
        'upgrade Countersign or choose another database.',
    )
  }
  for (const [index, migration] of migrations.entries()) {
    if (index + 1 > found) await steps.transact(() => apply(index + 1, migration(steps.types)))
  }
}

const highestVersion = query(
  statement('SELECT COALESCE(MAX(version), 0) AS version FROM schema_version'),
  (rows: readonly { version: number }[]) => rows[0]?.version ?? 0,
)

function* apply(version: number, statements: readonly string[]): Unit<void> {
  const inserted = yield statement('INSERT INTO schema_version (version) VALUES (?) ON CONFLICT (version) DO NOTHING', version)
  if (inserted === 0) return
  for (const sql of statements) yield statement(sql)
}
