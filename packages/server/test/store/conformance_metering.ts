// Part of the conformance suite: requests admitted, counted and told of. What is asked for at once is as if it were asked for one by one: a
// model of it in memory says what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Charge, Ledger } from '../../src/model/ledger.ts'
import type { Admission, AdmissionOutcome, UsageLine } from '../../src/model/metering.ts'
import type { Store } from '../../src/model/store.ts'
import { sum } from '../ledger/samples.ts'
import { runUsageLineConformance } from './conformance_usage_lines.ts'
import type { WithStore } from './opened_store.ts'
import { admission, NOW } from './samples.ts'

export const runMeteringConformance = (withStore: WithStore): void => {
  test('an admission is counted with all its volumes, and told what was used of each', withStore(counted))
  test('a refused admission charges and counts nothing, and tells which volume refused', withStore(refused))
  test('a request that costs nothing is counted and charges nothing', withStore(costless))
  test('64 admissions at once over the last 10 units of a month get 10, and of the day no more', withStore(lastUnits))
  test('of admissions with the same charges, in one object or in several, each is charged, counted and taken back', withStore(alike))
  test('an admission that is taken back leaves room for another, once', withStore(takenBack))
  test('whatever is admitted and taken back at once is as if it were so one by one', withStore(mixes))
  test('more than fit into one unit are admitted all the same', withStore(flood))
  test('an admission that makes no sense rejects, and spoils no other of its turn', withStore(nonsense))
  runUsageLineConformance(withStore)
}

const DAY = { start: NOW - 1000, end: NOW + 80_000 }
const MONTH = { start: NOW - 100_000, end: NOW + 2_000_000 }

const volume = (name: string, limit: number | null, units = 1, account = 'a/app'): Charge => ({
  meter: { account, name },
  span: name === 'day' ? DAY : MONTH,
  units,
  limit,
  origin: { day: '2027-01-15', address: '', userAgent: '' },
  now: NOW,
})

const both = (day: number | null, month: number | null, units = 1): Partial<Admission> => ({
  units,
  charges: [volume('day', day, units), volume('month', month, units)],
})

const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER }
const linesOf = async (store: Store): Promise<readonly UsageLine[]> => await store.metering.lines(ALL, null, 1000)
const totals = async (store: Store): Promise<[number, number]> => {
  const lines = await linesOf(store)
  return [lines.reduce((total, { requests }) => total + requests, 0), lines.reduce((total, { units }) => total + units, 0)]
}
const usedOf = async (ledger: Ledger): Promise<[number, number]> => {
  const used = [volume('day', null), volume('month', null)].map(async ({ meter, span }) => {
    const total = await ledger.used(meter, span.start)
    assert.equal(sum(await ledger.breakdown(meter, span.start, 100)), total, 'what it was for sums to it')
    return total
  })
  const [day = 0, month = 0] = await Promise.all(used)
  return [day, month]
}

const counted = async (store: Store, ledger: Ledger): Promise<void> => {
  assert.deepEqual(await store.metering.admit(admission(both(10, null, 3))), { admitted: true, used: [3, 3] })
  assert.deepEqual(await store.metering.admit(admission(both(10, 7, 4))), { admitted: true, used: [7, 7] })
  assert.deepEqual(await store.metering.admit(admission({ key: { ...admission().key, route: 'otherwise' } })), { admitted: true, used: [] })
  assert.deepEqual(await usedOf(ledger), [7, 7])
  assert.deepEqual(
    (await linesOf(store)).map(({ hour, route, requests, units }) => [hour, route, requests, units]),
    [
      [NOW - (NOW % 3600), 'GET /orders/:id', 2, 7],
      [NOW - (NOW % 3600), 'otherwise', 1, 1],
    ],
  )
}

