// The gateway: from a request's host and path to a guarded API, through the guard, to the upstream.
import type { Guard } from '@countersign/guard'
import { readPath } from '@countersign/guard/path'
import type { Allow, Deny, Verdict } from '@countersign/guard/verdict'
import { problemBody } from '@countersign/guard/verdict'
import type { Api } from '../model/api.ts'
import type { Assertions } from './assertion.ts'
import { identityFields } from './assertion.ts'
import type { GatewayErrorCode } from './errors.ts'
import { answerGatewayError } from './errors.ts'
import { Exchange } from './exchange.ts'
import { forwardedFields, hasTwoHosts } from './fields.ts'
import type { Caller } from './forwarded.ts'
import { addForwarded } from './forwarded.ts'
import type { Health } from './health.ts'
import { watchHealth } from './health.ts'
import type { Incoming, Outgoing } from './messages.ts'
import type { Upgrade } from './tunnel.ts'
import type { Upstream } from './upstream/upstream.ts'

export interface GuardedApi {
  readonly api: Api
  readonly guard: Guard
  /** Where the upstream wants one. */
  readonly assertion?: Assertions | undefined
}

export interface GatewayOptions {
  readonly apis: readonly GuardedApi[]
  /** Who sent a request, as far as the proxies in front are to be believed. */
  readonly callerOf: (request: Incoming) => Caller
  /** Monotonic, in milliseconds. */
  readonly nowMs: () => number
  /** How often an upstream that says how it is doing is asked; default 5 s. */
  readonly healthEveryMs?: number
  /** Told of every verdict: `allowed`, the guard's code, or the gateway's own; and how long the guard took, where it was asked. */
  readonly onVerdict: (api: Api, code: string, response: Outgoing, milliseconds?: number, verdict?: Verdict) => void
  /** Told how long it took from there to the end of the upstream's answer; status 0: none was begun. */
  readonly onUpstream?: (api: Api, status: number, milliseconds: number) => void
  /** What a request is called in `x-request-id`: the upstream is told. '': it has no name. */
  readonly requestIdOf?: (response: Outgoing) => string
  /** Writes into the upstream's fields which trace the request belongs to; what it returns is told of the end. */
  readonly trace?: ((api: Api, fields: string[], response: Outgoing) => ((status: number) => void) | undefined) | undefined
  /** Told of a malfunction of the gateway itself; the caller gets 502. */
  readonly onMalfunction: (api: Api, error: unknown, response: Outgoing) => void
}

export interface Gateway {
  /** The API that a request is for. @param host lower case, without port. @param path without query. */
  find(host: string, path: string): Route | undefined
  /** @param upgrade where the caller asks for another protocol; the response is then one on that connection */
  handle(route: Route, request: Incoming, response: Outgoing, upgrade?: Upgrade): void
  close(): Promise<void>
}

interface Route {
  readonly target: Target
  /** How much of the path is the mount's. */
  readonly prefixLength: number
}

interface Target {
  readonly guarded: GuardedApi
  /** Opened at the first request: at once from then on. */
  readonly upstream: () => Upstream | Promise<Upstream>
  /** What is refused before the guard is asked, so that it is not charged. */
  readonly refusal: (request: Incoming) => GatewayErrorCode | undefined
  readonly close: () => Promise<void>
  readonly basePath: string
  readonly stripped: ReadonlySet<string>
}

/** One request, as far as it has come. */
interface Passage {
  readonly target: Target
  readonly url: string
  readonly caller: Caller
  readonly request: Incoming
  readonly response: Outgoing
  readonly upgrade: Upgrade | undefined
  /** Monotonic, in milliseconds. */
  readonly askedAt: number
}

export function createGateway(options: GatewayOptions): Gateway {
  const { apis, callerOf, nowMs, onVerdict } = options
  const targets = apis.map((guarded) => createTarget(guarded, options))
  const byHost = new Map(targets.flatMap((target) => target.guarded.api.hosts.map((host) => [host, target] as const)))
  const byPrefix = new Map(targets.map((target) => [target.guarded.api.prefix, target]))
  const longest = Math.max(0, ...[...byPrefix.keys()].map((prefix) => prefix.length))

  const act = (passage: Passage, verdict: Verdict): void => {
    const { target, response } = passage
    const decidedAt = nowMs()
    onVerdict(target.guarded.api, verdict.allow ? 'allowed' : verdict.code, response, decidedAt - passage.askedAt, verdict)
    if (!verdict.allow) return response.headersSent ? undefined : deny(verdict, response)
    pass(passage, verdict, decidedAt, options)
  }
  return {
    find(host, path) {
      const target = byHost.get(host)
      return target ? { target, prefixLength: 0 } : findByPrefix(byPrefix, longest, path)
    },
    handle({ target, prefixLength }, request, response, upgrade) {
      const { api, guard } = target.guarded
      const refused = target.refusal(request)
      if (refused !== undefined) {
        onVerdict(api, refused, response)
        return answerGatewayError(response, refused)
      }
      const rest = (request.url ?? '/').slice(prefixLength)
      const url = rest.startsWith('/') ? rest : `/${rest}`
      const caller = callerOf(request)
      const passage: Passage = { target, url, caller, request, response, upgrade, askedAt: nowMs() }
      const { method = 'GET', headers, rawHeaders } = request
      const verdict = guard.check({ method, path: url, headers, rawHeaders, address: caller.address })
      if (verdict instanceof Promise) void verdict.then((one) => act(passage, one))
      else act(passage, verdict)
    },
    close: async () => {
      await Promise.all(targets.map((target) => target.close()))
    },
  }
}

