// Denials with their headers, `WWW-Authenticate` above all: RFC 6750 section 3, RFC 9728 section 5.1. Decides nothing.
import { writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import type { Deny, GuardErrorCode } from './verdict.ts'
import { GUARD_ERRORS, PROBLEM_TYPE } from './verdict.ts'

export interface ChallengeOptions {
  readonly realm: string
  /** URL of the protected resource metadata, RFC 9728. */
  readonly resourceMetadata?: string | undefined
  /** Header that carries the API key. */
  readonly apiKeyHeader?: string | undefined
}

export interface DenyParts {
  readonly detail?: string
  /** Every scope value the request needs. */
  readonly scope?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly reason?: string
}

export type Denier = (code: GuardErrorCode, parts?: DenyParts) => Deny

export function createDenier(options: ChallengeOptions): Denier {
  return (code, parts = {}) => {
    const { status, title, detail: usual } = GUARD_ERRORS[code]
    const detail = parts.detail ?? usual
    const challenge = challengeFor(code, detail, parts.scope, options)
    const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...parts.headers }
    if (challenge !== undefined) headers['www-authenticate'] = challenge
    return Object.freeze({ allow: false, status, code, title, detail, headers: Object.freeze(headers), reason: parts.reason ?? code })
  }
}

function challengeFor(
  code: GuardErrorCode,
  detail: string,
  scope: readonly string[] | undefined,
  { realm, resourceMetadata, apiKeyHeader }: ChallengeOptions,
): string | undefined {
  const { challenge } = GUARD_ERRORS[code]
  if (challenge === null) return undefined
  if (challenge === 'api_key') return writeChallenge('ApiKey', { realm, header: apiKeyHeader })
  if (challenge === 'bearer') return writeChallenge('Bearer', { realm, resource_metadata: resourceMetadata })
  return writeChallenge('Bearer', {
    realm,
    error: challenge,
    error_description: detail,
    scope: scope?.join(' '),
    resource_metadata: resourceMetadata,
  })
}
