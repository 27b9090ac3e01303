// How lines of the bill are written: CSV (RFC 4180), JSON lines, CloudEvents 1.0 as JSON lines. The same line is the same text, always.
import { hash } from 'node:crypto'
import { isoTime, jsonText, printable } from './listing.ts'
import type { Period, PeriodLine } from './usage_lines.ts'

export interface UsageFormat {
  /** Before the first line. */
  readonly head: string
  /** @param source of the line's realm: its issuer, or a path if there is none any more */
  readonly line: (line: PeriodLine, by: Period, source: string) => string
  /** Each line is told for good, so only of whole periods that are over. */
  readonly isFinal: boolean
}

const CSV_HEAD = [
  'start,end,realm,client,api_key,api,route,requests,units',
  'answers_1xx,answers_2xx,answers_3xx,answers_4xx,answers_5xx,answers_none,bytes_in,bytes_out,milliseconds',
]

export const USAGE_FORMATS: ReadonlyMap<string, UsageFormat> = new Map([
  ['csv', { head: csvRow(CSV_HEAD), line: (line) => csvRow(cellsOf(line)), isFinal: false }],
  ['jsonl', { head: '', line: (line) => `${jsonText(nested(line))}\n`, isFinal: false }],
  ['cloudevents', { head: '', line: (line, by, source) => `${jsonText(event(line, by, source))}\n`, isFinal: true }],
])

function event(line: PeriodLine, by: Period, source: string): object {
  return {
    specversion: '1.0',
    // Of the line's key alone: who is told twice knows it.
    id: hash('sha256', JSON.stringify(Object.values(keyOf(line))), 'base64url'),
    source,
    type: `countersign.usage.${by}`,
    subject: line.clientId,
    time: isoTime(line.end),
    datacontenttype: 'application/json',
    data: nested(line),
  }
}

function keyOf({ start, end, realmId, clientId, apiKeyId, apiId, route }: PeriodLine) {
  return { start: isoTime(start), end: isoTime(end), realm: realmId, client: clientId, api_key: apiKeyId, api: apiId, route }
}

function nested(line: PeriodLine) {
  const { requests, units, answers, bytesIn, bytesOut, milliseconds } = line
  return { ...keyOf(line), requests, units, answers: inOrder(answers), bytes_in: bytesIn, bytes_out: bytesOut, milliseconds }
}

function cellsOf(line: PeriodLine): string[] {
  const { requests, units, answers, bytesIn, bytesOut, milliseconds } = line
  const counts = [requests, units, ...Object.values(inOrder(answers)), bytesIn, bytesOut, milliseconds]
  return [...Object.values(keyOf(line)).map(cell), ...counts.map(String)]
}

function inOrder(answers: PeriodLine['answers']): PeriodLine['answers'] {
  const { '1xx': informational, '2xx': successful, '3xx': redirecting, '4xx': refused, '5xx': failed, none } = answers
  return { '1xx': informational, '2xx': successful, '3xx': redirecting, '4xx': refused, '5xx': failed, none }
}

function csvRow(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`
}

/** What begins like a formula begins with an apostrophe, and so does what begins with one: whoever reads takes the first one away. */
const FORMULA = /^[-=+@'\uff0d\uff1d\uff0b\uff20]/
/** Some programs part cells at other characters than a comma. */
const PLAIN = /^[\w .:/*-]*$/

function cell(value: string): string {
  const text = printable(value)
  const harmless = FORMULA.test(text) ? `'${text}` : text
  return PLAIN.test(harmless) ? harmless : `"${harmless.replaceAll('"', '""')}"`
}
