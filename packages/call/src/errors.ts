// The typed errors of the client. None holds a token, a secret, a password or somebody else's error object: `message`, members
// and cause chain are safe to log. Codes of the token endpoint are OAuth's own: RFC 6749 section 5.2.
import type { OAuthErrorCode } from '@countersign/protocol/oauth/error'

/** The options contradict themselves or miss something: thrown by `createClient` and the presets, before anything is sent. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly code = 'invalid_options'
}

/**
 * OAuth's own codes as the server gave them, and what can go wrong before there is one:
 * `unreachable` no connection · `timeout` no answer in time · `redirected` the endpoint redirects, which is never followed ·
 * `unreadable_answer` too long, not of the dialect, or a token that cannot be used · `budget_exhausted` the token budget is used up, so
 * nothing was asked · `authorization_refused` a human, or the server in front of him, said no.
 */
export const TOKEN_FAILURE_CODES = [
  'unreachable',
  'timeout',
  'redirected',
  'unreadable_answer',
  'budget_exhausted',
  'authorization_refused',
] as const
export type TokenFailureCode = OAuthErrorCode | (typeof TOKEN_FAILURE_CODES)[number]

export interface TokenFailure {
  readonly code: TokenFailureCode
  /** Origin of the endpoint. */
  readonly origin: string
  /** HTTP status, if there was an answer. */
  readonly status?: number | undefined
  /** The server's own word, where `code` has none for it: `authorization_pending`. */
  readonly serverCode?: string | undefined
  /** Seconds until it is worth trying again. */
  readonly retryAfter?: number | undefined
  /** The server's sentence or ours; never with a credential in it. */
  readonly description: string
}

/** The provider gave no token. */
export class TokenRequestFailed extends Error {
  override readonly name = 'TokenRequestFailed'
  readonly code: TokenFailureCode
  readonly origin: string
  readonly status: number | undefined
  readonly serverCode: string | undefined
  readonly retryAfter: number | undefined
  readonly description: string

  constructor(failure: TokenFailure) {
    const { code, origin, status, description } = failure
    super(`The token endpoint at ${origin} gave no token: ${code}${status === undefined ? '' : ` (${status})`}. ${description}`)
    this.code = code
    this.origin = origin
    this.status = status
    this.serverCode = failure.serverCode
    this.retryAfter = failure.retryAfter
    this.description = description
  }

  /** True if the same request may succeed later; false if the credentials or the request itself were refused. */
  get temporary(): boolean {
    return TEMPORARY.has(this.code)
  }
}

export const DISCOVERY_FAILURE_CODES = ['unreachable', 'not_found', 'issuer_mismatch', 'unreadable_answer'] as const
export type DiscoveryFailureCode = (typeof DISCOVERY_FAILURE_CODES)[number]

/** The issuer's metadata cannot be had or cannot be used. */
export class DiscoveryFailed extends Error {
  override readonly name = 'DiscoveryFailed'
  readonly code: DiscoveryFailureCode
  readonly issuer: string

  constructor(code: DiscoveryFailureCode, issuer: string, description: string) {
    super(`The metadata of ${issuer} cannot be used: ${description}`)
    this.code = code
    this.issuer = issuer
  }
}

/** The URL is outside `apiOrigins`: nothing was sent. */
export class OriginNotAllowed extends Error {
  override readonly name = 'OriginNotAllowed'
  readonly code = 'origin_not_allowed'
  readonly origin: string

  constructor(origin: string) {
    super(`${origin} is not an allowed origin of this client, so nothing was sent; name it in apiOrigins if the credentials belong there.`)
    this.origin = origin
  }
}

export const REDIRECT_REFUSALS = {
  too_many: 'there were more than 5 in a row',
  insecure: 'it leads from https to http',
  not_http: 'it leads to a URL that is not plain http or https',
  not_replayable: 'the body of the request was a stream and cannot be sent again',
  forbidden: 'the call forbids redirects',
} as const

export type RedirectRefusal = keyof typeof REDIRECT_REFUSALS

/** The API redirected to where this client does not follow. */
export class RedirectRefused extends Error {
  override readonly name = 'RedirectRefused'
  readonly code = 'redirect_refused'
  readonly reason: RedirectRefusal
  /** Origin that redirected. */
  readonly origin: string

  constructor(reason: RedirectRefusal, origin: string) {
    super(`A redirect of ${origin} was not followed: ${REDIRECT_REFUSALS[reason]}.`)
    this.reason = reason
    this.origin = origin
  }
}

const TEMPORARY: ReadonlySet<TokenFailureCode> = new Set([
  'unreachable',
  'timeout',
  'unreadable_answer',
  'budget_exhausted',
  'slow_down',
  'server_error',
  'temporarily_unavailable',
])
