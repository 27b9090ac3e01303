// The ledger against a tiny model of it in memory, under a simulated clock: random turns of charges and refunds over ends of months and
// days, with daylight saving, limits that change, sweeps; thousands of runs.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Meter, Receipt, Span } from '../../src/model/ledger.ts'
import type { Plan, Quota } from '../../src/model/plan.ts'
import { dayOf, spanOf } from '../../src/model/window.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import type { Sql } from '../../src/store/sql.ts'
import type { Charging } from './charging.ts'
import { WAYS, withToken } from './charging.ts'
import { charge } from './samples.ts'

interface Held {
  readonly end: number
  used: number
  readonly usage: Map<string, number>
}

/** One account's meter as it should be: windows by their start. */
type Model = Map<number, Held>

type Step = { readonly refund: number } | { readonly refund: null; readonly units: number; readonly agent: string }

interface Turn {
  readonly passed: number
  /** What the operator changes the limit to for this turn; undefined: it is the plan's. */
  readonly limit: number | undefined
  readonly steps: readonly Step[]
  readonly sweep: boolean
}

const plan = (unit: Quota['window']['unit'], timeZone: string, mode: Quota['mode'] = 'enforce'): Plan => ({
  tokens: { limit: 9, window: { unit, timeZone }, mode, warnAt: [50, 80, 95] },
  rate: null,
  requests: null,
})
const PLANS: readonly Plan[] = [
  plan('month', 'Europe/Lisbon'),
  plan('month', 'UTC'),
  plan('day', 'America/St_Johns'),
  plan('hour', 'Australia/Lord_Howe'),
  plan('day', 'Europe/Lisbon', 'warn'),
]
const QUOTAS: readonly Quota[] = PLANS.flatMap(({ tokens }) => tokens ?? [])
/** Shortly before ends of months, a leap day, and the turns of clocks in these zones. */
const BEGINNINGS = [
  '2026-10-24T22:00Z',
  '2026-10-31T22:30Z',
  '2026-11-30T23:00Z',
  '2028-02-28T20:00Z',
  '2026-04-04T13:00Z',
  '2006-10-29T01:00Z',
]

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ refund: fc.constant(null), units: fc.integer({ min: 1, max: 4 }), agent: fc.constantFrom('a', 'b') }),
  },
  { weight: 1, arbitrary: fc.record({ refund: fc.nat(40) }) },
)
const turn: fc.Arbitrary<Turn> = fc.record({
  passed: fc.oneof(fc.nat(90), fc.nat(5400), fc.nat(3 * 86_400)),
  limit: fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom(0, 4, 15) }),
  steps: fc.array(step, { maxLength: 7 }),
  sweep: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
})

let sql: Sql
before(async () => {
  sql = await openSqlite({ file: ':memory:' })
})
after(() => sql.close())

const modelCharge = (model: Model, span: Span, units: number, limit: number | null, origin: string): number | undefined => {
  const held = model.get(span.start) ?? { end: span.end, used: 0, usage: new Map<string, number>() }
  if (limit !== null && held.used + units > limit) return undefined
  held.used += units
  held.usage.set(origin, (held.usage.get(origin) ?? 0) + units)
  model.set(span.start, held)
  return held.used
}

const modelRefund = (model: Model, { charge: { span, units, origin } }: Receipt): void => {
  const held = model.get(span.start)
  const name = `${origin.day} ${origin.userAgent}`
  const left = (held?.usage.get(name) ?? 0) - units
  if (held === undefined || left < 0) return
  held.used -= units
  held.usage.set(name, left)
}

const compare = async (ledger: Charging, meter: Meter, starts: ReadonlySet<number>, model: Model): Promise<void> => {
  for (const start of starts) {
    const held = model.get(start)
    assert.equal(await ledger.used(meter, start), held?.used ?? 0)
    const rows = await ledger.breakdown(meter, start, 100)
    assert.deepEqual(
      new Map(rows.map((row) => [`${row.day} ${row.userAgent}`, row.units])),
      new Map([...(held?.usage ?? [])].filter(([, units]) => units > 0)),
    )
  }
}

/** The tokens of a turn are recorded together, and what is taken back of others behind them; requests go as they come. */
const turnOf = (charging: unknown): fc.Arbitrary<Turn> =>
  charging === withToken ? turn.map((made) => ({ ...made, steps: made.steps.toSorted(byRefund) })) : turn
const byRefund = (a: Step, b: Step): number => Number(a.refund !== null) - Number(b.refund !== null)

/** One run of one account; the clock starts at `begin` and only goes forward. */
const live = async (ledger: Charging, meter: Meter, quota: Quota, begin: number, turns: readonly Turn[]): Promise<void> => {
  const model: Model = new Map()
  const starts = new Set<number>()
  const receipts: Receipt[] = []
  let now = begin
  for (const { passed, limit: changed, steps, sweep } of turns) {
    now += passed
    const span = spanOf(quota.window, now)
    const limit = quota.mode === 'enforce' ? (changed ?? quota.limit) : null
    starts.add(span.start)
    const day = dayOf(quota.window, now)
    const asked: Promise<void>[] = []
    for (const wanted of steps) {
      if (wanted.refund === null) {
        const { units, agent } = wanted
        const expected = modelCharge(model, span, units, limit, `${day} ${agent}`)
        const usedThen = expected ?? model.get(span.start)?.used ?? 0
        const origin = { day, address: '', userAgent: agent }
        const check = ledger.charge(charge({ meter, span, units, limit, now, origin })).then((answer) => {
          assert.deepEqual([answer.charged, answer.used], [expected !== undefined, usedThen])
          if (answer.charged) receipts.push(answer)
        })
        asked.push(check)
      } else {
        const [receipt] = receipts.splice(wanted.refund % (receipts.length + 1), 1)
        if (receipt === undefined) continue
        modelRefund(model, receipt)
        asked.push(ledger.refund(receipt))
      }
    }
    await Promise.all(asked)
    if (sweep) {
      await ledger.sweep(now)
      for (const [start, held] of model) if (held.end < now) model.delete(start)
    }
  }
  await compare(ledger, meter, starts, model)
}

for (const [what, charging] of WAYS) {
  test(`whatever is charged with ${what} and refunded in whatever turns, the ledger is what its model is`, async () => {
    const ledger = charging(sql)
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...QUOTAS),
        fc.constantFrom(...BEGINNINGS),
        fc.array(turnOf(charging), { minLength: 1, maxLength: 12 }),
        async (quota, begin, turns) => {
          runs += 1
          await live(ledger, { account: `model/${what}/${runs}`, name: 'tokens' }, quota, Date.parse(begin) / 1000, turns)
        },
      ),
      { numRuns: 2000 },
    )
    assert.ok(runs >= 2000)
  })

  test(`accounts that live at the same time and are charged with ${what} do not touch each other`, async () => {
    const ledger = charging(sql)
    let runs = 0
    const lives = fc.array(
      fc.array(
        turnOf(charging).map((made) => ({ ...made, sweep: false })),
        { minLength: 1, maxLength: 6 },
      ),
      { minLength: 2, maxLength: 8 },
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...QUOTAS), fc.constantFrom(...BEGINNINGS), lives, async (quota, begin, many) => {
        runs += 1
        await Promise.all(
          many.map((turns, n) =>
            live(ledger, { account: `lives/${what}/${runs}/${n}`, name: 'tokens' }, quota, Date.parse(begin) / 1000, turns),
          ),
        )
      }),
      { numRuns: 300 },
    )
  })
}
