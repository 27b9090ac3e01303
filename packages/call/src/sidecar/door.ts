// Who may come in: programs of this machine, not web pages, not under another host name, not to another place. Pure.
// DNS rebinding and cross-site requests are refused here, before anything is read or sent. RFC 9110 sections 7.4, 15.5.20.
import { createHash, timingSafeEqual } from 'node:crypto'
import { count } from './fields.ts'

export interface Refusal {
  readonly status: number
  readonly code: string
  /** One sentence with its mend. */
  readonly sentence: string
}

export interface Door {
  /** Every right value of `Host`; undefined on a unix socket, which no browser reaches. */
  readonly hosts: ReadonlySet<string> | undefined
  /** What callers must show as `x-sidecar-key`. */
  readonly key: string | undefined
}

export interface Arrival {
  readonly method: string
  /** The request target as it stood on the wire. */
  readonly target: string
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** Paths below it are the sidecar's own and never reach the API. */
export const OWN_PATHS = '/.sidecar/'

/** @returns undefined if the request may pass. */
export function refuse(arrival: Arrival, door: Door): Refusal | undefined {
  for (const check of CHECKS) {
    const refusal = check(arrival, door)
    if (refusal) return refusal
  }
  return undefined
}

type Check = (arrival: Arrival, door: Door) => Refusal | undefined

/** RFC 3986 without fragment and backslash; a few letters beside it, which programs send unescaped. */
const TARGET = /^\/[\w\-.~:/?[\]@!$&'()*+,;=%"<>^`{|}]*$/

const CHECKS: readonly Check[] = [
  ({ target }) =>
    TARGET.test(target) ? undefined : deny(400, 'bad_target', 'The request target must be a path that begins with / and has no backslash.'),
  ({ rawHeaders }) => (count(rawHeaders, 'host') === 1 ? undefined : deny(400, 'bad_host', 'Send exactly one Host field.')),
  ({ headers }, { hosts }) =>
    hosts === undefined || hosts.has(String(headers['host']).toLowerCase())
      ? undefined
      : deny(421, 'wrong_host', 'The sidecar answers to its own address only: call it by the address it printed when it started.'),
  ({ headers }) =>
    isBrowser(headers)
      ? deny(403, 'browser', 'The sidecar serves programs, not web pages: call it without the fields of a browser.')
      : undefined,
  ({ headers, target }, { key }) =>
    key === undefined || target === HEALTH || sameText(String(headers['x-sidecar-key'] ?? ''), key)
      ? undefined
      : deny(401, 'key_required', 'Show the key of this sidecar as x-sidecar-key.'),
  // An answer to TRACE would show the caller the credentials.
  ({ method }) => (method === 'TRACE' || method === 'CONNECT' ? deny(405, 'method_not_allowed', `${method} is not forwarded.`) : undefined),
  ({ headers }) => {
    const upgrade = headers['upgrade']
    // Java and others offer HTTP/2 with every first request; staying with HTTP/1.1 is a right answer.
    return upgrade === undefined || upgrade === 'h2c' ? undefined : deny(501, 'no_upgrade', 'Upgrades like WebSocket are not forwarded.')
  },
  ({ headers }) => {
    const coding = headers['transfer-encoding']
    if (coding === undefined || String(coding).trim().toLowerCase() === 'chunked') return undefined
    return deny(501, 'transfer_coding', 'The only transfer coding that is forwarded is chunked.')
  },
]

export const HEALTH = `${OWN_PATHS}health`

/**
 * Browsers send `sec-fetch-site` with every request to a loopback address, and `origin` where an answer could be read or a body is
 * sent. `sec-fetch-mode: cors` alone is what fetch of Node sends, and no browser does.
 */
function isBrowser(headers: Arrival['headers']): boolean {
  const names = Object.keys(headers)
  if (names.some((name) => name === 'origin' || name.startsWith('access-control-request-'))) return true
  if (names.some((name) => name.startsWith('sec-fetch-') && name !== 'sec-fetch-mode')) return true
  const mode = headers['sec-fetch-mode']
  return mode !== undefined && mode !== 'cors'
}

/** In a time that tells nothing about either. */
function sameText(shown: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(right))
}

function deny(status: number, code: string, sentence: string): Refusal {
  return { status, code, sentence }
}
