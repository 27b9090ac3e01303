// What the ledger's conformance suite is given to try: a database, opened empty, and the ledger over it.
import type { Sql } from '../../src/store/sql.ts'
import type { Charging } from './charging.ts'

export interface OpenedDatabase {
  /** Empty. */
  readonly sql: Sql
  /** Opens the same database again, after it was closed. Absent where nothing outlives it. */
  readonly reopen?: () => Promise<OpenedDatabase>
}

/** Makes a test of what is to be done with a fresh ledger, and closes it afterwards. */
export type WithLedger = (act: (ledger: Charging) => Promise<void>) => () => Promise<void>
