// What the sidecar itself has to say: refusals and failures as JSON, told apart from the API's answers by the field `sidecar-error`.
import type { ServerResponse } from 'node:http'
import { DiscoveryFailed, TokenRequestFailed } from '../errors.ts'
import type { Refusal } from './door.ts'
import { UpstreamFailed } from './upstream.ts'

export interface Failure extends Refusal {
  /** Seconds. */
  readonly retryAfter?: number | undefined
}

/** Words for whatever went wrong on the way to the API; nothing of a stranger's error is repeated. */
export function readFailure(error: unknown): Failure {
  if (error instanceof TokenRequestFailed) {
    const { code, retryAfter, message } = error
    // Nothing reached the API: a refusal of the credentials is no 401 of its own.
    return { status: STATUSES[code] ?? (error.temporary ? 503 : 502), code, sentence: message, retryAfter }
  }
  if (error instanceof DiscoveryFailed) return { status: 503, code: 'discovery_failed', sentence: error.message, retryAfter: 5 }
  if (error instanceof UpstreamFailed) {
    const reason = error.reason === undefined ? '' : ` (${error.reason})`
    return { status: error.code === 'api_timeout' ? 504 : 502, code: error.code, sentence: `${SENTENCES[error.code]}${reason}.` }
  }
  return { status: 502, code: 'failed', sentence: 'The request could not be forwarded.' }
}

/** Writes it if there is still room for an answer, else ends the connection: a half answer must not look whole. */
export function tell(outgoing: ServerResponse, { status, code, sentence, retryAfter }: Failure): void {
  if (outgoing.headersSent) {
    outgoing.destroy()
    return
  }
  answerJson(
    outgoing,
    status,
    { error: code, error_description: sentence },
    {
      'sidecar-error': code,
      ...(retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter)) }),
      // What is left of the request's body is not read.
      connection: 'close',
    },
  )
}

export function answerJson(outgoing: ServerResponse, status: number, body: unknown, fields: Readonly<Record<string, string>> = {}): void {
  const text = `${JSON.stringify(body)}\n`
  outgoing.writeHead(status, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...fields,
  })
  outgoing.end(text)
}

const STATUSES: Readonly<Record<string, number>> = { budget_exhausted: 429 }

const SENTENCES: Readonly<Record<UpstreamFailed['code'], string>> = {
  api_unreachable: 'The API cannot be reached: check --to and the network',
  api_timeout: 'The API did not answer in time: try again, or allow more with --timeout',
  api_unreadable: 'The API sent an answer that is no valid HTTP',
}
