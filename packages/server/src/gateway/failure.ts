// What went wrong between here and the upstream, by the connection's and the system's words for it: what the caller is told, and whether to try again.
import { BodyTooLarge } from './body_limit.ts'
import type { GatewayErrorCode } from './errors.ts'
import { hasBody } from './errors.ts'
import type { Incoming } from './messages.ts'

const TOO_LATE = new Set(['UPSTREAM_TIMEOUT', 'ETIMEDOUT'])
const NO_CONNECTION = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UPSTREAM_CLOSED',
])

export function codeOf(error: Error): GatewayErrorCode {
  if (error instanceof BodyTooLarge) return 'body_too_large'
  return TOO_LATE.has(wordOf(error)) ? 'upstream_timeout' : 'upstream_unreachable'
}

export function isConnectionFailure(error: Error): boolean {
  return NO_CONNECTION.has(wordOf(error))
}

/** Asked twice, it does what it does asked once; and its body, which is read once, is none. RFC 9110 section 9.2.2. */
export function isHarmless({ method, headers }: Incoming): boolean {
  return HARMLESS.has(method ?? '') && !hasBody(headers)
}

const HARMLESS = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE'])

function wordOf(error: Error): string {
  return 'code' in error ? String(error.code) : ''
}
