// A process of ledger_processes.test.ts, made to be killed: charges as fast as it can in several lanes, prints each receipt, ends when refused.
import { StoreUnavailable } from '../../src/model/store.ts'
import { acknowledge } from '../store/acknowledge.ts'
import { openPlace } from '../store/places.ts'
import { withToken } from './charging.ts'
import { charge } from './samples.ts'

const [place = '', name = '', lanes = '', limit = ''] = process.argv.slice(2)
const sql = await openPlace(place)
const ledger = withToken(sql)

/** Asks for three, two or one in turn, in the end for one until not even that is left. */
const lane = async (n: number): Promise<void> => {
  const origin = { day: '2026-11-21', address: `192.0.2.${n}`, userAgent: name }
  for (let turn = n, units = 1; ; turn += 1) {
    const answer = await ledger.charge(charge({ units, limit: Number(limit), origin })).catch((error: unknown) => {
      // Kept out by the others for too long: nothing was charged.
      if (error instanceof StoreUnavailable) return undefined
      throw error
    })
    if (answer?.charged) acknowledge(`${units} ${answer.used}`)
    else if (answer !== undefined && units === 1) return
    units = answer?.charged === false ? 1 : 1 + (turn % 3)
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, (_, n) => lane(n)))
await sql.close()
