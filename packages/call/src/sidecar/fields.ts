// Header fields between the caller, the sidecar and the API: what must not travel on. RFC 9110 section 7.6.1.

export type Fields = readonly (readonly [name: string, value: string])[]

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Credentials are the sidecar's to show; `host` and `expect` are said anew on the next hop. */
const OURS: ReadonlySet<string> = new Set(['authorization', 'authorisation', 'dpop', 'host', 'expect', 'x-sidecar-key', 'sec-fetch-mode'])

/** What an API says to browsers, which have no business here, or about other places where it can be reached. */
const NOT_FOR_CALLERS: ReadonlySet<string> = new Set(['alt-svc', 'sidecar-error'])

/** A field as every reader of CGI names would spell it: `x_api_key` is `x-api-key` to some. */
const read = (name: string): string => name.replaceAll('_', '-')

/**
 * The caller's fields that go on to the API, names in lower case. Several `cookie` fields become one, as RFC 6265 wants it.
 * @param rawHeaders flat list as node:http gives it.
 * @param carriers fields that carry credentials in this dialect, lower case: the caller's copies stay behind.
 */
export function requestFields(rawHeaders: readonly string[], carriers: ReadonlySet<string>): Fields {
  const all = pairs(rawHeaders)
  const dropped = new Set([...namedByConnection(all), ...[...carriers].map(read)])
  const kept = all.filter(([name]) => !HOP_BY_HOP.has(name) && !OURS.has(read(name)) && !dropped.has(name) && !dropped.has(read(name)))
  const cookies = kept.filter(([name]) => name === 'cookie').map(([, value]) => value)
  if (cookies.length < 2) return kept
  return [...kept.filter(([name]) => name !== 'cookie'), ['cookie', cookies.join('; ')]]
}

/** The API's fields that go back to the caller; `access-control-*` never, so that no page of another site can read an answer. */
export function answerFields(headers: Headers): Fields {
  const all = [...headers].map(([name, value]) => [name, value] as const)
  const named = namedByConnection(all)
  return all.filter(
    ([name]) => !HOP_BY_HOP.has(name) && !NOT_FOR_CALLERS.has(name) && !named.has(name) && !name.startsWith('access-control-'),
  )
}

/** How often a field came, whatever its spelling. */
export function count(rawHeaders: readonly string[], name: string): number {
  return pairs(rawHeaders).filter(([one]) => one === name).length
}

function pairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const all: (readonly [string, string])[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) all.push([(rawHeaders[i] ?? '').toLowerCase(), rawHeaders[i + 1] ?? ''])
  return all
}

function namedByConnection(fields: Fields): ReadonlySet<string> {
  const named = fields.filter(([name]) => name === 'connection').flatMap(([, value]) => value.split(','))
  // Framing is never the caller's to take away.
  return new Set(named.map((name) => name.trim().toLowerCase()).filter((name) => name !== 'content-length' && name !== ''))
}