const refused = async (store: Store, ledger: Ledger): Promise<void> => {
  await store.metering.admit(admission(both(10, 5, 4)))
  assert.deepEqual(await store.metering.admit(admission(both(10, 5, 2))), { admitted: false, refusedBy: 1, used: [4, 4] })
  assert.deepEqual(await store.metering.admit(admission(both(5, 5, 2))), { admitted: false, refusedBy: 0, used: [4, 4] })
  assert.deepEqual(await store.metering.admit(admission(both(0, 0))), { admitted: false, refusedBy: 0, used: [4, 4] })
  assert.deepEqual(await usedOf(ledger), [4, 4])
  assert.deepEqual(await totals(store), [1, 4])
  assert.deepEqual(await store.metering.admit(admission(both(10, 5, 1))), { admitted: true, used: [5, 5] }, 'a smaller one fits')
  const untouched = { charges: [{ ...volume('day', 0), meter: { account: 'a/other', name: 'day' } }] }
  assert.deepEqual(await store.metering.admit(admission(untouched)), { admitted: false, refusedBy: 0, used: [0] })
}

const costless = async (store: Store, ledger: Ledger): Promise<void> => {
  assert.deepEqual(await store.metering.admit(admission({ units: 0 })), { admitted: true, used: [] })
  assert.deepEqual(await totals(store), [1, 0])
  assert.deepEqual(await usedOf(ledger), [0, 0])
}

const lastUnits = async (store: Store, ledger: Ledger): Promise<void> => {
  await store.metering.admit(admission(both(null, null, 990)))
  const answers = await Promise.all(Array.from({ length: 64 }, () => store.metering.admit(admission(both(5000, 1000)))))
  const numbered = Array.from({ length: 10 }, (_, n) => ({ admitted: true, used: [991 + n, 991 + n] }))
  assert.deepEqual(answers, [...numbered, ...Array(54).fill({ admitted: false, refusedBy: 1, used: [1000, 1000] })])
  assert.deepEqual(await usedOf(ledger), [1000, 1000])
  assert.deepEqual(await totals(store), [11, 1000])
}

// A gateway gives the requests of one client in one second one list of charges.
const alike = async (store: Store, ledger: Ledger): Promise<void> => {
  const [one, other] = [both(100, 14, 2), both(100, 14, 2)]
  const all = [one, one, other, one, one].map(admission)
  const answers = await Promise.all(all.map((asked) => store.metering.admit(asked)))
  assert.deepEqual(
    answers,
    [2, 4, 6, 8, 10].map((used) => ({ admitted: true, used: [used, used] })),
  )
  assert.deepEqual(
    [await usedOf(ledger), await totals(store)],
    [
      [10, 10],
      [5, 10],
    ],
  )
  const last = await Promise.all([one, one, one].map((asked) => store.metering.admit(admission(asked))))
  assert.deepEqual(
    last.map(({ admitted, used }) => [admitted, used]),
    [
      [true, [12, 12]],
      [true, [14, 14]],
      [false, [14, 14]],
    ],
  )
  await Promise.all(all.map((asked) => store.metering.takeBack(asked)))
  assert.deepEqual(
    [await usedOf(ledger), await totals(store)],
    [
      [4, 4],
      [2, 4],
    ],
  )
}

const takenBack = async (store: Store, ledger: Ledger): Promise<void> => {
  const first = admission(both(3, 3, 2))
  await store.metering.admit(first)
  const other = admission(both(3, 3))
  await store.metering.admit(other)
  await store.metering.takeBack(first)
  assert.deepEqual(
    [await usedOf(ledger), await totals(store)],
    [
      [1, 1],
      [1, 1],
    ],
  )
  await Promise.all([store.metering.takeBack(first), store.metering.takeBack(first)])
  assert.deepEqual(await usedOf(ledger), [1, 1], 'never more than was charged')
  assert.deepEqual(await totals(store), [1, 1])
  assert.deepEqual(await store.metering.admit(first), { admitted: true, used: [3, 3] })
  await Promise.all([store.metering.takeBack(first), store.metering.takeBack(other)])
  assert.deepEqual(await usedOf(ledger), [0, 0])
  assert.deepEqual(await linesOf(store), [], 'a line of nothing is none')
  await Promise.all([store.metering.admit(other), store.metering.admit(other)])
  await Promise.all([1, 2, 3].map(() => store.metering.takeBack(other)))
  assert.deepEqual(
    [await usedOf(ledger), await totals(store)],
    [
      [0, 0],
      [0, 0],
    ],
    'one too many at once spoils not the others',
  )
}

