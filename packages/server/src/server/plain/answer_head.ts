// The head of an answer to a plain request, as text. What could be read as another field, another head or another framing is an error here,
// wherever it came from: an upstream's fields were looked at before, and are looked at once more. RFC 9112 sections 4 to 7.
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { REQUEST_ID_HEADER } from '../answer.ts'

/** Longer than the proxies and pools in front keep their connections, so that they close them and not we. */
export const KEEP_ALIVE_MS = 75_000

/** `[name, value, name, value ...]` where it is a list. */
export type AnswerFields = OutgoingHttpHeaders | OutgoingHttpHeader[]

export interface AnswerTo {
  /** Of the request. */
  readonly method: string
  /** '' for one without a name. */
  readonly requestId: string
  /** Nothing follows on the connection. */
  readonly isLast: boolean
}

export interface AnswerHead {
  /** With the empty line; one character a byte (latin1). */
  readonly text: string
  readonly hasBody: boolean
  /** Bytes of the body; undefined: it goes in chunks, if there is one. */
  readonly length: number | undefined
  readonly isLast: boolean
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** 15 digits are a number exactly. */
const LENGTH = /^[0-9]{1,15}$/
/** The connection's, written here alone. */
const OURS = new Set(['transfer-encoding', 'keep-alive', 'trailer', 'upgrade'])
const KEEP_ALIVE = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(KEEP_ALIVE_MS / 1000)}\r\n`

/** @throws TypeError for what cannot be said on the wire */
export function writeHead(status: number, fields: AnswerFields, { method, requestId, isLast }: AnswerTo): AnswerHead {
  const told: Told = { length: undefined, isDated: false, saysClose: false, isNamed: requestId !== '' }
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  if (Array.isArray(fields)) for (let i = 0; i + 1 < fields.length; i += 2) text += lineOf(told, String(fields[i]), fields[i + 1])
  else for (const name of Object.keys(fields)) text += lineOf(told, name, fields[name])
  if (told.isNamed) text += `${REQUEST_ID_HEADER}: ${requestId}\r\n`
  if (!told.isDated) text += `Date: ${httpDate()}\r\n`
  if (!told.saysClose) text += isLast ? 'Connection: close\r\n' : KEEP_ALIVE
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304
  if (hasBody && told.length === undefined) text += 'Transfer-Encoding: chunked\r\n'
  return { text: `${text}\r\n`, hasBody, length: told.length, isLast: isLast || told.saysClose }
}

/** What the fields told so far say of the answer itself. */
interface Told {
  length: number | undefined
  isDated: boolean
  saysClose: boolean
  /** The request has a name. */
  readonly isNamed: boolean
}

function lineOf(told: Told, name: string, value: OutgoingHttpHeader | undefined): string {
  if (Array.isArray(value)) return value.map((one) => lineOf(told, name, one)).join('')
  const text = String(value)
  if (value === undefined || !VALUE.test(text)) throw new TypeError(`The field ${name} of an answer cannot be written.`)
  switch (nameOf(name)) {
    case 'connection':
      if (text !== 'close') return ''
      told.saysClose = true
      break
    case REQUEST_ID_HEADER:
      // Also in place of one that the upstream sent: the id is the caller's, the log's and the upstream's alike.
      if (told.isNamed) return ''
      break
    case 'content-length':
      if (told.length !== undefined || !LENGTH.test(text)) throw new TypeError('An answer has one length.')
      told.length = Number(text)
      break
    case 'date':
      told.isDated = true
      break
    default:
  }
  return `${name}: ${text}\r\n`
}

/** The names that were looked at before, in lower case; an upstream may invent some, so only so many. */
const known = new Map<string, string>()
const MOST_KNOWN = 1000

function nameOf(written: string): string {
  const before = known.get(written)
  if (before !== undefined) return before
  const name = written.toLowerCase()
  if (!NAME.test(written) || OURS.has(name)) throw new TypeError('An answer has a field that cannot be written.')
  if (known.size < MOST_KNOWN && written.length <= 64) known.set(written, name)
  return name
}

let dated = ''
let datedSecond = 0

/** RFC 9110 section 5.6.7, made once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== datedSecond) dated = new Date(second * 1000).toUTCString()
  datedSecond = second
  return dated
}
