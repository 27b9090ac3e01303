// The head of a request to an upstream, as text. RFC 9112 section 3. Whatever could make two requests of one is refused here once more,
// wherever it came from.
import type { Ask } from './ask.ts'

type RequestFraming = 'none' | 'length' | 'chunked'

const METHOD = /^[A-Z]{1,32}$/i
const TARGET = /^[\x21-\x7e\x80-\xff]+$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
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
  let lengths = 0
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? ''
    if (name === 'content-length') lengths += 1
    else if (name === 'transfer-encoding') throw new Error('the framing is not the caller’s to write')
    text += `${checkedName(name)}: ${checked(fields[i + 1] ?? '')}\r\n`
  }
  if (lengths > 1) throw new Error('two lengths')
  if (body === undefined) {
    if (lengths === 0 && ANTICIPATES_BODY.has(method)) text += 'content-length: 0\r\n'
    return { text: `${text}\r\n`, framing: 'none' }
  }
  if (lengths === 1) return { text: `${text}\r\n`, framing: 'length' }
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
  if (known.size < MOST_KNOWN && name.length <= 64) known.add(name)
  return name
}
