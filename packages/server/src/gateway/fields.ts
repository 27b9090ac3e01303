// Header fields between two hops: what must not travel, what the caller must not claim, what the upstream is told.
// RFC 9110 section 7.6.1, RFC 9700 section 4.13, RFC 7239.
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
    const name = (rawHeaders[i] ?? '').toLowerCase()
    const read = name.replaceAll(/[_.]/g, '-')
    if (NEVER_FORWARDED.has(read) || read.startsWith(FORWARDED) || stripped.has(name) || named.has(name) || isIdentityHeader(name)) continue
    fields.push(name, rawHeaders[i + 1] ?? '')
  }
  return fields
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

/** The upstream's fields that go back to the caller. */
export function answerFields(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string | string[]> {
  const connection = headers['connection']
  const named = namedByConnection(Array.isArray(connection) ? connection.join(',') : connection)
  const fields: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP_IN_ANSWERS.has(name) && !named.has(name)) fields[name] = value
  }
  return fields
}

const NONE: ReadonlySet<string> = new Set()

function namedByConnection(field: string | undefined): ReadonlySet<string> {
  if (field === undefined || field === 'keep-alive' || field === 'close') return NONE
  return new Set(field.split(',').map((name) => name.trim().toLowerCase()))
}
