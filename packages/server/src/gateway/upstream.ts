// One upstream: a pool of connections, and an admitted request through it and back, streamed both ways.
// The only file that knows undici; loaded with the first request, so that a process that only issues does without it.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errors, Pool } from 'undici'
import type { GatewayErrorCode } from './errors.ts'
import { answerFields } from './fields.ts'

export interface Forwarding {
  /** Path and query at the upstream. */
  readonly path: string
  /** `[name, value, name, value ...]` */
  readonly fields: string[]
  /** Added to the answer. */
  readonly answerHeaders: Readonly<Record<string, string>>
}

export interface Upstream {
  /** Resolves when the answer has left or broke off; with a code if nothing of it had left yet. */
  forward(request: IncomingMessage, response: ServerResponse, to: Forwarding): Promise<GatewayErrorCode | undefined>
  /** Resolves when what is under way has ended. */
  close(): Promise<void>
}

const CONNECTIONS = 256
const ANSWER_TIMEOUT_MS = 60_000
const CONNECT_TIMEOUT_MS = 5_000

/** @param origin `http://127.0.0.1:9000` */
export function openUpstream(origin: string): Upstream {
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  })
  return { forward: (request, response, to) => forward(pool, request, response, to), close: () => pool.close() }
}

async function forward(
  pool: Pool,
  request: IncomingMessage,
  response: ServerResponse,
  { path, fields, answerHeaders }: Forwarding,
): Promise<GatewayErrorCode | undefined> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const body = hasBody(request) ? request : null
  try {
    await pool.stream({ method: request.method ?? 'GET', path, headers: fields, body, signal: gone.signal }, ({ statusCode, headers }) =>
      response.writeHead(statusCode, { ...answerFields(headers), ...answerHeaders }),
    )
    return undefined
  } catch (error) {
    if (!response.headersSent && !response.destroyed) return codeOf(error)
    response.destroy()
    return undefined
  }
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function codeOf(error: unknown): GatewayErrorCode {
  const late =
    error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError || error instanceof errors.ConnectTimeoutError
  return late ? 'upstream_timeout' : 'upstream_unreachable'
}
