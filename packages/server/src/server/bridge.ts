// Between HTTP and the issuer: a request as plain data in, a response as plain data out. Everything hostile about HTTP ends here.

import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { HeaderFields, WireRequest, WireResponse } from '@countersign/protocol/dialect/message'
import { OAuthError } from '@countersign/protocol/oauth/error'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Mounted, MountTable } from './mount_table.ts'
import type { Report } from './refusal.ts'
import { refusalOf } from './refusal.ts'

/** Answers every request that is for a realm's endpoint; false if it is for none. */
export type Bridge = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

export function createBridge(table: () => MountTable, report: Report): Bridge {
  return async (request, reply) => {
    const { path, query } = splitUrl(request.raw.url ?? '/')
    const mounted = table().find(hostOf(request.headers.host), path)
    if (!mounted) return send(reply, notFound())
    if (!allows(mounted, request.method)) return send(reply, methodNotAllowed(mounted))
    return send(reply, await answer(mounted, request, path, query, report))
  }
}

/** What a body that could not even be read is answered with, in the words of the dialect it was sent to. */
export function refuseUnread(table: MountTable, request: FastifyRequest, refusal: OAuthError): WireResponse {
  const mounted = table.find(hostOf(request.headers.host), splitUrl(request.raw.url ?? '/').path)
  return mounted ? mounted.dialect.error.write(refusal) : problem(refusal.status, refusal.description)
}

export function send(reply: FastifyReply, response: WireResponse): FastifyReply {
  return reply.code(response.status).headers(response.headers).send(response.body)
}

async function answer(mounted: Mounted, request: FastifyRequest, path: string, query: boolean, report: Report): Promise<WireResponse> {
  const { context, dialect, endpoint } = mounted
  try {
    refuseTwice(request.raw.rawHeaders)
    if (query && !endpoint.query)
      throw new OAuthError('invalid_request', 'Parameters belong in the body: this endpoint takes none in the URL.')
    return await endpoint.answer(context, dialect, wireRequest(request, path))
  } catch (error) {
    return written(dialect, refusalOf(error, report))
  }
}

function written(dialect: CompiledDialect, refusal: OAuthError): WireResponse {
  return dialect.error.write(refusal)
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function wireRequest(request: FastifyRequest, path: string): WireRequest {
  // Node gives lists for set-cookie only, which no request has.
  return { method: request.method, path, headers: request.headers as HeaderFields, body: textOf(request.body) }
}

function textOf(body: unknown): string {
  if (!(body instanceof Uint8Array) || body.length === 0) return ''
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

function splitUrl(url: string): { path: string; query: boolean } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: false } : { path: url.slice(0, mark), query: mark < url.length - 1 }
}

/** Host name in lower case, without port; '' if there is none that can be read. */
export function hostOf(field: string | undefined): string {
  if (field === undefined) return ''
  const colon = field.startsWith('[') ? field.indexOf(':', field.indexOf(']')) : field.indexOf(':')
  return (colon < 0 ? field : field.slice(0, colon)).toLowerCase()
}

function allows({ endpoint }: Mounted, method: string): boolean {
  return endpoint.methods.includes(method) || (method === 'HEAD' && endpoint.methods.includes('GET'))
}

function methodNotAllowed({ dialect, endpoint }: Mounted): WireResponse {
  const refusal = new OAuthError('invalid_request', `This endpoint takes ${endpoint.methods.join(' or ')}.`, { status: 405 })
  const response = written(dialect, refusal)
  return { ...response, status: 405, headers: { ...response.headers, allow: endpoint.methods.join(', ') } }
}

function notFound(): WireResponse {
  return problem(404, 'There is no endpoint at this host and path.')
}

/** RFC 9457, for answers that are no realm's. */
function problem(status: number, detail: string): WireResponse {
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' }
  return { status, headers, body: JSON.stringify({ title: status === 404 ? 'Not found' : 'Refused', status, detail }) }
}
