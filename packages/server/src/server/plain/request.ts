// Requests that have one reading only: all in one piece, no field twice, nothing of the connection's own, a head of visible ASCII, and a body
// of exactly the length that was told, if any. Most requests of a busy server are such. Every other is node:http's to read: its verdict is
// the only one, and here nothing is refused. RFC 9112 sections 3 to 6.
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Incoming } from '../../gateway/messages.ts'

export class PlainRequest implements Incoming {
  readonly method: string
  url: string
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  readonly socket: Socket
  readonly body: Uint8Array
  readonly complete = true

  constructor({ method, url, headers, rawHeaders }: Head, body: Uint8Array, socket: Socket) {
    this.method = method
    this.url = url
    this.headers = headers
    this.rawHeaders = rawHeaders
    this.body = body
    this.socket = socket
  }
}

type Head = Pick<PlainRequest, 'method' | 'url' | 'headers' | 'rawHeaders'>

/** Bytes, the body with them. */
const LONGEST = 16_384
const MOST_FIELDS = 50
const HEAD_END = Buffer.from('\r\n\r\n')
const NOTHING = new Uint8Array()

const REQUEST_LINE = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/[\x21-\x7e]*) HTTP\/1\.1$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const UNUSUAL = /[^\x20-\x7e]/
const LENGTH = /^(?:0|[1-9][0-9]{0,4})$/

/** What ends a message in another way, asks the connection to become another, or that node:http keeps as a list. */
const NOT_PLAIN = new Set(['transfer-encoding', 'trailer', 'expect', 'upgrade', 'proxy-connection', 'http2-settings', 'set-cookie'])

/** @returns undefined: the bytes are not exactly one plain request */
export function readPlain(bytes: Buffer, socket: Socket): PlainRequest | undefined {
  if (bytes.length > LONGEST) return undefined
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = readHead(bytes.toString('latin1', 0, end))
  if (head === undefined) return undefined
  const body = end + HEAD_END.length === bytes.length ? NOTHING : bytes.subarray(end + HEAD_END.length)
  const told = head.headers['content-length'] ?? '0'
  // Less has not come yet; more is another request, or was meant to be.
  return LENGTH.test(told) && Number(told) === body.length ? new PlainRequest(head, body, socket) : undefined
}

/** @param text without the empty line, one character a byte (latin1) */
function readHead(text: string): Head | undefined {
  const first = text.indexOf('\r\n')
  const line = first < 0 ? null : REQUEST_LINE.exec(text.slice(0, first))
  if (!line) return undefined
  const headers: IncomingHttpHeaders = {}
  const rawHeaders: string[] = []
  for (let at = first + 2; at < text.length; ) {
    const colon = text.indexOf(':', at)
    const found = text.indexOf('\r\n', at)
    const end = found < 0 ? text.length : found
    if (colon < 0 || colon > end || rawHeaders.length === 2 * MOST_FIELDS) return undefined
    const written = text.slice(at, colon)
    const name = nameOf(written)
    const value = withoutSpaces(text, colon + 1, end)
    if (name === undefined || UNUSUAL.test(value)) return undefined
    // Twice; or what every object has: `constructor`, `__proto__`.
    if (headers[name] !== undefined) return undefined
    if (name === 'connection' && value.toLowerCase() !== 'keep-alive') return undefined
    headers[name] = value
    rawHeaders.push(written, value)
    at = end + 2
  }
  return headers.host === undefined ? undefined : { method: line[1] ?? '', url: line[2] ?? '', headers, rawHeaders }
}

/** Names as callers write them, and how they are read: few, and each comes with every request. */
const known = new Map<string, string>()
const MOST_KNOWN = 1000
const LONGEST_KNOWN = 64

/** Undefined for what is no name, and for those of NOT_PLAIN. */
function nameOf(written: string): string | undefined {
  const before = known.get(written)
  if (before !== undefined) return before
  // A blank before the colon or at the start of a line (a folded value) is how one field passes for another.
  if (!NAME.test(written)) return undefined
  const name = written.toLowerCase()
  if (NOT_PLAIN.has(name)) return undefined
  // Copied: a piece of a text keeps all of the text.
  if (known.size < MOST_KNOWN && written.length <= LONGEST_KNOWN) known.set(copyOf(written), copyOf(name))
  return name
}

function copyOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function withoutSpaces(text: string, from: number, end: number): string {
  let start = from
  let last = end
  while (start < last && text.charCodeAt(start) === SPACE) start += 1
  while (last > start && text.charCodeAt(last - 1) === SPACE) last -= 1
  return text.slice(start, last)
}

const SPACE = 0x20
