// What the server tells of its work, and for how long it keeps it, as an operator writes it.
import type { Lifetime } from './lifetime.ts'

export interface AuditInput {
  /** Whether each token leaves a row. Default: true with a database, false in memory. */
  readonly tokens?: boolean
  /** How long rows are kept; default: 400 days. */
  readonly keep?: Lifetime
}

export interface LogInput {
  /** Whether each request leaves a line of JSON on standard output. Default: false. */
  readonly requests?: boolean
}

export interface TelemetryInput {
  /** Whether OpenTelemetry is told of each request: needs the package `@opentelemetry/api`. Default: false. */
  readonly traces?: boolean
  /**
   * Whose `traceparent` says which trace a request belongs to, and whether it is sampled: the trusted proxies', or anybody's, where only
   * your own programs call. All others begin a trace. Default: proxies.
   */
  readonly traceparent?: 'proxies' | 'anybody'
}
