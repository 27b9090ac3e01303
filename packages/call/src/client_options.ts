// What a client is made of, and its check: from the options a caller writes to settings that everything below relies on.
import type { ClientDialect } from '@countersign/protocol/dialect/client'
import type { WireClientAuth } from '@countersign/protocol/dialect/dialect'
import { standardClient } from '@countersign/protocol/dialect/standard_client'
import { ConfigurationError } from './errors.ts'
import type { ClientAssertion, GrantSource, Prover } from './extensions.ts'
import { checkEndpoint, readOrigins } from './origin.ts'
import type { TokenCache } from './token_cache.ts'

/** A secret, or where to get it: asked for before each token request, so that a rotated one is found. */
export type Secret = string | (() => string | Promise<string>)

/** Client authentication that needs no more than a secret. */
export type ClientAuth = Exclude<WireClientAuth, 'private_key_jwt' | 'client_secret_jwt'>

/** One provider and one client of it. Give `tokenUrl` or `issuer`. */
export interface ClientOptions {
  /** Issuer exactly as the provider writes it; its metadata then names the endpoints. */
  readonly issuer?: string
  /** https, or http on a loopback host. */
  readonly tokenUrl?: string
  readonly revocationUrl?: string
  /** Where the server tells what is left of the token budget: a Countersign's `/realms/{realm}/usage`. */
  readonly usageUrl?: string
  /** How the provider spells OAuth, as `dialect('keycloak')` of `@countersign/call/dialect` gives it; default: the standards' own way. */
  readonly dialect?: ClientDialect
  readonly clientId: string
  /** Left out for a public client. */
  readonly clientSecret?: Secret
  /** Default: what the dialect, or the metadata, says. */
  readonly clientAuth?: ClientAuth | ClientAssertion
  /** Default: `password` if there is a username, else `client_credentials`. */
  readonly grant?: 'client_credentials' | 'password' | GrantSource
  /** Binds tokens to a key of this client's, where the server does that; a token that it does not bind is used as it is. */
  readonly dpop?: Prover
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
  /** See World; for state, PKCE and jti. Default: 244 random bits by `crypto.randomUUID`. */
  readonly unique?: () => string
}

/** Options after their check. */
export interface Settings {
  readonly issuer: string | undefined
  readonly tokenUrl: URL | undefined
  readonly revocationUrl: URL | undefined
  readonly usageUrl: URL | undefined
  readonly dialect: ClientDialect
  readonly clientId: string
  readonly clientSecret: Secret | undefined
  readonly clientAuth: ClientAuth | undefined
  readonly assertion: ClientAssertion | undefined
  readonly grant: GrantSource | undefined
  readonly dpop: Prover | undefined
  readonly password: Secret | undefined
  /** The original grant in canonical words, without its secrets. */
  readonly parameters: ReadonlyMap<string, string>
  readonly allowed: ReadonlySet<string>
  readonly apiKey: string | undefined
}

/** @throws ConfigurationError: one sentence, without any of the secrets. */
export function readOptions(options: ClientOptions): Settings {
  const { issuer, tokenUrl, clientSecret, clientAuth: given, grant, apiKey } = options
  const [clientAuth, assertion] = typeof given === 'object' ? [undefined, given] : [given, undefined]
  if (issuer === undefined && tokenUrl === undefined) throw new ConfigurationError('Give an issuer or a tokenUrl.')
  requireText(options.clientId, 'clientId')
  for (const name of ['clientSecret', 'password'] as const) if (options[name] === '') throw new ConfigurationError(`${name} is empty.`)
  const method = assertion?.method ?? clientAuth
  if (method !== undefined && (clientSecret === undefined) === (method.startsWith('client_secret_') && !assertion)) {
    const mend = clientSecret === undefined ? 'needs a clientSecret' : 'wants no clientSecret beside it'
    throw new ConfigurationError(`clientAuth ${method} ${mend}.`)
  }
  const dialect = readDialect(options.dialect)
  checkApiKey(apiKey, dialect)
  const endpoint = (name: 'issuer' | 'tokenUrl' | 'revocationUrl' | 'usageUrl'): URL | undefined => {
    const url = options[name]
    return url === undefined ? undefined : checkEndpoint(url, name)
  }
  endpoint('issuer')
  return {
    issuer,
    tokenUrl: endpoint('tokenUrl'),
    revocationUrl: endpoint('revocationUrl'),
    usageUrl: endpoint('usageUrl'),
    dialect,
    clientId: options.clientId,
    clientSecret,
    clientAuth,
    assertion,
    grant: typeof grant === 'object' ? grant : undefined,
    dpop: options.dpop,
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
  const { username, password, grant: wanted = username === undefined ? 'client_credentials' : 'password' } = options
  const grant = typeof wanted === 'object' ? wanted.name : wanted
  if (grant === 'password' && (!username || password === undefined))
    throw new ConfigurationError('The password grant needs a username and a password.')
  if (grant !== 'password' && (username !== undefined || password !== undefined)) {
    throw new ConfigurationError(`The grant ${grant} has no user: leave out username and password, or set grant: 'password'.`)
  }
  const parameters = new Map([['grant_type', grant]])
  const given = { username: options.username, scope: options.scope, audience: options.audience, resource: options.resource }
  for (const [name, value] of Object.entries(given)) {
    const text = typeof value === 'object' ? value.join(' ') : value
    if (text) parameters.set(name, text)
  }
  for (const [name, value] of Object.entries(options.parameters ?? {})) {
    if (OWN_PARAMETERS.includes(name)) throw new ConfigurationError(`parameters.${name} has an option of its own.`)
    parameters.set(name, value)
  }
  return parameters
}

function readDialect(dialect: ClientDialect = standardClient): ClientDialect {
  // A name or a bare document, from a program without types: the check and the other built-in ones are not in the core.
  if (typeof dialect !== 'object' || !('tokenRequest' in dialect)) {
    throw new ConfigurationError("The dialect must be made by dialect() of '@countersign/call/dialect', which takes its name or document.")
  }
  return dialect
}

function checkApiKey(apiKey: string | undefined, dialect: ClientDialect): void {
  if (apiKey === undefined) return
  if (!/^[\x21-\x7e]{1,4096}$/.test(apiKey)) throw new ConfigurationError('apiKey must be visible ASCII characters without spaces.')
  if (dialect.document.presentation.api_key.length === 0)
    throw new ConfigurationError(`The dialect '${dialect.name}' has no header for an API key.`)
}

function requireText(value: unknown, name: string): void {
  if (typeof value !== 'string' || value === '') throw new ConfigurationError(`${name} must be a text that is not empty.`)
}
