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
}

/** An authorization narrowed to what this request gets. */
export interface Grantable {
  readonly authorization: Authorization
  readonly scope: readonly string[]
  /** At least one. */
  readonly audience: readonly string[]
}
