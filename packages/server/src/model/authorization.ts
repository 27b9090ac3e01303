// What every grant yields: who may have a token for what, before the request narrows it.
import type { Client } from './client.ts'
import type { FoundRefreshToken } from './store.ts'
import type { User } from './user.ts'

type Subject = { readonly kind: 'client' } | { readonly kind: 'user'; readonly user: User }

export interface Authorization {
  readonly client: Client
  readonly subject: Subject
  /** The most that may be granted. */
  readonly scope: readonly string[]
  /** What is granted when the request names no scope. */
  readonly defaultScope: readonly string[]
  /** Audiences that may be asked for. */
  readonly audiences: readonly string[]
  /** Granted when the request names none; empty: it must name one. */
  readonly defaultAudiences: readonly string[]
  /** `none`: no refresh token; `start`: a new family; otherwise the used token, whose family goes on. */
  readonly refresh: 'none' | 'start' | FoundRefreshToken
  /** Set by token exchange (RFC 8693): the token has an `act`, ends with the one it was exchanged for, and is never served again. */
  readonly exchange?: Exchange
  /** Whose word the authorization rests on, for the audit row: a foreign workload, the token that was exchanged. Names only. */
  readonly provenance?: Readonly<Record<string, string>>
}

/** What a token got by exchange owes to the tokens it was exchanged for. */
interface Exchange {
  /** `act` of the new token: who acts for the subject, with the actors before it nested inside. RFC 8693 section 4.1. */
  readonly act: Readonly<Record<string, unknown>>
  /** Epoch seconds: the subject's token ends then, and so does the new one at the latest. */
  readonly expiresAt: number
  /** Refresh family of the subject's token, or its `jti` if it has none, so that the new one dies with it. */
  readonly sid: string | undefined
}

/** An authorization narrowed to what this request gets. */
export interface Grantable {
  readonly authorization: Authorization
  readonly scope: readonly string[]
  /** At least one. */
  readonly audience: readonly string[]
  /** Thumbprint of the DPoP key the token is bound to (RFC 9449 section 6); null: a bearer token. */
  readonly binding: string | null
}
