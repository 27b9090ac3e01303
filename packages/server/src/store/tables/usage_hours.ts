// Lines of the bill as rows, one an hour and key: counted up, taken back, told of answers. What is written together is one statement.
import type { Admission, ObservedLine, UsageKey } from '../../model/metering.ts'
import { ANSWER_CLASSES, hourOf, isSameKey } from '../../model/observed.ts'
import { insertRows } from '../rows.ts'
import type { SqlValue, Unit } from '../sql.ts'
import { statement } from '../sql.ts'
import { inOrder } from './charges.ts'

/** Counts admitted requests. */
export function* countRequests(admissions: readonly Admission[]): Unit<void> {
  yield* COUNT(countsOf(admissions).map(({ key, hour, requests, units, unseen }) => [...lineKey(key, hour), requests, units, unseen]))
}

/** Takes requests back, never below nothing. */
export function* uncountRequests(admissions: readonly Admission[]): Unit<void> {
  for (const line of countsOf(admissions)) {
    if ((yield uncount(line)) > 0 || line.requests === 1) continue
    // Some of them were never counted, or are forgotten.
    for (const { key, units, unseen } of line.of)
      yield uncount({ key, hour: line.hour, requests: 1, units, unseen: Number(unseen === true) })
  }
}

/** Adds answers, bytes and milliseconds. */
export function* addObserved(observed: readonly ObservedLine[]): Unit<void> {
  const rows = linesOf(observed, (one) => one).map(({ key, hour, of }) => {
    const values: number[] = []
    for (const { answers, bytesIn, bytesOut, milliseconds } of of) {
      const parts = [...ANSWER_CLASSES.map((name) => answers[name]), bytesIn, bytesOut, milliseconds]
      for (const [n, part] of parts.entries()) values[n] = (values[n] ?? 0) + part
    }
    return [...lineKey(key, hour), ...values.map(Math.round)]
  })
  yield* OBSERVE(rows)
}

/** What is counted under one line. */
interface Line<T> {
  readonly key: UsageKey
  readonly hour: number
  readonly of: T[]
}

interface Count extends Line<Admission> {
  readonly requests: number
  readonly units: number
  /** Requests whose answer nobody is going to see. */
  readonly unseen: number
}

const countsOf = (admissions: readonly Admission[]): readonly Count[] =>
  linesOf(admissions, ({ key, now }) => ({ key, hour: hourOf(now) })).map(({ key, hour, of }) => {
    let units = 0
    let unseen = 0
    for (const admission of of) {
      units += admission.units
      if (admission.unseen === true) unseen += 1
    }
    return { key, hour, of, requests: of.length, units, unseen }
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
  // In one order for all who write lines, so that none waits for another that waits for it.
  return lines.length === 1 ? lines : inOrder(byName).map(([, line]) => line)
}

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

const COUNTED = ['requests', 'units', 'answers_none']
const COUNT = insertRows(`INSERT INTO usage_hours (${KEY}, ${COUNTED.join(', ')})`, 9, add(...COUNTED))

const OBSERVED = [...ANSWER_CLASSES.map((name) => `answers_${name}`), 'bytes_in', 'bytes_out', 'milliseconds']
const OBSERVE = insertRows(`INSERT INTO usage_hours (${KEY}, ${OBSERVED.join(', ')})`, 15, add(...OBSERVED))

const UNCOUNT = `UPDATE usage_hours SET requests = requests - ?, units = units - ?, answers_none = answers_none - ?
  WHERE hour = ? AND realm_id = ? AND client_id = ? AND api_key_id = ? AND api_id = ? AND route = ? AND requests >= ? AND units >= ? AND answers_none >= ?`

const uncount = ({ key, hour, requests, units, unseen }: Omit<Count, 'of'>) =>
  statement(UNCOUNT, requests, units, unseen, ...lineKey(key, hour), requests, units, unseen)
