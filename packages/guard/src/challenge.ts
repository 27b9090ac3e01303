// Denials with their headers, `WWW-Authenticate` above all: RFC 6750 section 3, RFC 9449 section 7, RFC 9728 section 5.1. Decides nothing.
import { PROOF_ALGORITHMS } from '@countersign/protocol/jose/dpop'
import { writeChallenge } from '@countersign/protocol/oauth/www_authenticate'
import type { Deny, GuardErrorCode } from './verdict.ts'
import { GUARD_ERRORS, PROBLEM_TYPE } from './verdict.ts'

export interface ChallengeOptions {
  readonly realm: string
  /** URL of the protected resource metadata, RFC 9728. */
  readonly resourceMetadata?: string | undefined
  /** Header that carries the API key. */
  readonly apiKeyHeader?: string | undefined
  /** Whether tokens bound to a key are taken, so that the scheme DPoP is offered. */
  readonly dpop?: boolean | undefined
}

/** How the token came; `either`: both ways at once. */
type Scheme = 'bearer' | 'dpop' | 'either'

export interface DenyParts {
  readonly detail?: string
  /** Every scope value the request needs. */
  readonly scope?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly reason?: string
  /** Default `bearer`: by whatever header the dialects have for it. */
  readonly scheme?: Scheme | undefined
}

/** The reason of a denial: a token that works only together with its key came without it. */
export const BOUND = 'bound'

export type Denier = (code: GuardErrorCode, parts?: DenyParts) => Deny

export function createDenier(options: ChallengeOptions): Denier {
  return (code, parts = {}) => {
    const { status, title, detail: usual } = GUARD_ERRORS[code]
    const detail = parts.detail ?? usual
    const challenge = challengeFor(code, { ...parts, detail }, options)
    const headers: Record<string, string> = { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...parts.headers }
    if (challenge !== undefined) headers['www-authenticate'] = challenge
    return Object.freeze({ allow: false, status, code, title, detail, headers: Object.freeze(headers), reason: parts.reason ?? code })
  }
}

/** Of a token or proof that is refused, presented by that scheme. */
export function partsOf({ detail, reason }: { readonly detail: string | undefined; readonly reason: string }, scheme: Scheme): DenyParts {
  return { scheme, reason, ...(detail !== undefined && { detail }) }
}

function challengeFor(
  code: GuardErrorCode,
  { detail, scope, reason, scheme = 'bearer' }: DenyParts,
  options: ChallengeOptions,
): string | undefined {
  const { challenge } = GUARD_ERRORS[code]
  const { realm, apiKeyHeader, resourceMetadata: resource_metadata, dpop = false } = options
  if (challenge === null) return undefined
  if (challenge === 'api_key') return writeChallenge('ApiKey', { realm, header: apiKeyHeader })
  const error = challenge === 'bearer' ? {} : { error: challenge, error_description: detail, scope: scope?.join(' ') }
  const bearer = writeChallenge('Bearer', { realm, ...error, resource_metadata })
  if (!dpop) return bearer
  // RFC 9449 section 7.2: the error stands with the scheme that was used. Whoever came by DPoP is not offered Bearer: a client may
  // take that for leave to show its bound token bare.
  if (scheme === 'dpop') return dpopChallenge(options, error)
  if (scheme === 'either') return `${bearer}, ${dpopChallenge(options, error)}`
  // Offered to whoever holds a bound token, and to nobody else: clients that read one challenge only, and pages that quote it, know Bearer.
  return reason === BOUND ? `${bearer}, ${dpopChallenge(options, {})}` : bearer
}

function dpopChallenge({ realm, resourceMetadata }: ChallengeOptions, error: Readonly<Record<string, string | undefined>>): string {
  return writeChallenge('DPoP', { realm, ...error, algs: PROOF_ALGORITHMS.join(' '), resource_metadata: resourceMetadata })
}
