// Everything an operator configures, resolved: defaults filled in, references read, secrets hashed. Made by config/.
import type { Api } from './api.ts'
import type { ApiKey } from './api_key.ts'
import type { Client } from './client.ts'
import type { DatabaseSettings } from './database.ts'
import type { Realm } from './realm.ts'
import type { User } from './user.ts'

export interface RealmSetup {
  readonly realm: Realm
  readonly clients: readonly Client[]
  readonly users: readonly User[]
  readonly apiKeys: readonly ApiKey[]
}

export interface ListenSettings {
  /** Public listener. */
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly managementPort: number
  /** Origin under which the public listener is reached, without a slash at its end; issuers and links are built on it. */
  readonly publicUrl: string
  /** Addresses and CIDR blocks of proxies in front: what they say of their caller's address is believed. */
  readonly trustedProxies: readonly string[]
  /** Processes that share the listener; 0: the one that was started does the work itself. */
  readonly workers: number
}

interface AuditSettings {
  /** Whether each token leaves a row. */
  readonly tokens: boolean
  /** Seconds that rows are kept. */
  readonly keepSeconds: number
}

export interface TelemetrySettings {
  /** Whether each request leaves a line in the log. */
  readonly logRequests: boolean
  /** Whether OpenTelemetry is told of each request. */
  readonly traces: boolean
  /** Whose `traceparent` says which trace a request belongs to; everybody else's begins one. */
  readonly traceparent: 'proxies' | 'anybody'
  /** Seconds that a server that was told to end says so at /health/ready before it takes no more connections. */
  readonly drainDelay: number
}

export interface Configuration {
  readonly listen: ListenSettings
  readonly database: DatabaseSettings
  /** Key that signing keys and the secrets of client_secret_jwt are sealed under, 32 bytes; null: signing keys are stored readable. */
  readonly masterKey: Uint8Array | null
  readonly audit: AuditSettings
  readonly telemetry: TelemetrySettings
  /** Seconds that guards trust what they know of revocations while the database cannot be reached; null: however long that is. */
  readonly guardsTrust: number | null
  /**
   * What to do where live nodes of the same database call a realm otherwise. `tell`: they are being restarted one after another, or nobody gave
   * this node a name, and it has that of its own address.
   */
  readonly onOtherIssuer: 'refuse' | 'tell'
  readonly realms: readonly RealmSetup[]
  readonly apis: readonly Api[]
}
