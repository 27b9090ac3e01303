// Header fields between two hops: what must not travel, and what the caller must not claim. RFC 9110 section 7.6.1, RFC 9700 section 4.13.
import { isIdentityHeader } from '@countersign/guard/identity'

/** Hop-by-hop fields, and those that only this hop may write: the latter in any spelling that CGI reads alike (`x_forwarded_for`). */
const NEVER_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'forwarded',
  'x-real-ip',
  // Written anew: the name that this hop's log has for the request.
  'x-request-id',
  // The guard has judged one method and one path: an upstream must not be told of others.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-url',
  'x-rewrite-url',
])

/** All of them are words of a proxy on the hop before: on the connection (`-For`, `-Ssl`), the path (`-Prefix`), even the person (`-User`). */
const FORWARDED = 'x-forwarded-'

const HOP_BY_HOP_IN_ANSWERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/**
 * The caller's fields that go on to the upstream, as `[name, value, name, value ...]`.
 * @param stripped further names, lower case: the caller's credentials, where the upstream must not see them.
 */
export function forwardedFields(rawHeaders: readonly string[], connection: string | undefined, stripped: ReadonlySet<string>): string[] {
  const named = namedByConnection(connection)
  const fields: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = nameToForward(rawHeaders[i] ?? '')
    if (name === undefined || stripped.has(name) || named.has(name)) continue
    fields.push(name, rawHeaders[i + 1] ?? '')
  }
  return fields
}

/** Names as they were sent, and what becomes of them: there are few, and each comes with thousands of requests. */
const judged = new Map<string, string | undefined>()
/** A caller may invent names: what comes beyond so many is judged each time. */
const MOST_JUDGED = 1000
const LONGEST_JUDGED = 64

/** In lower case; undefined for one that must not travel. */
function nameToForward(sent: string): string | undefined {
  const before = judged.get(sent)
  if (before !== undefined || judged.has(sent)) return before
  const name = sent.toLowerCase()
  const read = name.replaceAll(/[_.]/g, '-')
  const dropped = NEVER_FORWARDED.has(read) || read.startsWith(FORWARDED) || isIdentityHeader(name)
  const judgement = dropped ? undefined : name
  if (judged.size < MOST_JUDGED && sent.length <= LONGEST_JUDGED) judged.set(sent, judgement)
  return judgement
}

/** Node reads the first of several; the proxy in front may have read the last: RFC 9112 section 3.2 has both refuse. */
export function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== 4 || rawHeaders[i]?.toLowerCase() !== 'host') continue
    if (seen) return true
    seen = true
  }
  return false
}

/**
 * The upstream's fields that go back to the caller.
 * @param sent `[name, value, name, value ...]`, names in lower case
 */
export function answerFields(sent: readonly string[], status: number): Record<string, string | string[]> {
  const named = namedByConnection(valuesOf(sent, 'connection'))
  // Beside chunks a length is a lie (RFC 9112 section 6.3), and with 101 and 204 there must be none (RFC 9110 section 8.6).
  const unmeasured = status === 204 || status === 101
  const fields: Record<string, string | string[]> = {}
  for (let i = 0; i + 1 < sent.length; i += 2) {
    const name = sent[i] ?? ''
    if (HOP_BY_HOP_IN_ANSWERS.has(name) || named.has(name) || (unmeasured && name === 'content-length')) continue
    const value = sent[i + 1] ?? ''
    const before = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (before === undefined) fields[name] = value
    else if (Array.isArray(before)) before.push(value)
    else fields[name] = [before, value]
  }
  return fields
}

/** All of a field's values, as one list. */
export function valuesOf(sent: readonly string[], name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i + 1 < sent.length; i += 2)
    if (sent[i] === name) value = value === undefined ? sent[i + 1] : `${value}, ${sent[i + 1] ?? ''}`
  return value
}

const NONE: ReadonlySet<string> = new Set()

function namedByConnection(field: string | undefined): ReadonlySet<string> {
  if (field === undefined || field === 'keep-alive' || field === 'close') return NONE
  return new Set(field.split(',').map((name) => name.trim().toLowerCase()))
}
