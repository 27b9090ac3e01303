// A process of issuing_processes.test.ts, made to be killed: records tokens on one budget in several lanes, prints what it was given.
// Lanes of one kind ask for a fresh one each time, those of the other for the one that all of them share.
import { StoreUnavailable } from '../../src/model/store.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { charge } from '../ledger/samples.ts'
import { acknowledge } from './acknowledge.ts'
import { openPlace } from './places.ts'
import { auditEntry, issueRecord, NOW, opaqueToken, reusable } from './samples.ts'

const [place = '', name = '', lanes = '', limit = '', kind = ''] = process.argv.slice(2)
const store = sqlStore(await openPlace(place))
const span = { start: NOW - 1000, end: NOW + 100_000 }

const lane = async (n: number): Promise<void> => {
  for (let turn = 0; ; turn += 1) {
    const id = `${name}-${n}-${turn}`
    const origin = { day: '2026-11-21', address: `192.0.2.${n}`, userAgent: name }
    const record = issueRecord({
      charge: charge({ span, now: NOW, limit: Number(limit), origin }),
      audit: auditEntry('a', { detail: { id } }),
      ...(kind === 'shared' ? { reuse: reusable('a', `meaning ${turn}`, id) } : { opaque: opaqueToken('a', id) }),
    })
    const answer = await store.issuing.record(record).catch((error: unknown) => {
      // Kept out by the others for too long: nothing was charged.
      if (error instanceof StoreUnavailable) return undefined
      throw error
    })
    if (answer?.outcome === 'recorded') acknowledge(`recorded ${id} ${answer.receipt?.used ?? 0}`)
    if (answer?.outcome === 'reused') acknowledge(`reused ${answer.token.jti} ${turn}`)
    if (answer?.outcome === 'exhausted') return
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, (_, n) => lane(n)))
await store.close()
