// The Ledger as rows: charges and refunds of a turn in one unit (tables/charges.ts), what was used, and forgetting it.
import type { Charge, Ledger, Receipt, Refusal, UsageRow } from '../../model/ledger.ts'
import { gather } from '../gather.ts'
import type { Sql, Unit } from '../sql.ts'
import { each, query, statement } from '../sql.ts'
import { giveBack, inOrder, refuseNonsense, take, takeTogether, usedOf, windowKey, windowName } from './charges.ts'

/** Closing the Sql ends it. A charge whose members make no sense is the caller's mistake: RangeError. */
export const sqlLedger = (sql: Sql): Ledger => {
  const move = gather(sql, moveAll)
  return {
    charge: async (charge) => {
      refuseNonsense(charge)
      const answer = await move({ charge })
      if (answer === undefined) throw new TypeError('A charge was not answered.')
      return answer
    },
    refund: async ({ charge }) => {
      await move({ refund: charge })
    },
    used: (meter, start) => sql.read(usedOf(meter, start)),
    breakdown: (meter, start, limit) => sql.read(query(statement(BREAKDOWN, ...windowKey(meter, start), limit), each(toUsageRow))),
    sweep: (before) => sweep(sql, before),
  }
}

const BREAKDOWN = `SELECT day, address, user_agent, units FROM ledger
  WHERE account = ? AND meter = ? AND window_start = ? AND day <> '' AND units > 0
  ORDER BY units DESC, day, address, user_agent LIMIT ?`

/** Windows that one transaction forgets. */
const CHUNK = 100

const SWEEP = `DELETE FROM ledger WHERE (account, meter, window_start) IN
  (SELECT account, meter, window_start FROM ledger WHERE window_end < ? ORDER BY window_end, account, meter, window_start LIMIT ?)`

type Move = { readonly charge: Charge; readonly refund?: undefined } | { readonly refund: Charge; readonly charge?: undefined }

/** In their order; charges between two refunds together, window by window. */
function* moveAll(moves: readonly Move[]): Unit<readonly (Receipt | Refusal | undefined)[]> {
  const answers: (Receipt | Refusal | undefined)[] = []
  let charges: Charge[] = []
  for (const { charge, refund } of moves) {
    if (charge !== undefined) {
      charges.push(charge)
      continue
    }
    answers.push(...(yield* takeAll(charges)), undefined)
    charges = []
    yield* giveBack(refund)
  }
  answers.push(...(yield* takeAll(charges)))
  return answers
}

function* takeAll(charges: readonly Charge[]): Unit<readonly (Receipt | Refusal)[]> {
  const answers: (Receipt | Refusal)[] = []
  for (const [, group] of inOrder(Map.groupBy(charges.entries(), ([, charge]) => windowName(charge)))) {
    const together = group.length === 1 ? undefined : yield* takeTogether(group.map(([, charge]) => charge))
    for (const [n, [index, charge]] of group.entries()) {
      const used = together?.[n]
      answers[index] = used === undefined ? yield* take(charge) : { charged: true, charge, used }
    }
  }
  return answers
}

const sweep = async (sql: Sql, before: number): Promise<number> => {
  let removed = 0
  let changed: number
  do {
    changed = await sql.write(function* (): Unit<number> {
      return yield statement(SWEEP, before, CHUNK)
    })
    removed += changed
  } while (changed > 0)
  return removed
}

const toUsageRow = (row: { day: string; address: string; user_agent: string; units: number }): UsageRow => ({
  day: row.day,
  address: row.address,
  userAgent: row.user_agent,
  units: row.units,
})
