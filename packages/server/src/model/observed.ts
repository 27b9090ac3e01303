// What became of admitted requests, summed up as it comes: one line an hour and key, since a busy gateway has ten thousand answers a second
// and a bill has one line of them. Pure but for its own sums.
import type { Observation, ObservedLine, UsageKey } from './metering.ts'

export interface ObservedSums {
  readonly add: (observation: Observation) => void
  /** Adds lines that were taken and could not be written. */
  putBack(lines: readonly ObservedLine[]): void
  /** All lines since the last call. */
  take(): readonly ObservedLine[]
}

export const createObservedSums = (): ObservedSums => {
  let lines = new Map<string, Sum>()
  let last: Sum | undefined

  const lineOf = (key: UsageKey, hour: number): Sum => {
    // Most often one client's requests come in a row: a name need not be made for each.
    if (last?.hour === hour && isSameKey(last.key, key)) return last
    const name = nameOf(key, hour)
    last = lines.get(name)
    if (last === undefined) {
      last = { key, hour, answers: { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 }, bytesIn: 0, bytesOut: 0, milliseconds: 0 }
      lines.set(name, last)
    }
    return last
  }

  return {
    add({ key, at, status, bytesIn, bytesOut, milliseconds }) {
      const line = lineOf(key, hourOfEnd(at, milliseconds))
      line.answers[CLASSES[Math.floor(status / 100)] ?? 'none'] += 1
      line.bytesIn += amount(bytesIn)
      line.bytesOut += amount(bytesOut)
      line.milliseconds += amount(milliseconds)
    },
    putBack(taken) {
      for (const { key, hour, answers, bytesIn, bytesOut, milliseconds } of taken) {
        const line = lineOf(key, hour)
        for (const name of ANSWER_CLASSES) line.answers[name] += answers[name]
        line.bytesIn += bytesIn
        line.bytesOut += bytesOut
        line.milliseconds += milliseconds
      }
    },
    take() {
      const taken = [...lines.values()]
      lines = new Map()
      last = undefined
      return taken
    },
  }
}

/** Several at once. */
export const observedOf = (observations: readonly Observation[]): readonly ObservedLine[] => {
  const sums = createObservedSums()
  for (const one of observations) sums.add(one)
  return sums.take()
}

/** Classes of answers in the order of their columns. */
export const ANSWER_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const

export const isSameKey = (a: UsageKey, b: UsageKey): boolean =>
  a === b ||
  (a.clientId === b.clientId && a.route === b.route && a.apiKeyId === b.apiKeyId && a.apiId === b.apiId && a.realmId === b.realmId)

/** Start of the hour of UTC that a moment is in. Epoch seconds. */
export const hourOf = (at: number): number => Math.floor(at / HOUR) * HOUR

interface Sum extends ObservedLine {
  readonly answers: Record<(typeof ANSWER_CLASSES)[number], number>
  bytesIn: number
  bytesOut: number
  milliseconds: number
}

const HOUR = 3600

/** Seconds after its end that an hour still hears of its requests. */
const GRACE = 60

/** A request that outlasts its hour is told of in the hour in which it ends, so that an hour that was exported stays as it is. */
const hourOfEnd = (at: number, milliseconds: number): number => {
  const hour = hourOf(at)
  const end = at + amount(milliseconds) / 1000
  return end < hour + HOUR + GRACE ? hour : hourOf(end)
}

const CLASSES: readonly ((typeof ANSWER_CLASSES)[number] | undefined)[] = [undefined, '1xx', '2xx', '3xx', '4xx', '5xx']

/** A year of milliseconds is the least that is nonsense; a petabyte of a single request is too. */
const MOST = 1e15
const amount = (value: number): number => (value > 0 && value < MOST ? value : 0)

const nameOf = ({ realmId, clientId, apiKeyId, apiId, route }: UsageKey, hour: number): string =>
  `${hour}\0${realmId}\0${clientId}\0${apiKeyId}\0${apiId}\0${route}`
