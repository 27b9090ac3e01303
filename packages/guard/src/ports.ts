// What the guard asks of others: who owns an API key, what an opaque token says, what has been revoked, which proofs were seen,
// what a plan has left.
// Owns no answer itself.
// A port that cannot answer throws or rejects: the guard then says 503, never 401.
import type { Outcome, Principal } from './verdict.ts'

/** What is known of an API key; the key itself is not. */
export interface ApiKeyRecord {
  /** Addresses it may come from (single ones and CIDR blocks); absent or empty: from anywhere. */
  readonly addresses?: readonly string[]
  /** Public id of the key, fit for logs. */
  readonly id: string
  readonly clientId: string
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
}

export interface ApiKeys {
  /**
   * @param hash `sha256:` and the base64url SHA-256 of the UTF-8 key as presented; the key itself never leaves the guard
   * @returns undefined for a key nobody has; asked on every request, so that a dropped key is dead at once
   */
  find(hash: string): ApiKeyRecord | undefined | Promise<ApiKeyRecord | undefined>
}

/** RFC 7662. */
export interface Introspection {
  /** @returns the members of the answer for an active token, undefined for any other */
  introspect(token: string): Readonly<Record<string, unknown>> | undefined | Promise<Readonly<Record<string, unknown>> | undefined>
}

/** The DPoP proofs already used, RFC 9449 section 11.1: shared by all processes that must refuse a proof one of them has seen. */
export interface Replays {
  /**
   * @param name 43 characters that stand for one proof
   * @param expiresAt epoch seconds, whole: it may be forgotten then
   * @returns true for the first to name it, false for every later one
   */
  claim(name: string, expiresAt: number): boolean | Promise<boolean>
}

export interface Revocations {
  /**
   * Asked on every use of a token, cached or not: it must answer at once.
   * @param sid id of the refresh family a token stems from
   * @param clientId whose token it is
   * @param issuedAt `iat`, epoch seconds; undefined: the token does not say
   */
  isRevoked(jti: string | undefined, sid: string | undefined, clientId?: string, issuedAt?: number): boolean
}

/** The last step of the pipeline: may this caller, who is who he says and may do what he asks, have one more request now? */
export interface Admissions {
  /** Charged and durable before it answers. What cannot be decided throws or rejects: 503. */
  admit(request: AdmissionRequest): AdmissionAnswer | Promise<AdmissionAnswer>
}

export interface AdmissionRequest {
  readonly principal: Principal
  /** As the policy has it: `GET /orders/:id`; `otherwise` where no route names the request. */
  readonly route: string
  /** Units of the plan; whole, 0 or more. */
  readonly cost: number
  /** The caller's address as the adapter knows it. */
  readonly address?: string | undefined
  /** Nothing will be known of its answer: `done` is told of none. */
  readonly unseen?: boolean | undefined
}

// For whoever writes such a port.
export type { Outcome }

export type AdmissionAnswer =
  | {
      readonly admitted: true
      /** RateLimit fields for the answer, names in lower case. */
      readonly headers: Readonly<Record<string, string>>
      /** Ends its place among the requests under way; called once, when its answer has left or broken off. Must not throw. */
      readonly done: (outcome: Outcome) => void
    }
  | {
      readonly admitted: false
      readonly code: 'rate_exceeded' | 'volume_exceeded' | 'concurrency_exceeded'
      /** One sentence the caller may read. */
      readonly detail: string
      readonly headers: Readonly<Record<string, string>>
      /** Whole seconds; infinite: never, since the request costs more than the plan ever has at once. */
      readonly retryAfter: number
    }
