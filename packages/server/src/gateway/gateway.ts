// The gateway: from a request's host and path to a guarded API, through the guard, to the upstream.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Guard } from '@countersign/guard'
import { identityHeaders } from '@countersign/guard/identity'
import { readPath } from '@countersign/guard/path'
import type { Allow, Deny, Verdict } from '@countersign/guard/verdict'
import { problemBody } from '@countersign/guard/verdict'
import type { Api } from '../model/api.ts'
import { answerGatewayError } from './errors.ts'
import { forwardedFields, hasTwoHosts } from './fields.ts'
import type { Upstream } from './upstream.ts'

export interface GuardedApi {
  readonly api: Api
  readonly guard: Guard
}

export interface GatewayOptions {
  readonly apis: readonly GuardedApi[]
  /** Told of every verdict: `allowed`, or the guard's code. */
  readonly onVerdict: (api: Api, code: string) => void
  /** Told of a malfunction of the gateway itself; the caller gets 502. */
  readonly onMalfunction: (api: Api, error: unknown) => void
}

export interface Gateway {
  /** The API that a request is for. @param host lower case, without port. @param path without query. */
  find(host: string, path: string): Route | undefined
  handle(route: Route, request: IncomingMessage, response: ServerResponse): void
  close(): Promise<void>
}

interface Route {
  readonly target: Target
  /** How much of the path is the mount's. */
  readonly prefixLength: number
}

interface Target {
  readonly guarded: GuardedApi
  /** Opened at the first request. */
  readonly upstream: () => Promise<Upstream>
  readonly close: () => Promise<void>
  readonly basePath: string
  readonly stripped: ReadonlySet<string>
}

export function createGateway({ apis, onVerdict, onMalfunction }: GatewayOptions): Gateway {
  const targets = apis.map(createTarget)
  const byHost = new Map(targets.flatMap((target) => target.guarded.api.hosts.map((host) => [host, target] as const)))
  const byPrefix = new Map(targets.map((target) => [target.guarded.api.prefix, target]))
  const longest = Math.max(0, ...[...byPrefix.keys()].map((prefix) => prefix.length))
  return {
    find(host, path) {
      const target = byHost.get(host)
      return target ? { target, prefixLength: 0 } : findByPrefix(byPrefix, longest, path)
    },
    handle(route, request, response) {
      if (hasTwoHosts(request.rawHeaders)) return answerGatewayError(response, 'repeated_host')
      const { guarded } = route.target
      const rest = (request.url ?? '/').slice(route.prefixLength)
      const url = rest.startsWith('/') ? rest : `/${rest}`
      const act = (verdict: Verdict): void => {
        onVerdict(guarded.api, verdict.allow ? 'allowed' : verdict.code)
        if (!verdict.allow) return deny(verdict, response)
        pass(route.target, url, verdict, request, response).catch((error: unknown) => {
          onMalfunction(guarded.api, error)
          if (response.headersSent) response.destroy()
          else answerGatewayError(response, 'upstream_unreachable')
        })
      }
      const decided = guarded.guard.check({
        method: request.method ?? 'GET',
        path: url,
        headers: request.headers,
        rawHeaders: request.rawHeaders,
      })
      if (decided instanceof Promise) void decided.then(act)
      else act(decided)
    },
    close: async () => {
      await Promise.all(targets.map((target) => target.close()))
    },
  }
}

function createTarget(guarded: GuardedApi): Target {
  const { origin, pathname } = new URL(guarded.api.upstream)
  let opening: Promise<Upstream> | undefined
  const open = async (): Promise<Upstream> => (await import('./upstream.ts')).openUpstream(origin)
  return {
    guarded,
    upstream: () => {
      opening ??= open().catch((error: unknown) => {
        // The next request tries again.
        opening = undefined
        throw error
      })
      return opening
    },
    close: async () => (await opening?.catch(() => undefined))?.close(),
    basePath: pathname.replace(/\/$/, ''),
    stripped: guarded.api.credentials === 'strip' ? new Set(guarded.guard.credentialHeaders) : new Set(),
  }
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

async function pass(target: Target, url: string, verdict: Allow, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const read = readPath(url)
  // The guard has read the same path and refused what is ambiguous; were it ever not so, nothing is forwarded.
  if ('problem' in read) return answerGatewayError(response, 'upstream_unreachable')
  const fields = forwardedFields(request.rawHeaders, request.headers.connection, target.stripped)
  for (const [name, value] of Object.entries(identityHeaders(verdict.principal))) fields.push(name, value)
  addForwarded(fields, request)
  const path = target.basePath + read.path + read.query
  const upstream = await target.upstream()
  const failed = await upstream.forward(request, response, { path, fields, answerHeaders: verdict.headers })
  if (failed) answerGatewayError(response, failed)
}

/** What the upstream may know of the connection; the caller's own word on it was taken away. */
function addForwarded(fields: string[], request: IncomingMessage): void {
  const address = request.socket.remoteAddress ?? ''
  fields.push('x-forwarded-for', address, 'x-forwarded-proto', 'encrypted' in request.socket ? 'https' : 'http')
  if (request.headers.host !== undefined) fields.push('x-forwarded-host', request.headers.host)
}

function deny(verdict: Deny, response: ServerResponse): void {
  const body = problemBody(verdict)
  response.writeHead(verdict.status, { ...verdict.headers, 'content-length': Buffer.byteLength(body) }).end(body)
}
