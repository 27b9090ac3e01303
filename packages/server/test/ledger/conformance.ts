// What every ledger adapter holds, run over each of them and for each way a charge is made: charges here, what they were for in
// conformance_usage.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Receipt } from '../../src/model/ledger.ts'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { Sql } from '../../src/store/sql.ts'
import type { Refusal } from '../../src/store/tables/charges.ts'
import type { Charging } from './charging.ts'
import { WAYS } from './charging.ts'
import { runUsageConformance } from './conformance_usage.ts'
import type { OpenedDatabase, WithLedger } from './opened_database.ts'
import { charge, DECEMBER, METER, NOVEMBER, sum } from './samples.ts'

/** Registers the suite. `open` gives a new and empty database each time; the suite closes every one it was given. */
export const runLedgerConformance = (name: string, open: () => Promise<OpenedDatabase>): void => {
  for (const [what, charging] of WAYS)
    describe(`the ledger conformance suite over ${name}, charged with ${what}`, () => run(open, charging))
}

type Open = () => Promise<OpenedDatabase>
type Way = (sql: Sql) => Charging

const run = (open: Open, charging: Way): void => {
  const withLedger: WithLedger = (act) => async () => {
    const { sql } = await open()
    try {
      await act(charging(sql))
    } finally {
      await sql.close()
    }
  }
  test('a charge is received with what the window has used, and refused where the limit would be passed', withLedger(upToTheLimit))
  test('a refused charge changes nothing, and a smaller one may still fit', withLedger(smallerOneFits))
  test('of a limit of nothing nothing is charged', withLedger(noLimitAtAll))
  test('without a limit everything is counted', withLedger(unlimited))
  test('a limit that was lowered below what is used refuses, a raised one goes on', withLedger(movedLimit))
  test('accounts, meters and windows are counted apart', withLedger(apart))
  test('64 charges at once over the last 10 units give 10 receipts numbered in order', withLedger(race))
  test('64 lanes that charge until they are refused get exactly the limit', withLedger(lanes))
  test('a refund makes room for another charge', withLedger(refund))
  test('a refund never takes more than was used', withLedger(refundTwice))
  test('a charge that makes no sense rejects and counts nothing', withLedger(nonsense))
  runUsageConformance(withLedger)
  test('closing commits what was asked for; afterwards everything rejects with StoreUnavailable', () => closing(open, charging))
  test('what was acknowledged is there after closing and opening again', (context) =>
    durability(open, charging, (why) => context.skip(why)))
}

const asked = (answer: Receipt | Refusal): [boolean, number] => [answer.charged, answer.used]

const upToTheLimit = async (ledger: Charging): Promise<void> => {
  assert.equal(await ledger.used(METER, NOVEMBER.start), 0)
  const wanted = charge({ limit: 5, units: 2 })
  const receipt = await ledger.charge(wanted)
  assert.deepEqual(receipt, { charged: true, charge: wanted, used: 2 })
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 5, units: 3 }))), [true, 5])
  assert.deepEqual(await ledger.charge(charge({ limit: 5 })), { charged: false, used: 5 })
  assert.equal(await ledger.used(METER, NOVEMBER.start), 5)
}

const smallerOneFits = async (ledger: Charging): Promise<void> => {
  await ledger.charge(charge({ limit: 10, units: 8 }))
  const origin = { day: '2026-11-22', address: '192.0.2.9', userAgent: 'greedy' }
  assert.deepEqual(await ledger.charge(charge({ limit: 10, units: 3, origin })), { charged: false, used: 8 })
  assert.deepEqual(await ledger.charge(charge({ limit: 10, units: 11, origin })), { charged: false, used: 8 })
  assert.equal((await ledger.breakdown(METER, NOVEMBER.start, 10)).length, 1, 'nothing of the refused ones')
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 10, units: 2 }))), [true, 10])
}

const noLimitAtAll = async (ledger: Charging): Promise<void> => {
  assert.deepEqual(await ledger.charge(charge({ limit: 0 })), { charged: false, used: 0 })
  assert.deepEqual(await ledger.charge(charge({ limit: 3, units: 4 })), { charged: false, used: 0 })
  assert.equal(await ledger.used(METER, NOVEMBER.start), 0)
  assert.equal(await ledger.sweep(NOVEMBER.end + 1), 0, 'not even a row')
}

const unlimited = async (ledger: Charging): Promise<void> => {
  const most = Number.MAX_SAFE_INTEGER
  assert.deepEqual(asked(await ledger.charge(charge({ limit: null, units: most - 1 }))), [true, most - 1])
  assert.deepEqual(asked(await ledger.charge(charge({ limit: null }))), [true, most])
  assert.deepEqual(asked(await ledger.charge(charge({ limit: null }))), [false, most], 'but for what no number holds any more')
  assert.equal(await ledger.used(METER, NOVEMBER.start), most)
}

const movedLimit = async (ledger: Charging): Promise<void> => {
  await ledger.charge(charge({ limit: null, units: 7 }))
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 5 }))), [false, 7])
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 8 }))), [true, 8])
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 8 }))), [false, 8])
}

const apart = async (ledger: Charging): Promise<void> => {
  const meters = ['wave/app', 'wave/app2', 'wav/eapp', 'WAVE/app', "wave/'; --"].flatMap((account) =>
    ['tokens', 'calls'].map((name) => ({ account, name })),
  )
  const spans = [NOVEMBER, DECEMBER]
  const all = meters.flatMap((meter) => spans.map((span) => ({ meter, span })))
  await Promise.all(all.map(({ meter, span }, n) => ledger.charge(charge({ meter, span, units: n + 1 }))))
  for (const [n, { meter, span }] of all.entries()) {
    assert.equal(await ledger.used(meter, span.start), n + 1)
    assert.equal(sum(await ledger.breakdown(meter, span.start, 10)), n + 1)
  }
}

