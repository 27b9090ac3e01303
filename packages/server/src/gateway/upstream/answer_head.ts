// The head of an upstream's answer: from text to status, fields and how its body is framed. RFC 9112 sections 2 to 6, and no milder:
// whoever guesses what a head might have meant is the second reader that smuggling needs. Owns no bytes, no socket.

/** The upstream speaks no HTTP/1.1, or none that has one meaning only. */
export class BadAnswer extends Error {
  readonly code = 'UPSTREAM_BAD_ANSWER'
}

/** Bytes of the body if they are counted; until the connection ends where neither length nor coding was told. */
export type Framing = number | 'chunked' | 'until_close'

export interface AnswerHead {
  readonly status: number
  /** `[name, value, name, value ...]`, names in lower case, values without the blanks around them. */
  readonly fields: readonly string[]
  readonly framing: Framing
  /** How long the connection may be idle behind this answer; 0: it takes no other request. */
  readonly idleMs: number
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** 15 digits are a number exactly. */
const LENGTH = /^[0-9]{1,15}$/
/** An upstream that says nothing of it, as most, is taken to end a connection after five. */
export const IDLE_MS = 4_000
const MOST_IDLE_MS = 600_000
/** What its clock and the way there may take: it must not hang up while a request is on its way. */
const MARGIN_MS = 1_000
const KEEP_ALIVE_TIMEOUT = /(?:^|[,;\s])timeout\s*=\s*([0-9]{1,6})(?:$|[,;\s])/i

/**
 * @param text without the empty line, one character a byte
 * @param method of the request
 * @throws BadAnswer
 */
export function readHead(text: string, method: string): AnswerHead {
  const first = endOfLine(text, 0)
  const line = STATUS_LINE.exec(text.slice(0, first))
  if (!line) throw new BadAnswer('a status line that is none')
  const status = Number(line[2])
  const isOld = line[1] === '0'
  const fields: string[] = []
  const told: Told = { length: undefined, isChunked: false, closes: isOld, idleMs: IDLE_MS }
  for (let at = first + 2; at < text.length; ) {
    const end = endOfLine(text, at)
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon > end) throw new BadAnswer('a line without a field')
    const name = nameOf(text.slice(at, colon))
    const value = withoutBlanks(text, colon + 1, end)
    if (!VALUE.test(value)) throw new BadAnswer('a control character in a field')
    // Others, node:http among them, do not know `chunked` behind which there is one.
    if (name === 'transfer-encoding' && text.slice(colon, end).includes('\t')) throw new BadAnswer('a tab beside a transfer coding')
    fields.push(name, value)
    hear(told, name, value)
    at = end + 2
  }
  if (isOld && told.isChunked) throw new BadAnswer('chunks in HTTP/1.0')
  // Others take its end for the end of the connection, or read on behind a body.
  if (status < 200 && status !== 101 && (told.closes || announcesBody(told))) throw new BadAnswer('a hint that is none')
  const framing = framingOf(status, method, told)
  const ends = told.closes || framing === 'until_close' || (framing === 0 && announcesBody(told))
  return { status, fields, framing, idleMs: ends ? 0 : told.idleMs }
}

/** What the fields tell of the message itself. */
interface Told {
  length: number | undefined
  isChunked: boolean
  closes: boolean
  idleMs: number
}

function hear(told: Told, name: string, value: string): void {
  switch (name) {
    case 'content-length':
      if (told.length !== undefined || !LENGTH.test(value)) throw new BadAnswer('a length that is repeated or none')
      told.length = Number(value)
      break
    case 'transfer-encoding':
      // Another coding was not asked for, and cannot be taken off.
      if (told.isChunked || value.toLowerCase() !== 'chunked') throw new BadAnswer('a transfer coding that nobody asked for')
      told.isChunked = true
      break
    case 'connection':
      if (value !== 'keep-alive' && /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test(value)) told.closes = true
      break
    case 'keep-alive': {
      const seconds = KEEP_ALIVE_TIMEOUT.exec(value)?.[1]
      if (seconds !== undefined) told.idleMs = Math.max(0, Math.min(Number(seconds) * 1000 - MARGIN_MS, MOST_IDLE_MS))
      break
    }
    default:
  }
}

/** RFC 9112 section 6.3. */
function framingOf(status: number, method: string, { length, isChunked }: Told): Framing {
  if (isChunked && length !== undefined) throw new BadAnswer('a length beside chunks')
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0
  if (isChunked) return 'chunked'
  return length ?? 'until_close'
}

/**
 * Beside HEAD, 204 and 304 it is not sent. An upstream that sends it all the same would have it read as the answer to the next caller,
 * and from outside the two look alike.
 */
function announcesBody({ length, isChunked }: Told): boolean {
  return isChunked || (length !== undefined && length > 0)
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end < 0 ? text.length : end
}

/** Names as upstreams write them, and how they are written here: few, and each comes with every answer. */
const known = new Map<string, string>()
const MOST_KNOWN = 1000
const LONGEST_KNOWN = 64

function nameOf(written: string): string {
  const before = known.get(written)
  if (before !== undefined) return before
  // A blank before the colon or at the start of a line (a folded value) is how one field passes for another.
  if (!NAME.test(written)) throw new BadAnswer('a field name that is none')
  const name = written.toLowerCase()
  // Copied: a piece of a text keeps all of the text.
  if (known.size < MOST_KNOWN && written.length <= LONGEST_KNOWN) known.set(copyOf(written), copyOf(name))
  return name
}

function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function withoutBlanks(text: string, from: number, end: number): string {
  let start = from
  let last = end
  while (start < last && isBlank(text.charCodeAt(start))) start += 1
  while (last > start && isBlank(text.charCodeAt(last - 1))) last -= 1
  return text.slice(start, last)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
