// What the ledger's conformance suite is given to try: an adapter's ledger, opened empty.
import type { Ledger } from '../../src/model/ledger.ts'

export interface OpenedLedger {
  /** Empty. */
  readonly ledger: Ledger
  readonly close: () => Promise<void>
  /** Opens the same database again, after it was closed. Absent where nothing outlives it. */
  readonly reopen?: () => Promise<OpenedLedger>
}

/** Makes a test of what is to be done with a fresh ledger, and closes it afterwards. */
export type WithLedger = (act: (ledger: Ledger) => Promise<void>) => () => Promise<void>