/** What one request asks for; numbers pick among few clients, routes and moments, so that requests meet. */
interface Wish {
  readonly client: number
  readonly route: number
  readonly units: number
  readonly volumes: readonly ('day' | 'month')[]
  readonly limit: number | null
  readonly agent: string
  readonly late: boolean
  /** Takes one back that was admitted before, if there is one. */
  readonly back: boolean
}

const wish: fc.Arbitrary<Wish> = fc.record({
  client: fc.nat(1),
  route: fc.nat(1),
  units: fc.nat(3),
  volumes: fc.constantFrom(['day', 'month'], ['day', 'month'], ['month'], ['month', 'day'], []),
  limit: fc.constantFrom(9, 9, 9, 9, 4, null),
  agent: fc.constantFrom('a', 'b'),
  late: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  back: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
})
/** Turns are often of one client's equal requests: that is what shares statements. */
const turn = fc.oneof(
  fc.array(wish, { maxLength: 10 }),
  fc.tuple(wish, fc.nat(12)).map(([one, times]) => Array<Wish>(times).fill(one)),
)
const turns = fc.array(turn, { minLength: 1, maxLength: 5 })

/** One run's world as it should be. */
interface World {
  readonly run: number
  readonly windows: Map<string, { used: number; readonly agents: Map<string, number> }>
  readonly lines: Map<string, { requests: number; units: number }>
}

const admissionOf = (run: number, { client, route, units, volumes, limit, agent, late }: Wish): Admission => {
  const now = late ? NOW + 3600 : NOW
  const origin = { day: '2027-01-15', address: '', userAgent: agent }
  const charges = volumes.map((name) => ({ ...volume(name, limit, units, `${run}/${client}`), origin, now }))
  const key = { realmId: `${run}`, clientId: `${client}`, apiKeyId: '', apiId: 'goods', route: `GET /${route}` }
  return { key, now, units, charges: units === 0 ? [] : charges }
}

const nameOf = ({ meter, span }: Charge): string => `${meter.account} ${meter.name} ${span.start}`
const lineOf = ({ key, now }: Admission): string => `${now - (now % 3600)} ${key.clientId} ${key.route}`

const expected = ({ windows, lines }: World, asked: Admission): AdmissionOutcome => {
  const { charges, units } = asked
  const before = new Map(charges.map((charge) => [nameOf(charge), windows.get(nameOf(charge))?.used ?? 0]))
  const now = new Map(before)
  const used: number[] = []
  for (const [n, charge] of charges.entries()) {
    const total = (now.get(nameOf(charge)) ?? 0) + charge.units
    if (charge.limit !== null && total > charge.limit)
      return { admitted: false, refusedBy: n, used: charges.map((one) => before.get(nameOf(one)) ?? 0) }
    now.set(nameOf(charge), total)
    used.push(total)
  }
  for (const charge of charges) move({ windows, lines }, charge, 1)
  const line = lines.get(lineOf(asked)) ?? { requests: 0, units: 0 }
  lines.set(lineOf(asked), { requests: line.requests + 1, units: line.units + units })
  return { admitted: true, used }
}

const move = ({ windows }: Pick<World, 'windows' | 'lines'>, charge: Charge, sign: 1 | -1): void => {
  const window = windows.get(nameOf(charge)) ?? { used: 0, agents: new Map<string, number>() }
  const { userAgent } = charge.origin
  window.used += sign * charge.units
  window.agents.set(userAgent, (window.agents.get(userAgent) ?? 0) + sign * charge.units)
  windows.set(nameOf(charge), window)
}

