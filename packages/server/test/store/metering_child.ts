// A process of metering_processes.test.ts, made to be killed: admits requests as fast as it can in several lanes, prints each that was
// admitted, takes some back, ends when refused.
import { StoreUnavailable } from '../../src/model/store.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { acknowledge } from './acknowledge.ts'
import { openPlace } from './places.ts'
import { admission, NOW } from './samples.ts'

const [place = '', name = '', lanes = '', day = '', month = ''] = process.argv.slice(2)
const store = sqlStore(await openPlace(place))
const origin = { day: '2027-01-15', address: '', userAgent: name }

const asked = (n: number, units: number) =>
  admission({
    key: { ...admission().key, apiKeyId: name, route: `lane ${n}` },
    units,
    charges: [
      {
        meter: { account: 'a/app', name: 'day' },
        span: { start: NOW - 1000, end: NOW + 80_000 },
        units,
        limit: Number(day),
        origin,
        now: NOW,
      },
      {
        meter: { account: 'a/app', name: 'month' },
        span: { start: NOW - 9000, end: NOW + 900_000 },
        units,
        limit: Number(month),
        origin,
        now: NOW,
      },
    ],
  })

/** Asks for three, two or one in turn, in the end for one until not even that is left. */
const lane = async (n: number): Promise<void> => {
  for (let turn = n, units = 1; ; turn += 1) {
    const wanted = asked(n, units)
    const answer = await store.metering.admit(wanted).catch((error: unknown) => {
      // Kept out by the others for too long: nothing was charged.
      if (error instanceof StoreUnavailable) return undefined
      throw error
    })
    if (answer?.admitted && turn % 17 === 0) {
      await store.metering.takeBack(wanted)
      acknowledge(`back ${units}`)
    } else if (answer?.admitted) acknowledge(`admitted ${units} ${answer.used.join(' ')}`)
    else if (answer !== undefined && units === 1) return
    units = answer?.admitted === false ? 1 : 1 + (turn % 3)
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, (_, n) => lane(n)))
await store.close()
