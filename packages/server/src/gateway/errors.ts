// What the gateway itself refuses with, beside the guard's codes: one table, one body (RFC 9457).
import type { ServerResponse } from 'node:http'
import { PROBLEM_TYPE } from '@countersign/guard/verdict'

export const GATEWAY_ERRORS = Object.freeze({
  repeated_host: { status: 400, title: 'Host repeated', detail: 'The header field Host is given more than once.' },
  upstream_unreachable: { status: 502, title: 'API unreachable', detail: 'The API behind this gateway cannot be reached.' },
  upstream_timeout: { status: 504, title: 'API too slow', detail: 'The API behind this gateway did not answer in time.' },
})

export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS

export function answerGatewayError(response: ServerResponse, code: GatewayErrorCode): void {
  const body = JSON.stringify({ type: `urn:countersign:error:${code}`, ...GATEWAY_ERRORS[code], code })
  response
    .writeHead(GATEWAY_ERRORS[code].status, {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(body),
    })
    .end(body)
}