const undo = (world: World, taken: Admission): void => {
  for (const charge of taken.charges) move(world, charge, -1)
  const line = world.lines.get(lineOf(taken)) ?? assert.fail()
  world.lines.set(lineOf(taken), { requests: line.requests - 1, units: line.units - taken.units })
}

const compare = async (store: Store, ledger: Ledger, { run, windows, lines }: World): Promise<void> => {
  for (const [name, { used, agents }] of windows) {
    const [account = '', meter = '', start = ''] = name.split(' ')
    assert.equal(await ledger.used({ account, name: meter }, Number(start)), used)
    const rows = await ledger.breakdown({ account, name: meter }, Number(start), 10)
    assert.deepEqual(new Map(rows.map((row) => [row.userAgent, row.units])), new Map([...agents].filter(([, units]) => units > 0)))
  }
  const told = await store.metering.lines({ ...ALL, realmId: `${run}` }, null, 100)
  assert.deepEqual(
    new Map(told.map(({ hour, clientId, route, requests, units }) => [`${hour} ${clientId} ${route}`, { requests, units }])),
    new Map([...lines].filter(([, { requests }]) => requests > 0)),
  )
}

const mixes = async (store: Store, ledger: Ledger): Promise<void> => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(turns, async (lived) => {
      run += 1
      const world: World = { run, windows: new Map(), lines: new Map() }
      const admitted: Admission[] = []
      for (const wishes of lived) {
        const wanted: (AdmissionOutcome | undefined)[] = []
        const asked = wishes.map((one) => {
          const taken = one.back ? admitted.shift() : undefined
          if (taken !== undefined) {
            undo(world, taken)
            wanted.push(undefined)
            return store.metering.takeBack(taken).then(() => undefined)
          }
          const made = admissionOf(run, one)
          const outcome = expected(world, made)
          if (outcome.admitted) admitted.push(made)
          wanted.push(outcome)
          return store.metering.admit(made)
        })
        assert.deepEqual(await Promise.all(asked), wanted)
      }
      await compare(store, ledger, world)
    }),
    { numRuns: 400 },
  )
}

const flood = async (store: Store, ledger: Ledger): Promise<void> => {
  const asked = Array.from({ length: 3000 }, () => store.metering.admit(admission(both(2990, null))))
  const answers = await Promise.all(asked)
  assert.deepEqual(
    answers.map(({ admitted, used: [day] }) => [admitted, day]),
    Array.from({ length: 3000 }, (_, n) => [n < 2990, Math.min(n + 1, 2990)]),
  )
  assert.deepEqual(await usedOf(ledger), [2990, 2990])
  assert.deepEqual(await totals(store), [2990, 2990])
}

const nonsense = async (store: Store, ledger: Ledger): Promise<void> => {
  const odd: Admission[] = [
    ...[-1, 0.5, Number.NaN, 2 ** 53].map((units) => admission({ units })),
    ...[Number.NaN, -1, Number.POSITIVE_INFINITY].map((now) => admission({ now })),
    admission({ units: 2, charges: [volume('day', 5)] }),
    admission({ units: 0, charges: [volume('day', 5, 0)] }),
    admission({ charges: [{ ...volume('day', 5), now: DAY.end }] }),
    admission({ charges: [volume('day', -1)] }),
    admission({ charges: [volume('day', 5), volume('month', 5), volume('day', 5)] }),
  ]
  const answers = await Promise.allSettled([...odd, admission(both(5, 5))].map((one) => store.metering.admit(one)))
  for (const answer of answers.slice(0, -1)) assert.ok(answer.status === 'rejected' && answer.reason instanceof RangeError)
  assert.equal(answers.at(-1)?.status, 'fulfilled')
  for (const one of odd) await assert.rejects(store.metering.takeBack(one), RangeError)
  assert.deepEqual(await usedOf(ledger), [1, 1])
  assert.deepEqual(await totals(store), [1, 1])
}
