// The configuration as an operator writes it, in TypeScript or JSON: short, with defaults. schema.ts holds a file to it,
// realm.ts, client.ts and api.ts resolve it.
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import type { ClientAuthMethod, TokenFormat } from '../model/client.ts'
import type { GrantName } from './grant_name.ts'
import type { ListenInput, WithoutDatabaseInput } from './input_listen.ts'
import type { AuditInput, LogInput, TelemetryInput } from './input_telemetry.ts'
import type { Lifetime } from './lifetime.ts'
import type { PlanInput, ReuseInput } from './plan_input.ts'

/**
 * Where a secret comes from. Never the secret itself.
 * - `env`: the environment variable of that name
 * - `file`: the text of that file without its last line break; a relative path starts at the configuration file's folder
 * - `hash`: `sha256:<base64url>` for client secrets and API keys, `$argon2id$...` for passwords; `countersign hash` prints both
 */
export type SecretRef = { readonly env: string } | { readonly file: string } | { readonly hash: string }

/** What tokens a client may turn into narrower ones of its own (RFC 8693). */
interface ExchangeInput {
  /** Clients of the realm whose users' tokens may come; default: all of them. */
  readonly subjectClients?: readonly string[]
  /** Scope the actor's token must have; default: none. */
  readonly actorScope?: string
  /** Default: the client's. */
  readonly audiences?: readonly string[]
  /** Default: the client's. */
  readonly scopes?: readonly string[]
}

/** A foreign workload that may act as a client (RFC 7523). */
interface WorkloadInput {
  /** One of the realm's trustedIssuers. */
  readonly issuer: string
  /** `sub` of its tokens: `repo:acme/shop:ref:refs/heads/main`, or with a `*` at its end that stands for anything. */
  readonly subject: string
  /** Further claims that must be there with exactly this value; default: none. */
  readonly claims?: Readonly<Record<string, string | number | boolean>>
}

export interface TrustedIssuerInput {
  /** https, or http on loopback; compared with `iss` as plain text. */
  readonly issuer: string
  /** Default: `{issuer}/.well-known/jwks.json`. */
  readonly jwksUri?: string
  /** What `aud` must hold; default: this realm's issuer. */
  readonly audience?: string
}

export interface KeyRotationInput {
  /** `false`: only by command. Default: 30 days. */
  readonly every?: Lifetime | false
  /** A new key is published so long before it signs, shorter than `every`; default: 1 day. */
  readonly publishAhead?: Lifetime
}

export interface ApiKeyInput {
  /** Default: the one that stands in the key, where that is known, else derived from its hash. */
  readonly id?: string
  readonly key: SecretRef
  readonly displayName?: string
  /** Epoch seconds or an ISO 8601 date; default: no end. */
  readonly expiresAt?: number | string
  /** Addresses and CIDR blocks it may come from, `203.0.113.0/24`; default: from anywhere. */
  readonly addresses?: readonly string[]
}

export interface ClientInput {
  readonly clientId: string
  readonly displayName?: string
  /** One secret; or several in `secrets`, so that they can be rotated. */
  readonly secret?: SecretRef
  readonly secrets?: readonly SecretRef[]
  /** A client that can keep no secret (a page, an app on a phone). */
  readonly public?: boolean
  /**
   * Default: client_secret_basic and client_secret_post with a secret, private_key_jwt with public keys, none for a public client.
   * client_secret_jwt is never there by default: it needs the secret by `env` or `file`, and a masterKey that it is sealed under.
   */
  readonly authMethods?: readonly ClientAuthMethod[]
  /** Public keys of a client that signs assertions (private_key_jwt): 1 to 20 JSON Web Keys, or the URL of its JWK Set. */
  readonly jwks?: { readonly keys: readonly unknown[] }
  readonly jwksUri?: string
  /** `token_exchange` and `jwt_bearer` are short for the names on the wire. Default: client_credentials. */
  readonly grants?: readonly GrantName[]
  /** Scopes it may ask for; default: none. */
  readonly scopes?: readonly string[]
  /** Scopes it gets when it asks for none; default: all of `scopes`. */
  readonly defaultScopes?: readonly string[]
  /** Audiences it may ask for; default: all of the realm. */
  readonly audiences?: readonly string[]
  /** Audience of its tokens when it names none; null: it must name one. Default: its only audience, or null if it has several. */
  readonly defaultAudience?: string | null
  /** Default: jwt. */
  readonly tokenFormat?: TokenFormat
  /** Default: the realm's. */
  readonly accessTokenLifetime?: Lifetime
  /** Default: the realm's. */
  readonly plan?: PlanInput
  /** Default: the realm's. */
  readonly reuse?: ReuseInput
  /** Default: none. */
  readonly exchanges?: readonly ExchangeInput[]
  /** Default: none. */
  readonly workloads?: readonly WorkloadInput[]
  /** `required`: tokens only with a DPoP proof (RFC 9449). Default: optional. */
  readonly dpop?: 'optional' | 'required'
  /** May call the introspection endpoint for tokens of other clients: a resource server. Default: false. */
  readonly introspects?: boolean
  readonly apiKeys?: readonly ApiKeyInput[]
}

