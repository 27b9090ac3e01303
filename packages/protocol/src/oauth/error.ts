// OAuth error codes, their HTTP status and the one error class. RFC 6749 section 5.2, 6750 section 3.1, 7009, 8693, 8707, 9449.
// Every error has two voices: `description` is for the caller, `cause` for the operator's log.

/** Each code with the status RFC 6749 and its extensions give it. A dialect may answer with another one. */
export const OAUTH_ERRORS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  unsupported_token_type: 400,
  invalid_scope: 400,
  invalid_target: 400,
  invalid_dpop_proof: 400,
  invalid_token: 401,
  insufficient_scope: 403,
  slow_down: 429,
  server_error: 500,
  temporarily_unavailable: 503,
} as const satisfies Readonly<Record<string, number>>

export type OAuthErrorCode = keyof typeof OAUTH_ERRORS

/** True for the codes in the table, so that a name from the wire can be told from one of ours. */
export function isOAuthErrorCode(code: string): code is OAuthErrorCode {
  return Object.hasOwn(OAUTH_ERRORS, code)
}

export interface OAuthErrorOptions {
  /** HTTP status, where it is not the code's own. */
  readonly status?: number
  /** Seconds until it is worth trying again. */
  readonly retryAfter?: number
  /** Challenge for `WWW-Authenticate`. */
  readonly challenge?: string
  /** Further fields of the answer, names in lower case: what is left of a limit. */
  readonly headers?: Readonly<Record<string, string>>
  /** What only the operator may read. */
  readonly cause?: unknown
}

/** A refusal in the standard's words. The message is the description: one sentence the caller may read. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  readonly retryAfter: number | undefined
  readonly challenge: string | undefined
  readonly headers: Readonly<Record<string, string>> | undefined

  constructor(code: OAuthErrorCode, description: string, options: OAuthErrorOptions = {}) {
    super(errorText(description), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? OAUTH_ERRORS[code]
    this.retryAfter = options.retryAfter
    this.challenge = options.challenge
    this.headers = options.headers
  }

  /** The sentence the caller may read. */
  get description(): string {
    return this.message
  }
}

/** Text in the character set of `error_description` (RFC 6749 section 5.2): %x20-21 / %x23-5B / %x5D-7E. */
export function errorText(text: string): string {
  return text
    .replaceAll('"', "'")
    .replaceAll('\\', '/')
    .replaceAll(/[^\x20-\x7e]/g, '?')
}
