// What the conformance suites are given to try: an adapter's store, opened empty.
import type { Ledger } from '../../src/model/ledger.ts'
import type { Store } from '../../src/model/store.ts'

export interface OpenedStore {
  /** Empty. */
  readonly store: Store
  /** Over the same database. */
  readonly ledger: Ledger
  /** Opens the same database again, after the store was closed. Absent where nothing outlives it. */
  readonly reopen?: () => Promise<Store>
}

/** Makes a test of what is to be done with a fresh store, and closes it afterwards. */
export type WithStore = (act: (store: Store, ledger: Ledger) => Promise<void>) => () => Promise<void>
