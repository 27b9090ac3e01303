// The ledger conformance suite's second half: what charges were for, how much of that is kept, and forgetting it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChargeOrigin } from '../../src/model/ledger.ts'
import type { Charging } from './charging.ts'
import type { WithLedger } from './opened_database.ts'
import { charge, DECEMBER, METER, NOVEMBER, sum } from './samples.ts'

export const runUsageConformance = (withLedger: WithLedger): void => {
  test('the breakdown tells day, address and user agent, largest first, and sums to what is used', withLedger(breakdown))
  test('beyond 200 origins a day the rest is counted together, and a refund finds it there', withLedger(manyOrigins))
  test('origins that arrive all at once are bounded all the same', withLedger(originsAtOnce))
  test('any address and user agent a caller can spell is counted, cut to what is kept', withLedger(hostileOrigins))
  test('a sweep forgets windows that ended before that moment, with their usage, and keeps the rest', withLedger(sweep))
  test('a sweep forgets more than one step’s worth', withLedger(bigSweep))
  test('a window is kept to the end of the longest window that began with it', withLedger(longerWindow))
}

const OTHER_METER = { ...METER, name: 'calls' }

const from = (address: string, userAgent = 'curl/8', day = '2026-11-21'): ChargeOrigin => ({ day, address, userAgent })

const breakdown = async (ledger: Charging): Promise<void> => {
  assert.deepEqual(await ledger.breakdown(METER, NOVEMBER.start, 10), [])
  const rows = [
    { ...from('192.0.2.2'), units: 30 },
    { ...from('192.0.2.1', 'wget'), units: 20 },
    { ...from('192.0.2.1'), units: 9 },
    { ...from('192.0.2.1', 'curl/8', '2026-11-22'), units: 9 },
    { ...from('', ''), units: 1 },
  ]
  for (const { units, ...origin } of rows.toReversed()) {
    if (units > 1) await ledger.charge(charge({ origin, units: units - 1 }))
    await ledger.charge(charge({ origin }))
  }
  const told = await ledger.breakdown(METER, NOVEMBER.start, 10)
  assert.deepEqual(told, rows)
  assert.equal(sum(told), await ledger.used(METER, NOVEMBER.start))
  assert.deepEqual(await ledger.breakdown(METER, NOVEMBER.start, 2), rows.slice(0, 2))
  assert.deepEqual(await ledger.breakdown(METER, DECEMBER.start, 10), [])
}

const manyOrigins = async (ledger: Charging): Promise<void> => {
  for (let n = 0; n < 200; n += 1) await ledger.charge(charge({ origin: from(`a${n}`), units: 2 }))
  assert.equal((await ledger.breakdown(METER, NOVEMBER.start, 1000)).length, 200)
  const late = await Promise.all(Array.from({ length: 50 }, (_, n) => ledger.charge(charge({ origin: from(`late${n}`) }))))
  await ledger.charge(charge({ origin: from('a7'), units: 3 }))
  await ledger.charge(charge({ origin: from('late0', 'curl/8', '2026-11-22'), units: 4 }))
  const told = await ledger.breakdown(METER, NOVEMBER.start, 1000)
  assert.deepEqual(told.slice(0, 4), [
    { ...from('other', 'other'), units: 50 },
    { ...from('a7'), units: 5 },
    { ...from('late0', 'curl/8', '2026-11-22'), units: 4 },
    { ...from('a0'), units: 2 },
  ])
  assert.equal(told.length, 202)
  assert.equal(sum(told), await ledger.used(METER, NOVEMBER.start))
  for (const receipt of late.slice(0, 20)) if (receipt.charged) await ledger.refund(receipt)
  const after = await ledger.breakdown(METER, NOVEMBER.start, 1000)
  assert.deepEqual(after[0], { ...from('other', 'other'), units: 30 })
  assert.equal(sum(after), await ledger.used(METER, NOVEMBER.start))
}