function createTarget(guarded: GuardedApi, options: GatewayOptions): Target {
  const { api, guard } = guarded
  const { origin, pathname } = new URL(api.upstream)
  const basePath = pathname.replace(/\/$/, '')
  let opened: Upstream | Promise<Upstream> | undefined
  const open = async (): Promise<Upstream> => {
    try {
      opened = (await import('./upstream/upstream.ts')).openUpstream(origin, { timeoutMs: api.timeout * 1000, nowMs: options.nowMs })
      return opened
    } catch (error) {
      // The next request tries again.
      opened = undefined
      throw error
    }
  }
  const upstream = (): Upstream | Promise<Upstream> => (opened ??= open())
  const health = createHealth(api, basePath, upstream, options)
  return {
    guarded,
    upstream,
    refusal(request) {
      const { method, headers, rawHeaders } = request
      if (hasTwoHosts(rawHeaders)) return 'repeated_host'
      if (method === 'TRACE') return 'trace_refused'
      const length = headers['content-length']
      if (api.maxBodyBytes !== null && length !== undefined && Number(length) > api.maxBodyBytes) return 'body_too_large'
      if (health?.isUnwell()) return 'upstream_unhealthy'
      return opened !== undefined && 'isFull' in opened && opened.isFull() ? 'upstream_busy' : undefined
    },
    close: async () => {
      health?.close()
      await (await opened)?.close()
    },
    basePath,
    stripped: api.credentials === 'strip' ? new Set(guard.credentialHeaders) : new Set(),
  }
}

const MOST_HEALTH_MS = 5_000

function createHealth(
  { healthPath, timeout }: Api,
  basePath: string,
  upstream: Target['upstream'],
  { nowMs, healthEveryMs }: GatewayOptions,
): Health | undefined {
  if (healthPath === null) return undefined
  const within = Math.min(MOST_HEALTH_MS, timeout * 1000)
  const ask = async (): Promise<boolean> => (await upstream()).isWell(basePath + healthPath, within)
  return watchHealth({ ask, nowMs, ...(healthEveryMs !== undefined && { everyMs: healthEveryMs }) })
}

function findByPrefix(byPrefix: ReadonlyMap<string, Target>, longest: number, path: string): Route | undefined {
  // The longest prefix that ends at a slash: `/apis/a/b` is below `/apis/a`, and `/apis/ab` is not.
  // Nothing longer than the longest prefix is looked at: a path of thousands of slashes would cost their square.
  const start = path.length > longest ? path.lastIndexOf('/', longest) : path.length
  for (let end = start; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const target = byPrefix.get(path.slice(0, end))
    if (target) return { target, prefixLength: end }
  }
  return undefined
}

function pass(passage: Passage, verdict: Allow, began: number, options: GatewayOptions): void {
  const { target, request, response, upgrade } = passage
  const { api } = target.guarded
  const { maxBodyBytes, timeout, retries } = api
  const requestId = options.requestIdOf?.(response) ?? ''
  // Other answers have it from the response; what is upgraded has none.
  const answerHeaders = upgrade && requestId !== '' ? { ...verdict.headers, [REQUEST_ID]: requestId } : verdict.headers
  const order = { request, response, upgrade, answerHeaders, maxBodyBytes, timeoutMs: timeout * 1000, retries }
  let traced: ((status: number) => void) | undefined
  // From here on it is the exchange that ends once, whatever happens.
  const exchange = new Exchange(order, (status, bytesIn, bytesOut) => {
    const milliseconds = options.nowMs() - began
    options.onUpstream?.(api, status, milliseconds)
    traced?.(status)
    verdict.done?.({ status, bytesIn, bytesOut, milliseconds })
  })
  const malfunction = (error: unknown): void => {
    options.onMalfunction(api, error, response)
    exchange.fail('upstream_unreachable')
  }
  const start = (upstream: Upstream, identity: readonly string[]): void => {
    const path = pathOf(passage)
    // The guard has read the same path and refused what is ambiguous; were it ever not so, nothing is forwarded.
    if (path === undefined) return exchange.fail('upstream_unreachable')
    const fields = fieldsOf(passage, identity)
    if (requestId !== '') fields.push(REQUEST_ID, requestId)
    traced = options.trace?.(api, fields, response)
    exchange.start(upstream, { path, fields })
  }
  try {
    const upstream = target.upstream()
    const identity = identityFields(target, verdict.principal)
    if (!(upstream instanceof Promise || identity instanceof Promise)) return start(upstream, identity)
    Promise.all([upstream, identity])
      .then(([one, fields]) => start(one, fields))
      .catch(malfunction)
  } catch (error) {
    malfunction(error)
  }
}

const REQUEST_ID = 'x-request-id'

function pathOf({ target, url }: Passage): string | undefined {
  const read = readPath(url)
  return 'problem' in read ? undefined : target.basePath + read.path + read.query
}

function fieldsOf({ target, caller, request }: Passage, identity: readonly string[]): string[] {
  const fields = forwardedFields(request.rawHeaders, request.headers.connection, target.stripped)
  for (const one of identity) fields.push(one)
  addForwarded(fields, caller, request.headers.host)
  return fields
}

function deny(verdict: Deny, response: Outgoing): void {
  const body = problemBody(verdict)
  response.writeHead(verdict.status, { ...verdict.headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
