// What the guard decides, as data: allowed with a principal, or denied with a stable code. Owns the one table of guard errors
// and their body (RFC 9457); challenge.ts owns the headers.

/** Who is calling, from credentials that were verified. Frozen: it is shared by all requests with the same token. */
export interface Principal {
  /** Name of the realm whose guard let it in. */
  readonly realm: string
  /** Undefined only for an anonymous caller. */
  readonly clientId: string | undefined
  /** `sub`: the user, or the client itself; undefined for an anonymous caller and where an introspection answer has none. */
  readonly subject: string | undefined
  readonly scope: readonly string[]
  /** `aud` of the token. */
  readonly audience: readonly string[]
  /** All claims of the token, or the introspection answer. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Public id of the API key that came with the token. */
  readonly apiKeyId: string | undefined
  /** `jti` */
  readonly tokenId: string | undefined
  /** True: the route asks for nothing and no token came. */
  readonly anonymous: boolean
}

export interface Allow {
  readonly allow: true
  readonly principal: Principal
  /** To be added to the answer, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Name of the rule that let it in: `GET /orders/:id`; only where a plan was asked. */
  readonly route?: string
  /** Only where the request was admitted by a plan: to be called once, when the answer has left or broken off. */
  readonly done?: (outcome: Outcome) => void
}

/** What became of an admitted request. */
export interface Outcome {
  /** 0: no answer came. */
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly milliseconds: number
}

export interface Deny {
  readonly allow: false
  readonly status: number
  readonly code: GuardErrorCode
  readonly title: string
  /** One sentence the caller may read. */
  readonly detail: string
  /** Headers of the answer, `content-type` of `problemBody` among them; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Finer than `code`, for the operator's log and metrics: `bad_signature`, `revoked`. Never sent. */
  readonly reason: string
}

export type Verdict = Allow | Deny

/**
 * `bearer`   a Bearer challenge without an error code: nothing was presented (RFC 6750 section 3.1)
 * `api_key`  an ApiKey challenge, so that a client does not fetch a new token over a key
 * otherwise  the error code of a challenge for the scheme that was used, RFC 6750 section 3.1, RFC 9449 section 7.1; null: no challenge
 */
type ChallengeKind = 'bearer' | 'api_key' | 'invalid_request' | 'invalid_token' | 'invalid_dpop_proof' | 'insufficient_scope' | null

export interface GuardError {
  readonly status: number
  readonly title: string
  /** Where the occasion has nothing better to say. */
  readonly detail: string
  readonly challenge: ChallengeKind
}

const row = (status: number, challenge: ChallengeKind, title: string, detail: string): GuardError =>
  Object.freeze({ status, title, detail, challenge })

/** Every code a guard answers with. `type` of the problem is `urn:countersign:error:` and the code. */
export const GUARD_ERRORS = Object.freeze({
  missing_token: row(401, 'bearer', 'Access token missing', 'This API wants an access token.'),
  invalid_token: row(401, 'invalid_token', 'Access token not valid', 'The access token is not valid here.'),
  token_expired: row(401, 'invalid_token', 'Access token expired', 'The access token has expired.'),
  invalid_dpop_proof: row(
    401,
    'invalid_dpop_proof',
    'DPoP proof not valid',
    'The DPoP proof is missing, not valid for this request, or was used before.',
  ),
  insufficient_scope: row(403, 'insufficient_scope', 'Scope missing', 'The access token does not have the scope this request needs.'),
  invalid_request: row(400, 'invalid_request', 'Credentials malformed', 'The credentials are not presented in a form that can be read.'),
  missing_api_key: row(401, 'api_key', 'API key missing', 'This API wants an API key beside the access token.'),
  invalid_api_key: row(401, 'api_key', 'API key not valid', 'The API key is not valid here.'),
  client_mismatch: row(403, null, 'Credentials of two clients', 'The API key and the access token belong to different clients.'),
  address_not_allowed: row(403, null, 'Address not allowed', 'The API key may not be used from this address.'),
  ambiguous_path: row(400, null, 'Path ambiguous', 'The path can be read in more than one way.'),
  no_route: row(404, null, 'No such route', 'There is nothing at this path.'),
  method_not_allowed: row(405, null, 'Method not allowed', 'This path does not answer to this method.'),
  rate_exceeded: row(429, null, 'Rate exceeded', 'The client sends more requests than its plan has in this time.'),
  volume_exceeded: row(429, null, 'Volume used up', 'The client has used up the requests of its plan.'),
  concurrency_exceeded: row(429, null, 'Too many at once', 'The client has as many requests under way as its plan allows.'),
  cannot_verify: row(503, null, 'Cannot verify now', 'The credentials cannot be verified at the moment; try again soon.'),
  cannot_charge: row(503, null, 'Cannot charge now', 'The request cannot be charged to the plan at the moment; try again soon.'),
})

export type GuardErrorCode = keyof typeof GUARD_ERRORS

export const PROBLEM_TYPE = 'application/problem+json'

/** The body of a denial, RFC 9457: `{type, title, status, detail, code}` as JSON text. */
export function problemBody({ code, title, status, detail }: Deny): string {
  return JSON.stringify({ type: `urn:countersign:error:${code}`, title, status, detail, code })
}
