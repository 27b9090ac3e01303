// The head of a request to an upstream, as text. RFC 9112 section 3. Whatever could make two requests of one is refused here once more,
// wherever it came from.
import type { Ask } from './ask.ts'

/** Bytes of the body if they are announced. */
type RequestFraming = number | 'chunked'

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/
const TARGET = /^[\x21-\x7e\x80-\xff]+$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
/** 15 digits are a number exactly. */
const LENGTH = /^[0-9]{1,15}$/
/** What is the connection's own: written once, here. */
const OWN = new Set(['host', 'connection', 'upgrade', 'transfer-encoding'])
/** RFC 9110 section 8.6: without it an upstream may wait for a body. */
const ANTICIPATES_BODY = new Set(['POST', 'PUT', 'PATCH'])

export interface RequestHead {
  /** With the empty line; one byte a character (latin1). */
  readonly text: string
  readonly framing: RequestFraming
}

/** @throws Error for what cannot be said on the wire: a malfunction, since the caller's own was refused before */
export function writeHead(ask: Ask, host: string): RequestHead {
  const { method, path, fields, body, protocol } = ask
  if (!METHOD.test(method) || !TARGET.test(path)) throw new Error('a request line that cannot be written')
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
  text += protocol === undefined ? 'connection: keep-alive\r\n' : `connection: upgrade\r\nupgrade: ${checked(protocol)}\r\n`
  let length: number | undefined
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = checked(fields[i + 1] ?? '')
    if (name === 'content-length') {
      if (length !== undefined || !LENGTH.test(value)) throw new Error('a length that is repeated or none')
      length = Number(value)
    }
    text += `${checkedName(name)}: ${value}\r\n`
  }
  if (body === undefined) {
    // The upstream would take the next request for the body.
    if (length !== undefined && length > 0) throw new Error('a length without a body')
    if (length === undefined && ANTICIPATES_BODY.has(method)) text += 'content-length: 0\r\n'
    return { text: `${text}\r\n`, framing: 0 }
  }
  if (length !== undefined) return { text: `${text}\r\n`, framing: length }
  return { text: `${text}transfer-encoding: chunked\r\n\r\n`, framing: 'chunked' }
}

function checked(value: string): string {
  if (!VALUE.test(value)) throw new Error('a control character in a field')
  return value
}

/** The names that were looked at before; a caller may invent some, so only so many. */
const known = new Set<string>()
const MOST_KNOWN = 1000

function checkedName(name: string): string {
  if (known.has(name)) return name
  if (!NAME.test(name)) throw new Error('a field name that is none')
  if (OWN.has(name)) throw new Error('a field that is the connection’s own')
  if (known.size < MOST_KNOWN && name.length <= 64) known.add(name)
  return name
}
