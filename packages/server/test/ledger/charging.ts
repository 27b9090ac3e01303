// Charges as the program makes them, with a token that is recorded or with a request that is admitted: one shape for both, so that what
// holds of charges is tried on each.
import type { Charge, Ledger, Receipt } from '../../src/model/ledger.ts'
import type { Sql } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import type { Refusal } from '../../src/store/tables/charges.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { admission, issueRecord } from '../store/samples.ts'

export interface Charging extends Ledger {
  readonly charge: (charge: Charge) => Promise<Receipt | Refusal>
  readonly refund: (receipt: Receipt) => Promise<void>
}

/** A token's, which is nothing but its charge. */
export const withToken = (sql: Sql): Charging => {
  const { issuing } = sqlStore(sql)
  return {
    ...sqlLedger(sql),
    charge: async (charge) => {
      const recorded = await issuing.record(issueRecord({ charge }))
      if (recorded.outcome === 'exhausted') return { charged: false, used: recorded.used }
      if (recorded.outcome !== 'recorded' || recorded.receipt === null) throw new TypeError(`A charge was ${recorded.outcome}.`)
      return recorded.receipt
    },
    refund: (receipt) => issuing.undo(issueRecord(), receipt),
  }
}

/** A request's, which draws on one volume. */
export const withRequest = (sql: Sql): Charging => {
  const { metering } = sqlStore(sql)
  const requestOf = (charge: Charge) => admission({ units: charge.units, charges: [charge] })
  return {
    ...sqlLedger(sql),
    charge: async (charge) => {
      const { admitted, used } = await metering.admit(requestOf(charge))
      const [of] = used
      if (of === undefined || used.length > 1) throw new TypeError('One charge was told as another number of them.')
      return admitted ? { charged: true, charge, used: of } : { charged: false, used: of }
    },
    refund: ({ charge }) => metering.takeBack(requestOf(charge)),
  }
}

export const WAYS = [
  ['a token', withToken],
  ['a request', withRequest],
] as const