const race = async (ledger: Charging): Promise<void> => {
  await ledger.charge(charge({ limit: 1000, units: 990 }))
  const answers = await Promise.all(Array.from({ length: 64 }, () => ledger.charge(charge())))
  const received = answers.filter((answer) => answer.charged)
  assert.deepEqual(
    received.map((receipt) => receipt.used).toSorted((a, b) => a - b),
    [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000],
  )
  for (const answer of answers) if (!answer.charged) assert.equal(answer.used, 1000)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 1000)
}

const lanes = async (ledger: Charging): Promise<void> => {
  const numbers: number[] = []
  const lane = async (n: number): Promise<void> => {
    const origin = { day: '2026-11-21', address: `192.0.2.${n}`, userAgent: `lane/${n}` }
    while (true) {
      const answer = await ledger.charge(charge({ limit: 3000, origin }))
      if (!answer.charged) return
      numbers.push(answer.used)
      // Falls out of step with the others, so that turns have different sizes.
      for (let turn = 0; turn < n % 4; turn += 1) await new Promise(setImmediate)
    }
  }
  await Promise.all(Array.from({ length: 64 }, (_, n) => lane(n)))
  assert.deepEqual(
    numbers.toSorted((a, b) => a - b),
    Array.from({ length: 3000 }, (_, n) => n + 1),
  )
  assert.equal(await ledger.used(METER, NOVEMBER.start), 3000)
  assert.equal(sum(await ledger.breakdown(METER, NOVEMBER.start, 100)), 3000)
}

const received = async (ledger: Charging, but: Parameters<typeof charge>[0] = {}): Promise<Receipt> => {
  const answer = await ledger.charge(charge(but))
  assert.ok(answer.charged)
  return answer
}

const refund = async (ledger: Charging): Promise<void> => {
  const first = await received(ledger, { limit: 3, units: 2 })
  const origin = { day: '2026-11-22', address: '192.0.2.2', userAgent: 'wget' }
  await received(ledger, { limit: 3, origin })
  await ledger.refund(first)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 1)
  assert.deepEqual(await ledger.breakdown(METER, NOVEMBER.start, 10), [{ ...origin, units: 1 }], 'what is at nothing is not told')
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 3, units: 3 }))), [false, 1])
  assert.deepEqual(asked(await ledger.charge(charge({ limit: 3, units: 2 }))), [true, 3])
  assert.equal(sum(await ledger.breakdown(METER, NOVEMBER.start, 10)), 3)
}

const refundTwice = async (ledger: Charging): Promise<void> => {
  const origin = { day: '2026-11-22', address: '192.0.2.2', userAgent: 'wget' }
  const receipt = await received(ledger, { units: 2 })
  await received(ledger, { units: 5, origin })
  await Promise.all([ledger.refund(receipt), ledger.refund(receipt), ledger.refund(receipt)])
  assert.equal(await ledger.used(METER, NOVEMBER.start), 5, 'another origin does not pay for it')
  assert.deepEqual(await ledger.breakdown(METER, NOVEMBER.start, 10), [{ ...origin, units: 5 }])
  await ledger.refund({ charged: true, charge: charge({ span: DECEMBER }), used: 1 })
  assert.equal(await ledger.used(METER, DECEMBER.start), 0)
}

const nonsense = async (ledger: Charging): Promise<void> => {
  for (const units of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    await assert.rejects(ledger.charge(charge({ units })), RangeError)
  }
  for (const limit of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) await assert.rejects(ledger.charge(charge({ limit })), RangeError)
  for (const now of [NOVEMBER.start - 1, NOVEMBER.end, Number.NaN]) await assert.rejects(ledger.charge(charge({ now })), RangeError)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 0)
}

const closing = async (open: Open, charging: Way): Promise<void> => {
  const { sql } = await open()
  const ledger = charging(sql)
  const last = ledger.charge(charge())
  const closed = sql.close()
  await assert.rejects(ledger.charge(charge()), StoreUnavailable)
  const receipt = await last
  assert.ok(receipt.charged)
  await closed
  for (const late of [
    ledger.charge(charge()),
    ledger.refund(receipt),
    ledger.used(METER, 0),
    ledger.breakdown(METER, 0, 1),
    ledger.sweep(0),
  ])
    await assert.rejects(late, StoreUnavailable)
}

const durability = async (open: Open, charging: Way, skip: (why: string) => void): Promise<void> => {
  const { sql, reopen } = await open()
  const ledger = charging(sql)
  if (reopen === undefined) {
    await sql.close()
    skip('nothing outlives this ledger')
    return
  }
  await Promise.all([received(ledger, { units: 4 }), received(ledger, { span: DECEMBER })])
  await ledger.refund(await received(ledger, { units: 2 }))
  const before = await ledger.breakdown(METER, NOVEMBER.start, 10)
  await sql.close()
  const { sql: again } = await reopen()
  const after = charging(again)
  try {
    assert.equal(await after.used(METER, NOVEMBER.start), 4)
    assert.equal(await after.used(METER, DECEMBER.start), 1)
    assert.deepEqual(await after.breakdown(METER, NOVEMBER.start, 10), before)
    assert.deepEqual(asked(await after.charge(charge({ limit: 4 }))), [false, 4])
  } finally {
    await again.close()
  }
}
