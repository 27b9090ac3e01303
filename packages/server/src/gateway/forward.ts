// One admitted request to its upstream and the answer back, streamed both ways.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Dispatcher, errors } from 'undici'
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

/** What went wrong at the upstream, for the caller: a status and one sentence. */
export interface UpstreamProblem {
  readonly status: 502 | 504
  readonly code: 'upstream_unreachable' | 'upstream_timeout'
  readonly detail: string
}

/** Resolves when the answer has left; with a problem if nothing of it had left yet. Rejects if it broke in the middle. */
export async function forward(request: IncomingMessage, response: ServerResponse, to: Forwarded): Promise<UpstreamProblem | undefined> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  try {
    await to.pool.stream(
      { method: (request.method ?? 'GET') as Dispatcher.HttpMethod, path: to.path, headers: to.fields, body: hasBody(request) ? request : null, signal: gone.signal },
      ({ statusCode, headers }) => response.writeHead(statusCode, { ...answerFields(headers), ...to.answerHeaders }),
    )
    return undefined
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return undefined
    }
    return problemOf(error)
  }
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length']
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function problemOf(error: unknown): UpstreamProblem {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError || error instanceof errors.ConnectTimeoutError) {
    return { status: 504, code: 'upstream_timeout', detail: 'The API did not answer in time.' }
  }
  return { status: 502, code: 'upstream_unreachable', detail: 'The API cannot be reached.' }
}
