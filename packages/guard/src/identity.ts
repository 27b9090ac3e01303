// The identity headers an upstream gets from a gateway. All of them, always: an upstream that sees one missing must not take
// the caller's copy for ours (RFC 9700 section 4.13). Which request gets them is the gateway's.
import type { Principal } from './verdict.ts'

/** Every header `identityHeaders` writes, in lower case. The first five are the names Kong's users know. */
export const IDENTITY_HEADERS = Object.freeze([
  'x-consumer-id',
  'x-consumer-username',
  'x-consumer-custom-id',
  'x-credential-identifier',
  'x-anonymous-consumer',
  'x-countersign-client',
  'x-countersign-subject',
  'x-countersign-scope',
  'x-countersign-realm',
  'x-countersign-api-key',
] as const)

export type IdentityHeader = (typeof IDENTITY_HEADERS)[number]

/**
 * One value for each of IDENTITY_HEADERS, '' where nothing is known. Values are visible ASCII; any other character and `%` are
 * percent-encoded as UTF-8. Scope values are joined by one space. `x-anonymous-consumer` is `true` or ''. No value is a secret.
 */
export function identityHeaders(principal: Principal): Record<IdentityHeader, string> {
  const client = visible(principal.clientId)
  const subject = visible(principal.subject)
  const apiKey = visible(principal.apiKeyId)
  return {
    'x-consumer-id': client,
    'x-consumer-username': client,
    'x-consumer-custom-id': subject,
    'x-credential-identifier': apiKey === '' ? client : apiKey,
    'x-anonymous-consumer': principal.anonymous ? 'true' : '',
    'x-countersign-client': client,
    'x-countersign-subject': subject,
    'x-countersign-scope': principal.scope.map(visible).join(' '),
    'x-countersign-realm': visible(principal.realm),
    'x-countersign-api-key': apiKey,
  }
}

/**
 * Whether a caller's header could pass for one of ours at an upstream and must be stripped: the names above in any case and
 * with any punctuation (CGI reads `x_consumer.id` as `X-Consumer-Id`), and all else under the same prefixes.
 */
export function isIdentityHeader(name: string): boolean {
  const first = name.charCodeAt(0)
  if (first !== 0x78 && first !== 0x58) return false
  const read = name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')
  return read === 'x-anonymous-consumer' || PREFIXES.some((prefix) => read.startsWith(prefix))
}

const PREFIXES = ['x-consumer-', 'x-credential-', 'x-countersign-']
const HIDDEN = /[^\x21-\x24\x26-\x7e]+/g

function visible(text: string | undefined): string {
  if (text === undefined) return ''
  return text.toWellFormed().replaceAll(HIDDEN, (run) => encodeURIComponent(run))
}
