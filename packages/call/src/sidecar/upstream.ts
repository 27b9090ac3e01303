// The way to the API: `fetch` over node:http, to one origin, byte for byte. The global fetch would decode bodies, rewrite paths and
// add fields of its own. It follows no redirect and knows no credential.
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Agent, request as requestHttp } from 'node:http'
import { request as requestHttps, Agent as TlsAgent } from 'node:https'
import { Readable } from 'node:stream'
import type { ReadableStream as WebStream } from 'node:stream/web'

export interface Upstream {
  /** Takes URLs of its own origin as text. The wire goes there whatever the path says. @throws UpstreamFailed */
  readonly fetch: (input: string, init: RequestInit) => Promise<Response>
  readonly close: () => void
}

/** No answer of the API. */
export class UpstreamFailed extends Error {
  override readonly name = 'UpstreamFailed'
  readonly code: 'api_unreachable' | 'api_timeout' | 'api_unreadable'
  /** System code, where there is one. */
  readonly reason: string | undefined

  constructor(code: UpstreamFailed['code'], reason?: string) {
    super(`${code}${reason === undefined ? '' : ` (${reason})`}`)
    this.code = code
    this.reason = reason
  }
}

export interface UpstreamOptions {
  /** A connection on which nothing moves for so long, before there is an answer, is given up. */
  readonly timeoutMs: number
}

const MAX_CONNECTIONS = 256
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304])
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

export function createUpstream(target: URL, { timeoutMs }: UpstreamOptions): Upstream {
  const [send, Pool] = target.protocol === 'https:' ? [requestHttps, TlsAgent] : [requestHttp, Agent]
  const agent = new Pool({ keepAlive: true, maxSockets: MAX_CONNECTIONS, timeout: timeoutMs })

  const once = (input: string, init: RequestInit): Promise<Response> =>
    new Promise((answered, failed) => {
      const options: RequestOptions = {
        hostname: target.hostname.replaceAll(/[[\]]/g, ''),
        port: target.port,
        path: input.startsWith(`${target.origin}/`) ? input.slice(target.origin.length) : pathOf(input),
        method: init.method ?? 'GET',
        headers: framed(fieldsOf(init.headers), init.body),
        agent,
        timeout: timeoutMs,
      }
      const outgoing = send(options)
      const { signal } = init
      // The client sends what this package gave it: text, bytes or a stream.
      const body = init.body as string | Uint8Array | ReadableStream | null | undefined
      const abort = (): void => {
        outgoing.destroy()
        failed(signal?.reason as Error)
      }
      if (signal?.aborted) {
        abort()
        return
      }
      signal?.addEventListener('abort', abort, { once: true })
      outgoing.once('close', () => signal?.removeEventListener('abort', abort))
      outgoing.on('timeout', () => outgoing.destroy(new UpstreamFailed('api_timeout')))
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && error.code === 'ECONNRESET'
        failed(stale ? new StaleConnection('api_unreachable', error.code) : asFailure(error))
      })
      outgoing.on('response', (incoming) => {
        // From here on an API may be silent as long as it likes: it may be telling events.
        incoming.socket.setTimeout(0)
        try {
          answered(responseOf(incoming, options.method === 'HEAD'))
        } catch (error) {
          outgoing.destroy()
          failed(asFailure(error))
        }
      })
      // Nobody asked for another protocol; without a listener this request would wait for ever.
      outgoing.on('upgrade', (_, socket) => {
        socket.destroy()
        failed(new UpstreamFailed('api_unreadable'))
      })
      if (isStream(body)) sendStream(Readable.fromWeb(body), outgoing, failed)
      else outgoing.end(body)
    })

  return {
    async fetch(input, init) {
      try {
        return await once(input, init)
      } catch (error) {
        // The API hung up on an idle connection just as it was used again: nothing was done there.
        const again = error instanceof StaleConnection && !isStream(init.body) && REPEATABLE.has(init.method ?? 'GET')
        if (!again) throw error
        return await once(input, init)
      }
    },
    close: () => agent.destroy(),
  }
}

/** Whatever ends the body ends the request: half a body is never taken for a whole one. */
function sendStream(source: Readable, outgoing: ClientRequest, failed: (reason: Error) => void): void {
  source.on('error', (error) => {
    failed(error)
    outgoing.destroy()
  })
  outgoing.once('close', () => source.destroy())
  source.pipe(outgoing)
}

class StaleConnection extends UpstreamFailed {}

function responseOf(incoming: IncomingMessage, head: boolean): Response {
  const { statusCode = 0, statusMessage = '', rawHeaders } = incoming
  const headers = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
  const coding = headers.get('transfer-encoding')
  if (coding !== null && coding.toLowerCase() !== 'chunked') throw new UpstreamFailed('api_unreadable')
  const empty = head || NO_BODY.has(statusCode)
  if (empty) incoming.resume()
  const body = empty ? null : (Readable.toWeb(incoming) as unknown as ConstructorParameters<typeof Response>[0])
  return new Response(body, { status: statusCode, statusText: statusMessage, headers })
}

function asFailure(error: unknown): UpstreamFailed {
  if (error instanceof UpstreamFailed) return error
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  const reason = typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(code) ? code : undefined
  return new UpstreamFailed(reason?.startsWith('HPE_') ? 'api_unreadable' : 'api_unreachable', reason)
}

function fieldsOf(headers: RequestInit['headers']): Record<string, string> {
  return Object.fromEntries(new Headers(headers))
}

/** By us, since node frames no body of GET, DELETE and the like: without a length its bytes would be read as a next request. RFC 9112 section 6. */
function framed(fields: Record<string, string>, body: RequestInit['body']): Record<string, string> {
  if (isStream(body)) return fields['content-length'] === undefined ? { ...fields, 'transfer-encoding': 'chunked' } : fields
  if (body === undefined || body === null) return fields
  return { ...fields, 'content-length': String(Buffer.byteLength(body as string | Uint8Array)) }
}

function pathOf(input: string): string {
  const { pathname, search } = new URL(input)
  return pathname + search
}

function isStream(body: unknown): body is WebStream {
  return body instanceof ReadableStream
}