const originsAtOnce = async (ledger: Charging): Promise<void> => {
  await Promise.all(Array.from({ length: 700 }, (_, n) => ledger.charge(charge({ origin: from('192.0.2.1', `agent ${n}`) }))))
  const told = await ledger.breakdown(METER, NOVEMBER.start, 1000)
  assert.equal(told.length, 201)
  assert.deepEqual(told[0], { ...from('other', 'other'), units: 500 })
  assert.equal(await ledger.used(METER, NOVEMBER.start), 700)
}

const hostileOrigins = async (ledger: Charging): Promise<void> => {
  const spelled = [
    "'; DROP TABLE ledger_usage; --",
    '\0',
    'a\0b',
    '\ud800',
    '😀'.repeat(150),
    '?',
    '%',
    'x'.repeat(1_000_000),
    'é',
    'e\u0301',
  ]
  for (const text of spelled) {
    const receipt = await ledger.charge(charge({ origin: from(text, text), units: 3 }))
    assert.ok(receipt.charged)
    await ledger.refund({ ...receipt, charge: { ...receipt.charge, units: 1 } })
  }
  const told = await ledger.breakdown(METER, NOVEMBER.start, 100)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 2 * spelled.length)
  assert.equal(sum(told), 2 * spelled.length)
  for (const row of told) assert.ok(row.address.length <= 64 && row.userAgent.length <= 200 && row.userAgent.isWellFormed())
  assert.equal(told.length, spelled.length)
}

const sweep = async (ledger: Charging): Promise<void> => {
  const late = await ledger.charge(charge({ span: DECEMBER, units: 7 }))
  assert.ok(late.charged)
  await ledger.charge(charge({ origin: from('192.0.2.1') }))
  const forgotten = await ledger.charge(charge({ origin: from('192.0.2.2') }))
  assert.ok(forgotten.charged)
  assert.equal(await ledger.sweep(NOVEMBER.end), 0, 'it has not ended before its end')
  assert.equal(await ledger.used(METER, NOVEMBER.start), 2)
  assert.equal(await ledger.sweep(NOVEMBER.end + 1), 3, 'a window and two rows of usage')
  assert.equal(await ledger.used(METER, NOVEMBER.start), 0)
  assert.deepEqual(await ledger.breakdown(METER, NOVEMBER.start, 10), [])
  await ledger.refund(forgotten)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 0)
  assert.equal(await ledger.used(METER, DECEMBER.start), 7)
  assert.equal(sum(await ledger.breakdown(METER, DECEMBER.start, 10)), 7)
}

const bigSweep = async (ledger: Charging): Promise<void> => {
  const meter = (n: number) => ({ account: `wave/app${n}`, name: 'tokens' })
  await Promise.all(Array.from({ length: 750 }, (_, n) => ledger.charge(charge({ meter: meter(n) }))))
  await ledger.charge(charge({ meter: meter(0), span: DECEMBER }))
  assert.equal(await ledger.sweep(DECEMBER.end), 1500)
  assert.equal(await ledger.used(meter(0), DECEMBER.start), 1)
  assert.equal(await ledger.sweep(DECEMBER.end), 0)
}

const longerWindow = async (ledger: Charging): Promise<void> => {
  const day = { start: NOVEMBER.start, end: NOVEMBER.start + 86_400 }
  const count = async (span: typeof day): Promise<number> => (await ledger.charge(charge({ span, limit: 3 }))).used
  assert.deepEqual([await count(day), await count(NOVEMBER), await count(day)], [1, 2, 3], 'a change of plan gives nothing away')
  await Promise.all([day, NOVEMBER, day].map((span) => ledger.charge(charge({ span, limit: 3, meter: OTHER_METER }))))
  assert.equal(await ledger.sweep(NOVEMBER.end), 0)
  assert.equal(await ledger.used(METER, NOVEMBER.start), 3)
  assert.equal(await ledger.used(OTHER_METER, NOVEMBER.start), 3, 'also when both are charged at once')
}
