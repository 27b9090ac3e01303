// What the gateway itself refuses with, beside the guard's codes: one table, one body (RFC 9457).
import type { IncomingMessage } from 'node:http'
import { PROBLEM_TYPE } from '@countersign/guard/verdict'
import type { Incoming, Outgoing } from './messages.ts'
import { uploadOf } from './messages.ts'

export const GATEWAY_ERRORS = Object.freeze({
  repeated_host: { status: 400, title: 'Host repeated', detail: 'The header field Host is given more than once.' },
  trace_refused: { status: 405, title: 'TRACE refused', detail: 'TRACE would show the credentials of a request; it is never passed on.' },
  body_too_large: { status: 413, title: 'Body too large', detail: 'The body of the request is larger than this API takes.' },
  upstream_unreachable: { status: 502, title: 'API unreachable', detail: 'The API behind this gateway cannot be reached.' },
  upstream_unhealthy: { status: 503, title: 'API not well', detail: 'The API behind this gateway is not well now; try again soon.' },
  upstream_busy: { status: 503, title: 'API busy', detail: 'Too many requests wait for the API behind this gateway; try again soon.' },
  upstream_timeout: { status: 504, title: 'API too slow', detail: 'The API behind this gateway did not answer in time.' },
})

export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS

/** Fields of an answer that its code asks for. */
const FIELDS: Readonly<Partial<Record<GatewayErrorCode, Readonly<Record<string, string>>>>> = Object.freeze({
  trace_refused: { allow: 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS' },
  upstream_unhealthy: { 'retry-after': '5' },
  upstream_busy: { 'retry-after': '1' },
})

/** @param headers of an admitted request's answer: what the guard adds to it. */
export function answerGatewayError(response: Outgoing, code: GatewayErrorCode, headers?: Readonly<Record<string, string>>): void {
  const body = JSON.stringify({ type: `urn:countersign:error:${code}`, ...GATEWAY_ERRORS[code], code })
  response.writeHead(GATEWAY_ERRORS[code].status, {
    ...headers,
    ...FIELDS[code],
    ...(isUnfinished(response.req) && CLOSE),
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  })
  const upload = uploadOf(response.req)
  if (upload && code === 'body_too_large' && upload.headers.expect === undefined) endAfterUpload(upload, response, body)
  else response.end(body)
}

/** So long and so much is read of an upload that is refused: a caller who still sends would lose the answer to a reset connection. */
const LINGER_MS = 2_000
const LINGER_BYTES = 1 << 20

/** The answer is whole at once; the connection ends when the caller has read it, or has sent too much all the same. */
function endAfterUpload(upload: IncomingMessage, response: Outgoing, body: string): void {
  response.write(body)
  const end = (): void => {
    clearTimeout(enough)
    response.end()
  }
  const enough = setTimeout(end, LINGER_MS)
  let read = 0
  upload.on('data', (chunk: Buffer) => {
    read += chunk.length
    if (read > LINGER_BYTES) end()
  })
  upload.once('close', end).once('error', end).resume()
  if (upload.complete) end()
}

const CLOSE = Object.freeze({ connection: 'close' } as const)

/** The rest of a body that is refused, or whose upstream failed, is not read: the connection cannot go on behind it. */
function isUnfinished({ complete, headers }: Incoming): boolean {
  return !complete && hasBody(headers)
}

export function hasBody(headers: Readonly<Record<string, string | string[] | undefined>>): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}
