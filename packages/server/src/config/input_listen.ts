// Where the server listens, and what it does without its database, as an operator writes it.
import type { Lifetime } from './lifetime.ts'

export interface ListenInput {
  /** Default: 127.0.0.1. */
  readonly host?: string
  /** Default: 8080; 0: any free port. */
  readonly port?: number
  /** Default: 8081; 0: any free port. */
  readonly managementPort?: number
  /** Addresses and CIDR blocks of proxies in front, whose word on the caller's address is believed. Default: none. */
  readonly trustedProxies?: readonly string[]
  /** Seconds, at most 5, that /health/ready says 503 before a server that was told to end takes no more connections. Default: 0. */
  readonly drainDelay?: number
  /** Processes that share the public listener, `auto`: one on each core; they need a database. Default: 1. */
  readonly workers?: number | 'auto'
}

export interface WithoutDatabaseInput {
  /** How long guards pass tokens whose revocation they might not have heard of. Default: however long the database is away. */
  readonly guardsTrust?: Lifetime
}
