// The lines of the bill as they are exported: read from the store page by page, summed up by hour, day or month of UTC, in a fixed order.
import type { UsageFilter, UsageKey, UsageLine } from '../model/metering.ts'
import type { Store } from '../model/store.ts'
import { spanOf } from '../model/window.ts'

export type Period = 'hour' | 'day' | 'month'

/** One line: of a period, or of that part of it which lies in the window that was asked for. */
export interface PeriodLine extends Omit<UsageLine, 'hour'> {
  /** Epoch seconds. */
  readonly start: number
  readonly end: number
}

/** By period, then realm, client, key, API, route; a piece at a time. Only one period is held in memory. */
export async function* periodLines(store: Pick<Store, 'metering'>, filter: UsageFilter, by: Period): AsyncGenerator<PeriodLine[]> {
  let sums = new Map<string, PeriodLine>()
  let end = filter.from
  let after: UsageLine | null = null
  let page: readonly UsageLine[]
  do {
    page = await store.metering.lines(filter, after, PAGE)
    after = page.at(-1) ?? null
    const pieces: PeriodLine[] = []
    for (const line of page) {
      if (line.hour >= end) {
        for (const sum of inOrder(sums)) pieces.push(sum)
        sums = new Map()
        end = spanIn(filter, by, line.hour).end
      }
      const name = nameOf(line)
      sums.set(name, added(sums.get(name) ?? { ...line, ...NOTHING, ...spanIn(filter, by, line.hour) }, line))
    }
    yield pieces
  } while (page.length === PAGE)
  yield inOrder(sums)
}

/** The period that holds `at`, as a whole. */
export function periodOf(by: Period, at: number): { readonly start: number; readonly end: number } {
  return spanOf(UTC[by], at)
}

const PAGE = 1000

const UTC = {
  hour: { unit: 'hour', timeZone: 'UTC' },
  day: { unit: 'day', timeZone: 'UTC' },
  month: { unit: 'month', timeZone: 'UTC' },
} as const

const NOTHING = {
  requests: 0,
  units: 0,
  answers: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 },
  bytesIn: 0,
  bytesOut: 0,
  milliseconds: 0,
}

function spanIn({ from, to }: UsageFilter, by: Period, at: number): { readonly start: number; readonly end: number } {
  const { start, end } = periodOf(by, at)
  return { start: Math.max(start, from), end: Math.min(end, to) }
}

function added(sum: PeriodLine, { requests, units, answers, bytesIn, bytesOut, milliseconds }: UsageLine): PeriodLine {
  return {
    ...sum,
    requests: sum.requests + requests,
    units: sum.units + units,
    answers: {
      '1xx': sum.answers['1xx'] + answers['1xx'],
      '2xx': sum.answers['2xx'] + answers['2xx'],
      '3xx': sum.answers['3xx'] + answers['3xx'],
      '4xx': sum.answers['4xx'] + answers['4xx'],
      '5xx': sum.answers['5xx'] + answers['5xx'],
      none: sum.answers.none + answers.none,
    },
    bytesIn: sum.bytesIn + bytesIn,
    bytesOut: sum.bytesOut + bytesOut,
    milliseconds: sum.milliseconds + milliseconds,
  }
}

const MEMBERS = ['realmId', 'clientId', 'apiKeyId', 'apiId', 'route'] as const satisfies readonly (keyof UsageKey)[]

function nameOf(key: UsageKey): string {
  return JSON.stringify(MEMBERS.map((member) => key[member]))
}

function inOrder(sums: ReadonlyMap<string, PeriodLine>): PeriodLine[] {
  return [...sums.values()].sort((a, b) => {
    const member = MEMBERS.find((one) => a[one] !== b[one])
    if (member === undefined) return 0
    return a[member] < b[member] ? -1 : 1
  })
}
