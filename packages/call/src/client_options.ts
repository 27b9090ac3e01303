// What a client is made of, and its check: from the options a caller writes to settings that everything below relies on.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import { compile } from '@countersign/protocol/dialect/compile'
import type { DialectDocument, WireClientAuth } from '@countersign/protocol/dialect/dialect'
import { DialectError, resolveDialect } from '@countersign/protocol/dialect/resolve'
import { ConfigurationError } from './errors.ts'
import { checkEndpoint, readOrigins } from './origin.ts'
import type { TokenCache } from './token_cache.ts'

/** A secret, or where to get it: asked for before each token request, so that a rotated one is found. */
export type Secret = string | (() => string | Promise<string>)

/** Client authentication that this client can write; assertions are not among it. */
export type ClientAuth = Exclude<WireClientAuth, 'private_key_jwt' | 'client_secret_jwt'>

/** One provider and one client of it. Give `tokenUrl` or `issuer`. */
export interface ClientOptions {
  /** Issuer exactly as the provider writes it; its metadata then names the endpoints. */
  readonly issuer?: string
  /** https, or http on a loopback host. */
  readonly tokenUrl?: string
  readonly revocationUrl?: string
  /** A built-in's name or a document, the same as the server is configured with; default `standard`. */
  readonly dialect?: string | DialectDocument
  readonly clientId: string
  /** Left out for a public client. */
  readonly clientSecret?: Secret
  /** Default: what the dialect, or the metadata, says. */
  readonly clientAuth?: ClientAuth
  /** Default: `password` if there is a username, else `client_credentials`. */
  readonly grant?: 'client_credentials' | 'password'
  readonly username?: string
  readonly password?: Secret
  readonly scope?: string | readonly string[]
  readonly audience?: string
  /** RFC 8707: absolute URIs. */
  readonly resource?: string | readonly string[]
  /** Further parameters of the token request, for instance `redirect_uri`. */
  readonly parameters?: Readonly<Record<string, string>>
  /** Shown to the API with every call, in the dialect's header. */
  readonly apiKey?: string
  /** Where credentials may go: origins like `https://api.example.com`. Empty: `fetch` refuses everything, `token` works. */
  readonly apiOrigins?: readonly string[]
  /** For one token request; default 10 000. */
  readonly timeoutMs?: number
  /** Seconds a token is taken to live whose answer has no `expires_in`; default 60. */
  readonly assumedLifetime?: number
  /** Default: in memory, this client's own. */
  readonly cache?: TokenCache
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch
  /** Epoch seconds; default: the system's clock. */
  readonly now?: () => number
  /** Milliseconds that never go back; default `performance.now`. */
  readonly monotonic?: () => number
  /** From 0 to below 1; default `Math.random`: it only spreads renewals. */
  readonly random?: () => number
}

/** Options after their check. */
export interface Settings {
  readonly issuer: string | undefined
  readonly tokenUrl: URL | undefined
  readonly revocationUrl: URL | undefined
  readonly dialect: CompiledDialect
  readonly clientId: string
  readonly clientSecret: Secret | undefined
  readonly clientAuth: ClientAuth | undefined
  readonly password: Secret | undefined
  /** The original grant in canonical words, without its secrets. */
  readonly parameters: ReadonlyMap<string, string>
  readonly allowed: ReadonlySet<string>
  readonly apiKey: string | undefined
}

/** @throws ConfigurationError: one sentence, without any of the secrets. */
export function readOptions(options: ClientOptions): Settings {
  const { issuer, tokenUrl, revocationUrl, clientSecret, clientAuth, apiKey } = options
  if (issuer === undefined && tokenUrl === undefined) throw new ConfigurationError('Give an issuer or a tokenUrl.')
  if (issuer !== undefined) checkEndpoint(issuer, 'issuer')
  requireText(options.clientId, 'clientId')
  for (const name of ['clientSecret', 'password'] as const) if (options[name] === '') throw new ConfigurationError(`${name} is empty.`)
  if (clientSecret === undefined && clientAuth !== undefined && clientAuth !== 'none')
    throw new ConfigurationError(`${clientAuth} needs a clientSecret.`)
  if (clientSecret !== undefined && clientAuth === 'none')
    throw new ConfigurationError("clientAuth 'none' and a clientSecret contradict each other.")
  const dialect = readDialect(options.dialect ?? 'standard')
  checkApiKey(apiKey, dialect)
  return {
    issuer,
    tokenUrl: tokenUrl === undefined ? undefined : checkEndpoint(tokenUrl, 'tokenUrl'),
    revocationUrl: revocationUrl === undefined ? undefined : checkEndpoint(revocationUrl, 'revocationUrl'),
    dialect,
    clientId: options.clientId,
    clientSecret,
    clientAuth,
    password: options.password,
    parameters: readParameters(options),
    allowed: readOrigins(options.apiOrigins ?? []),
    apiKey,
  }
}

/** @throws ConfigurationError if the source of the secret gives nothing. */
export async function readSecret(secret: Secret, name: string): Promise<string> {
  const value = typeof secret === 'string' ? secret : await secret()
  requireText(value, name)
  return value
}

const OWN_PARAMETERS = [
  'grant_type',
  'client_id',
  'client_secret',
  'username',
  'password',
  'scope',
  'audience',
  'resource',
  'refresh_token',
]

function readParameters(options: ClientOptions): ReadonlyMap<string, string> {
  const { username, password, audience } = options
  const grant = options.grant ?? (username === undefined ? 'client_credentials' : 'password')
  if (grant === 'password' && (!username || password === undefined))
    throw new ConfigurationError('The password grant needs a username and a password.')
  if (grant === 'client_credentials' && (username !== undefined || password !== undefined)) {
    throw new ConfigurationError("client_credentials has no user: leave out username and password, or set grant: 'password'.")
  }
  const parameters = new Map<string, string>([['grant_type', grant]])
  if (username !== undefined) parameters.set('username', username)
  const scope = joined(options.scope)
  if (scope) parameters.set('scope', scope)
  if (audience) parameters.set('audience', audience)
  const resource = joined(options.resource)
  if (resource) parameters.set('resource', resource)
  for (const [name, value] of Object.entries(options.parameters ?? {})) {
    if (OWN_PARAMETERS.includes(name)) throw new ConfigurationError(`parameters.${name} has an option of its own.`)
    parameters.set(name, value)
  }
  return parameters
}

function joined(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'object' ? value.join(' ') : value
}

function readDialect(document: string | DialectDocument): CompiledDialect {
  try {
    return compile(resolveDialect(document))
  } catch (error) {
    if (error instanceof DialectError) throw new ConfigurationError(`The dialect cannot be used: ${error.message}.`)
    throw error
  }
}

function checkApiKey(apiKey: string | undefined, dialect: CompiledDialect): void {
  if (apiKey === undefined) return
  if (!/^[\x21-\x7e]{1,4096}$/.test(apiKey)) throw new ConfigurationError('apiKey must be visible ASCII characters without spaces.')
  if (dialect.document.presentation.api_key.length === 0)
    throw new ConfigurationError(`The dialect '${dialect.name}' has no header for an API key.`)
}

function requireText(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '') throw new ConfigurationError(`${name} must be a text that is not empty.`)
}
