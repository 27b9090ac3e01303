// Everything an operator configures, resolved: defaults filled in, references read, secrets hashed. Made by config/.
import type { Api } from './api.ts'
import type { ApiKey } from './api_key.ts'
import type { Client } from './client.ts'
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
}

interface AuditSettings {
  /** Whether each token leaves a row. */
  readonly tokens: boolean
  /** Seconds that rows are kept. */
  readonly keepSeconds: number
}

export interface Configuration {
  readonly listen: ListenSettings
  /** Folder of the SQLite file; null: state in memory. */
  readonly dataFolder: string | null
  /** Key that signing keys and the secrets of client_secret_jwt are sealed under, 32 bytes; null: signing keys are stored readable. */
  readonly masterKey: Uint8Array | null
  readonly audit: AuditSettings
  readonly realms: readonly RealmSetup[]
  readonly apis: readonly Api[]
}
