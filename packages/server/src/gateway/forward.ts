// One admitted request to its upstream and the answer back, streamed both ways.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { errors } from 'undici'
import type { GatewayErrorCode } from './errors.ts'
import { answerFields } from './fields.ts'

export interface Forwarded {
  readonly pool: Dispatcher
  /** Path and query at the upstream. */
  readonly path: string
  /** `[name, value, name, value ...]` */
  readonly fields: string[]
  /** Added to the answer. */
  readonly answerHeaders: Readonly<Record<string, string>>
}

/** Resolves when the answer has left; with a code if nothing of it had left yet. Rejects if it broke in the middle. */
export async function forward(request: IncomingMessage, response: ServerResponse, to: Forwarded): Promise<GatewayErrorCode | undefined> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  try {
    await to.pool.stream(
      {
        method: request.method ?? 'GET',
        path: to.path,
        headers: to.fields,
        body: hasBody(request) ? request : null,
        signal: gone.signal,
      },
      ({ statusCode, headers }) => response.writeHead(statusCode, { ...answerFields(headers), ...to.answerHeaders }),
    )
    return undefined
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return undefined
    }
    return codeOf(error)
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
