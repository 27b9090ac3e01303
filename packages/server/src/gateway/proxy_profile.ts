// How each proxy puts its question about a request, and which refusals it can pass on. One row a proxy; judges nothing.
// What the proxies do was tried with nginx 1.22, Caddy 2.6 and HAProxy 2.6; Traefik and Envoy are as their manuals have it.
import type { IncomingHttpHeaders } from 'node:http'
import type { Incoming } from './messages.ts'

/** The request that the proxy has before it. */
interface Question {
  readonly method: string
  /** Path and query as the upstream is going to see them. */
  readonly url: string
}

export interface ProxyProfile {
  /** The original request stands in the asking one itself, its path behind ours. */
  readonly appended: boolean
  /** @param rest what follows the endpoint's own path; @returns undefined where the proxy does not say what it asks about */
  readonly read: (request: Incoming, rest: string) => Question | undefined
  /**
   * Whether any status gets through the proxy with its headers and body. If not (nginx makes 500 of all but 401 and 403), every other
   * refusal is a 403 that carries the true one: `x-guard-status`, `x-guard-problem`.
   */
  readonly passesEveryStatus: boolean
}

/** By the last segment of the endpoint's path. */
export const PROXY_PROFILES: ReadonlyMap<string, ProxyProfile> = new Map([
  ['nginx', { appended: false, read: readOriginal, passesEveryStatus: false }],
  ['haproxy', { appended: false, read: readOriginal, passesEveryStatus: true }],
  ['caddy', { appended: false, read: readForwarded, passesEveryStatus: true }],
  ['traefik', { appended: false, read: readForwarded, passesEveryStatus: true }],
  ['envoy', { appended: true, read: readAppended, passesEveryStatus: true }],
])

/** The headers that our own recipes set. */
function readOriginal({ headers }: Incoming): Question | undefined {
  return question(headers['x-original-method'], headers['x-original-uri'])
}

function readForwarded({ headers }: Incoming): Question | undefined {
  return question(headers['x-forwarded-method'], headers['x-forwarded-uri'])
}

function readAppended({ method }: Incoming, rest: string): Question | undefined {
  return question(method, rest)
}

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/

/** Of a header that comes twice Node makes one with a comma and a space, which neither method nor path can have. */
function question(method: IncomingHttpHeaders[string], url: IncomingHttpHeaders[string]): Question | undefined {
  if (typeof method !== 'string' || typeof url !== 'string' || !METHOD.test(method) || !url.startsWith('/')) return undefined
  return { method, url }
}
