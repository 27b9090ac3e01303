// Between HTTP and the issuer: a request as plain data in, a response as plain data out. Everything hostile about HTTP ends here.
import type { HeaderFields, WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { MAX_BODY_BYTES } from '@countersign/protocol/oauth/parameters'
import type { Caller } from '../gateway/forwarded.ts'
import type { Incoming } from '../gateway/messages.ts'
import type { EndpointRequest } from '../issue/context.ts'
import type { StreamedResponse } from '../issue/streamed_response.ts'
import type { Watched } from './answer.ts'
import { readBody } from './body.ts'
import type { Mounted, MountTable } from './mount_table.ts'
import type { Report } from './refusal.ts'
import { refusalOf } from './refusal.ts'
import { stream } from './stream.ts'
import { hostOf, splitUrl } from './target.ts'

/** Answers a request for a realm's endpoint, and every other with 404. */
export type Bridge = (request: Incoming, response: Watched) => void

export interface BridgeOptions {
  /** Asked at each request, so that realms can change. */
  readonly table: () => MountTable
  readonly report: Report
  /** Whom a request comes from, proxies seen through. */
  readonly callerOf: (request: Incoming) => Caller
  /** Told when an endpoint's answer is about to leave. */
  readonly answered?: ((response: Watched) => void) | undefined
}

export function createBridge({ table, report, callerOf, answered }: BridgeOptions): Bridge {
  const reply = async (mounted: Mounted, received: Received): Promise<void> => {
    const { response } = received
    const one = await answer(mounted, received, report)
    if (isTooLate(response)) return
    answered?.(response)
    send(response, one)
  }
  return (request, response) => {
    const { path, query } = splitUrl(request.url ?? '/')
    const mounted = table().find(hostOf(request.headers.host), path)
    if (!mounted) return send(response, path === '/' ? welcome() : notFound())
    response.realmId = mounted.context.realm.id
    response.endpoint = mounted.name
    if (!allows(mounted, request.method)) return send(response, methodNotAllowed(mounted))
    if (request.method !== 'POST') return void reply(mounted, { request, response, path, query, body: NO_BODY, callerOf })
    readBody(request, MAX_BODY_BYTES, (body) => {
      if (isTooLate(response)) return
      if (body === undefined) return send(response, tooLarge(mounted), 'close')
      void reply(mounted, { request, response, path, query, body, callerOf })
    })
  }
}

const NO_BODY = new Uint8Array()

/**
 * Something else has answered in the meantime: that the body was too slow. Where an earlier request of the connection is still waited for,
 * the rest of the body comes all the same.
 */
function isTooLate(response: Watched): boolean {
  return response.headersSent
}

interface Received {
  readonly request: Incoming
  readonly response: Watched
  readonly path: string
  /** Whether the URL has one. */
  readonly query: boolean
  readonly body: Uint8Array
  readonly callerOf: (request: Incoming) => Caller
}

function send(response: Watched, one: WireResponse | StreamedResponse, connection?: 'close'): void {
  if ('begin' in one) return stream(response, one)
  const { status, headers, body } = one
  const length = status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }
  response.writeHead(status, { ...headers, ...length, ...(connection && { connection }) }).end(body)
}

/** Never rejects: what goes wrong becomes the dialect's refusal. */
async function answer(mounted: Mounted, received: Received, report: Report): Promise<WireResponse | StreamedResponse> {
  const { context, dialect, endpoint } = mounted
  const { response } = received
  try {
    refuseTwice(received.request.rawHeaders)
    if (received.query && !endpoint.query) {
      throw new OAuthError('invalid_request', 'Parameters belong in the body: this endpoint takes none in the URL.')
    }
    const answered = await endpoint.answer(context, dialect, wireRequest(received))
    response.code = 'ok'
    return answered
  } catch (error) {
    const refusal = refusalOf(error, (what, sentence) => report(what, sentence, response.requestId))
    response.code = refusal.code
    return dialect.error.write(refusal)
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const MAX_USER_AGENT = 200

function wireRequest({ request, response, path, body, callerOf }: Received): EndpointRequest {
  // Node gives lists for set-cookie only, which no request has.
  const headers = request.headers as HeaderFields
  const caller = { address: callerOf(request).address, userAgent: (headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT) }
  return { method: request.method ?? 'GET', path, headers, body: textOf(body), caller, account: response }
}

function textOf(body: Uint8Array): string {
  if (body.length === 0) return ''
  try {
    return UTF8.decode(body)
  } catch {
    throw new OAuthError('invalid_request', 'The body is not UTF-8.')
  }
}

/** Fields that Node silently takes the first of: two of them would be two readings of one request. */
const SINGLE = new Set(['authorization', 'content-type', 'host'])

function refuseTwice(rawHeaders: readonly string[]): void {
  let seen = ''
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const length = rawHeaders[i]?.length
    if (length !== 4 && length !== 12 && length !== 13) continue
    const name = (rawHeaders[i] ?? '').toLowerCase()
    if (!SINGLE.has(name)) continue
    if (seen.includes(name)) throw new OAuthError('invalid_request', `The header field '${name}' is given more than once.`)
    seen += `${name} `
  }
}

function allows({ endpoint }: Mounted, method = 'GET'): boolean {
  return endpoint.methods.includes(method) || (method === 'HEAD' && endpoint.methods.includes('GET'))
}

function methodNotAllowed({ dialect, endpoint }: Mounted): WireResponse {
  const refusal = new OAuthError('invalid_request', `This endpoint takes ${endpoint.methods.join(' or ')}.`, { status: 405 })
  const response = dialect.error.write(refusal)
  return { ...response, headers: { ...response.headers, allow: endpoint.methods.join(', ') } }
}

function tooLarge({ dialect }: Mounted): WireResponse {
  return dialect.error.write(new OAuthError('invalid_request', `The body is larger than ${MAX_BODY_BYTES} bytes.`, { status: 413 }))
}

/** For whoever opens the address in a browser. It names no realm: who knows one may ask for it. */
function welcome(): WireResponse {
  const body =
    "Countersign is running. A realm's metadata is at /realms/REALM/.well-known/openid-configuration, a guarded API at /apis/API/.\n"
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }, body }
}

/** RFC 9457, since this is no realm's answer. */
function notFound(): WireResponse {
  const body = { title: 'Not found', status: 404, detail: 'There is no endpoint at this host and path.' }
  return { status: 404, headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }, body: JSON.stringify(body) }
}
