// Lines of the bill as rows, one an hour and key: counted up, taken back, told of answers. What is written together is one statement.
import type { Admission, Observation, UsageKey, UsageLine } from '../../model/metering.ts'
import { insertRows } from '../rows.ts'
import type { SqlValue, Unit } from '../sql.ts'
import { statement } from '../sql.ts'

/** Counts admitted requests. */
export function* countRequests(admissions: readonly Admission[]): Unit<void> {
  yield* COUNT(countsOf(admissions).map(({ key, hour, requests, units }) => [...lineKey(key, hour), requests, units]))
}

/** Takes requests back, never below nothing. */
export function* uncountRequests(admissions: readonly Admission[]): Unit<void> {
  for (const line of countsOf(admissions)) {
    if ((yield uncount(line)) > 0 || line.requests === 1) continue
    // Some of them were never counted, or are forgotten.
    for (const { key, units } of line.of) yield uncount({ key, hour: line.hour, requests: 1, units })
  }
}

/** Answers, bytes and milliseconds of one line, ready to be added to it. */
export interface Observed extends Pick<UsageLine, 'answers' | 'bytesIn' | 'bytesOut' | 'milliseconds'> {
  readonly key: UsageKey
  readonly hour: number
}

export const observedOf = (observations: readonly Observation[]): readonly Observed[] =>
  linesOf(observations, ({ key, at, milliseconds }) => ({ key, hour: hourOfEnd(at, milliseconds) })).map(({ key, hour, of }) => {
    const answers = { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 }
    let [bytesIn, bytesOut, milliseconds] = [0, 0, 0]
    for (const one of of) {
      answers[CLASSES[Math.floor(one.status / 100)] ?? 'none'] += 1
      bytesIn += amount(one.bytesIn)
      bytesOut += amount(one.bytesOut)
      milliseconds += amount(one.milliseconds)
    }
    return { key, hour, answers, bytesIn: Math.round(bytesIn), bytesOut: Math.round(bytesOut), milliseconds: Math.round(milliseconds) }
  })

export function* addObserved(lines: readonly Observed[]): Unit<void> {
  yield* OBSERVE(
    lines.map(({ key, hour, answers, bytesIn, bytesOut, milliseconds }) => [
      ...lineKey(key, hour),
      ...CLASSES_IN_ORDER.map((name) => answers[name]),
      bytesIn,
      bytesOut,
      milliseconds,
    ]),
  )
}

const HOUR = 3600

/** Seconds after its end that an hour still hears of its requests. */
const GRACE = 60

const hourOf = (at: number): number => Math.floor(at / HOUR) * HOUR

/** A request that outlasts its hour is told of in the hour in which it ends, so that an hour that was exported stays as it is. */
const hourOfEnd = (at: number, milliseconds: number): number => {
  const hour = hourOf(at)
  const end = at + amount(milliseconds) / 1000
  return end < hour + HOUR + GRACE ? hour : hourOf(end)
}

const CLASSES: readonly (keyof UsageLine['answers'] | undefined)[] = [undefined, '1xx', '2xx', '3xx', '4xx', '5xx']
const CLASSES_IN_ORDER = ['1xx', '2xx', '3xx', '4xx', '5xx', 'none'] as const

/** A year of milliseconds is the least that is nonsense; a petabyte of a single request is too. */
const MOST = 1e15
const amount = (value: number): number => (value > 0 && value < MOST ? value : 0)

/** What is counted under one line. */
interface Line<T> {
  readonly key: UsageKey
  readonly hour: number
  readonly of: T[]
}

interface Count extends Line<Admission> {
  readonly requests: number
  readonly units: number
}

const countsOf = (admissions: readonly Admission[]): readonly Count[] =>
  linesOf(admissions, ({ key, now }) => ({ key, hour: hourOf(now) })).map(({ key, hour, of }) => {
    let units = 0
    for (const admission of of) units += admission.units
    return { key, hour, of, requests: of.length, units }
  })

const linesOf = <T>(all: readonly T[], lineOf: (one: T) => { readonly key: UsageKey; readonly hour: number }): readonly Line<T>[] => {
  const lines: Line<T>[] = []
  const byName = new Map<string, Line<T>>()
  let last: Line<T> | undefined
  for (const one of all) {
    const { key, hour } = lineOf(one)
    // Most often one client's requests come in a row: a name need not be made for each.
    if (last === undefined || last.hour !== hour || !isSameKey(last.key, key)) {
      const name = nameOf(key, hour)
      last = byName.get(name)
      if (last === undefined) {
        last = { key, hour, of: [] }
        byName.set(name, last)
        lines.push(last)
      }
    }
    last.of.push(one)
  }
  return lines
}

const isSameKey = (a: UsageKey, b: UsageKey): boolean =>
  a === b ||
  (a.clientId === b.clientId && a.route === b.route && a.apiKeyId === b.apiKeyId && a.apiId === b.apiId && a.realmId === b.realmId)

/** As the row has it, so that what the row takes for one line is one. */
const nameOf = (key: UsageKey, hour: number): string => lineKey(key, hour).join('\0')

const LONGEST = 256

const lineKey = ({ realmId, clientId, apiKeyId, apiId, route }: UsageKey, hour: number): SqlValue[] => [
  hour,
  bounded(realmId),
  bounded(clientId),
  bounded(apiKeyId),
  bounded(apiId),
  bounded(route),
]

/** PostgreSQL has no NUL in a text. */
const bounded = (text: string): string => {
  const cut = text.length > LONGEST ? text.slice(0, LONGEST) : text
  return cut.includes('\0') ? cut.replaceAll('\0', '') : cut
}

const KEY = 'hour, realm_id, client_id, api_key_id, api_id, route'
const add = (...columns: string[]): string =>
  `ON CONFLICT (${KEY}) DO UPDATE SET ${columns.map((one) => `${one} = usage_hours.${one} + excluded.${one}`).join(', ')}`

const COUNTED = ['requests', 'units']
const COUNT = insertRows(`INSERT INTO usage_hours (${KEY}, ${COUNTED.join(', ')})`, 8, add(...COUNTED))

const OBSERVED = [...CLASSES_IN_ORDER.map((name) => `answers_${name}`), 'bytes_in', 'bytes_out', 'milliseconds']
const OBSERVE = insertRows(`INSERT INTO usage_hours (${KEY}, ${OBSERVED.join(', ')})`, 15, add(...OBSERVED))

const UNCOUNT = `UPDATE usage_hours SET requests = requests - ?, units = units - ?
  WHERE hour = ? AND realm_id = ? AND client_id = ? AND api_key_id = ? AND api_id = ? AND route = ? AND requests >= ? AND units >= ?`

const uncount = ({ key, hour, requests, units }: Pick<Count, 'key' | 'hour' | 'requests' | 'units'>) =>
  statement(UNCOUNT, requests, units, ...lineKey(key, hour), requests, units)