export interface UserInput {
  /** The `sub` of this person's tokens; default: derived from realm and username. */
  readonly id?: string
  readonly username: string
  readonly password: SecretRef
  /** Standard OpenID claims: `{ email: '...' }`. */
  readonly claims?: Readonly<Record<string, unknown>>
}

interface AudienceInput {
  readonly identifier: string
  /** Default: the realm's scopes. */
  readonly scopes?: readonly string[]
}

export interface RealmInput {
  readonly id: string
  readonly displayName?: string
  /** Default: `{publicUrl}/realms/{id}`, with the slash at its end that some dialects want. */
  readonly issuer?: string
  /** Host names at which the realm answers at its dialects' paths from the root. */
  readonly hosts?: readonly string[]
  /** Names of built-in dialects, or documents; the first is canonical. Default: standard. */
  readonly dialects?: readonly (string | DialectDocument)[]
  /** Sets `verbatim` on all its dialects. */
  readonly verbatim?: boolean
  /** JWS algorithm of new signing keys; default: the first dialect's. */
  readonly algorithm?: string
  /** Grants that the realm offers at all; default: those of its clients. */
  readonly grants?: readonly GrantName[]
  readonly scopes?: readonly string[]
  readonly audiences?: readonly (string | AudienceInput)[]
  /** Default: 15 minutes. */
  readonly accessTokenLifetime?: Lifetime
  /** Default: 30 days. */
  readonly refreshTokenLifetime?: Lifetime
  /** What each client may have that has no plan of its own; default: no limit. */
  readonly plan?: PlanInput
  /** For each client that says nothing else. Default: false. */
  readonly reuse?: ReuseInput
  /** Issuers whose tokens may prove who a workload is; default: none. */
  readonly trustedIssuers?: readonly TrustedIssuerInput[]
  readonly keyRotation?: KeyRotationInput
  readonly clients: readonly ClientInput[]
  readonly users?: readonly UserInput[]
}

interface ApiRouteInput {
  /** Default: every method. */
  readonly methods?: readonly string[]
  /** `/orders/:id`, `/orders/*`. */
  readonly path: string
  readonly scopes?: readonly string[]
  /** Units of the client's plan; 0: nothing, and it is counted all the same. Default: 1. */
  readonly cost?: number
}

/** A proxy may ask about each request, and passes it on itself. */
interface ForwardAuthInput {
  /** What the proxy shows in a header; default: nothing, it is known by its address. */
  readonly secret?: SecretRef
}

export interface ApiInput {
  readonly id: string
  readonly realm: string
  readonly hosts?: readonly string[]
  /** Default: `/apis/{id}`. */
  readonly prefix?: string
  /** `http://127.0.0.1:9000` */
  readonly upstream: string
  /** Default: the realm's only audience. */
  readonly audience?: string
  /** Default: off. */
  readonly apiKey?: 'off' | 'optional' | 'required'
  readonly routes?: readonly ApiRouteInput[]
  /** Requests that no route names: refused, or open to any valid token of the realm. Default: deny if there are routes, else authenticated. */
  readonly otherwise?: 'authenticated' | 'deny'
  /** The caller's token and key at the upstream. Default: pass. */
  readonly credentials?: 'pass' | 'strip'
  /** Whether the upstream gets a signed word on who the caller is, by which it can tell that it was not bypassed. Default: false. */
  readonly assertion?: boolean
  /** Bytes of a request body at most: a number of them, or `'512kb'`, `'10mb'`, `'1gb'`. Default: as long as it comes. */
  readonly maxBodyBytes?: number | string
  /** How long the upstream may take until its answer begins, and between two pieces of it, at most 1 day. Default: 60 seconds. */
  readonly timeout?: Lifetime
  /** How often an idempotent request is tried again at the upstream before anything of an answer has come; 0 to 5. Default: 1. */
  readonly retries?: number
  /** Path below the upstream that is asked each few seconds whether it is well; default: none, it is taken to be. */
  readonly healthPath?: string
  /** Default: no proxy may ask. */
  readonly forwardAuth?: boolean | ForwardAuthInput
}

export interface ConfigInput {
  /** Origin under which others reach the public listener; default: `http://{host}:{port}`. */
  readonly publicUrl?: string
  readonly listen?: ListenInput
  /** Folder of the database file; a relative path starts at the configuration file's folder. Default: state in memory. */
  readonly data?: string
  /**
   * `postgres://user@host:5432/database`: every node that names it shares its state; not together with `data`. Parameters: `sslmode`
   * (default: verify-full, on loopback disable), `sslrootcert` (a file), `passwordFile`, `schema`, `host` (folder of a Unix socket).
   * The password may also be the environment variable COUNTERSIGN_DATABASE_PASSWORD.
   */
  readonly database?: string
  /** 32 bytes as base64url, base64 or hex; signing keys are sealed under it, and secrets of clients with client_secret_jwt. */
  readonly masterKey?: { readonly env: string } | { readonly file: string }
  /** What happens while the database cannot be reached. */
  readonly withoutDatabase?: WithoutDatabaseInput
  readonly audit?: AuditInput
  readonly log?: LogInput
  readonly telemetry?: TelemetryInput
  readonly realms: readonly RealmInput[]
  readonly apis?: readonly ApiInput[]
}
