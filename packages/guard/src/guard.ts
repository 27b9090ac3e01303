// THE pipeline of the resource server: path and policy, presentation, what is missing, bearer, API key, same client, scope.
// One function sees all steps. It answers at once unless a port does not. RFC 6750, RFC 9068 section 4, RFC 9700 section 2.3.
import type { IncomingFields, Presented } from '@countersign/protocol/dialect/codec/presentation'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { findApiKey } from './api_key.ts'
import type { VerifiedToken } from './bearer.ts'
import { createBearer } from './bearer.ts'
import { createDenier } from './challenge.ts'
import type { PolicyRules, Route, RouteRefusal } from './policy.ts'
import { compilePolicy } from './policy.ts'
import type { ApiKeyRecord, ApiKeys, Introspection, Revocations } from './ports.ts'
import { createPresentation } from './presentation.ts'
import type { TokenRefusal } from './token_rules.ts'
import { createJwtRules } from './token_rules.ts'
import type { Allow, Deny, Verdict } from './verdict.ts'

export interface GuardOptions {
  /** Name for challenges and identity headers. */
  readonly realm: string
  /** Compared with `iss` exactly. */
  readonly issuer: string
  /** This API: a token must be for one of them. */
  readonly audience: string | readonly string[]
  readonly keys: KeySource
  /** All that the realm serves: a request may present its credentials in any of them. */
  readonly dialects: readonly CompiledDialect[]
  /** `required`: both key and token, of one client. `optional`: a key that comes must fit the token. Default `off`: not looked at. */
  readonly apiKey?: 'off' | 'optional' | 'required' | undefined
  readonly apiKeys?: ApiKeys | undefined
  /** Without it, tokens that are no JWT are refused. */
  readonly introspection?: Introspection | undefined
  readonly revocations?: Revocations | undefined
  /** Default: every path wants a valid token and no scope. */
  readonly policy?: PolicyRules | undefined
  /** Seconds by which the issuer's clock may differ; default 0. */
  readonly clockTolerance?: number | undefined
  /** Epoch seconds, may be fractional. */
  readonly now?: (() => number) | undefined
  /** URL of this API's metadata (RFC 9728), for challenges. */
  readonly resourceMetadata?: string | undefined
  /** Seconds in `Retry-After` of a 503; default 5. */
  readonly retryAfter?: number | undefined
  readonly cache?: GuardCacheOptions | undefined
  /** Told why a request got 503. The error may name hosts, never a credential of the caller. */
  readonly onMalfunction?: ((error: unknown) => void) | undefined
}

export interface GuardCacheOptions {
  /** Default 10,000. */
  readonly maxTokens?: number
  /** Default 32 MiB. */
  readonly maxBytes?: number
  /** Seconds before a JWT is verified anew, so that a withdrawn key ends; default 300, never beyond `exp`. */
  readonly seconds?: number
  /** Seconds before an opaque token is introspected anew; default 0. */
  readonly opaqueSeconds?: number
}

export interface GuardRequest {
  readonly method: string
  /** As it came on the wire, with or without query. */
  readonly path: string
  /** Names in lower case, as Node has them. */
  readonly headers: IncomingFields
  /** Node's flat list of names and values: it alone shows a second `Authorization`. */
  readonly rawHeaders?: readonly string[] | undefined
}

export interface Guard {
  /** Never throws and never rejects: what cannot be verified is denied with `cannot_verify`. */
  check(request: GuardRequest): Verdict | Promise<Verdict>
  /** Headers that carry credentials, in lower case: a gateway takes them out of what it passes on. */
  readonly credentialHeaders: readonly string[]
  /** Forgets every verified token, for instance after a key was withdrawn. */
  forget(): void
}

/** @throws TypeError for options that would guard nothing */
export function createGuard(options: GuardOptions): Guard {
  const { apiKey: keyMode = 'off', apiKeys, now = () => Date.now() / 1000, onMalfunction } = options
  const presentation = createPresentation(options.dialects, keyMode !== 'off')
  checkOptions(options, presentation.apiKeyHeader)
  const policy = compilePolicy(options.policy ?? { routes: [] })
  const bearer = createBearer(bearerOptions(options, now))
  const { realm, resourceMetadata } = options
  const deny = createDenier({ realm, resourceMetadata, apiKeyHeader: presentation.apiKeyHeader })
  const missingToken = deny('missing_token')
  const missingApiKey = deny('missing_api_key')
  const invalidApiKey = deny('invalid_api_key')
  const clientMismatch = deny('client_mismatch')
  const repeated = deny('invalid_request', { detail: 'A header that carries credentials comes more than once.' })
  const cannotVerify = deny('cannot_verify', { headers: { 'retry-after': String(options.retryAfter ?? 5) } })
  const anonymous = anonymousAllow(realm)

  const malfunction = (error: unknown): Deny => {
    try {
      onMalfunction?.(error)
    } catch {
      // A log that fails must not change the verdict.
    }
    return cannotVerify
  }

  const withKey = (token: VerifiedToken, route: Route, key: ApiKeyRecord | undefined): Verdict => {
    if (key === undefined) return invalidApiKey
    if (key.clientId !== token.clientId) return clientMismatch
    return withScope(token, route, keyedAllow(token, key.id))
  }

  const withScope = (token: VerifiedToken, route: Route, allow: Allow): Verdict => {
    for (const name of route.scopes) if (!token.scopes.has(name)) return deny('insufficient_scope', { scope: route.scopes })
    return allow
  }

  // The token is judged before the key: only who holds a valid token may learn whether a key exists.
  const withToken = (token: VerifiedToken | TokenRefusal, route: Route, apiKey: string | undefined): Verdict | Promise<Verdict> => {
    if ('code' in token) return deny(token.code, { reason: token.reason, ...(token.detail !== undefined && { detail: token.detail }) })
    if (apiKey === undefined || apiKeys === undefined) return withScope(token, route, token.allow)
    const found = findApiKey(apiKeys, apiKey, now)
    return found instanceof Promise ? found.then((key) => withKey(token, route, key)) : withKey(token, route, found)
  }

  const readCredentials = (headers: IncomingFields): Presented & { readonly known?: VerifiedToken } => {
    const candidate = presentation.candidate(headers)
    const known = candidate === undefined ? undefined : bearer.cached(candidate)
    if (known === undefined) return presentation.read(headers)
    const { apiKey, problem } = presentation.readApiKey(headers)
    return { token: candidate, apiKey, problem, known }
  }

  const judge = ({ method, path, headers, rawHeaders }: GuardRequest): Verdict | Promise<Verdict> => {
    const route = policy.match(method, path)
    if ('refused' in route) return deny(route.refused, routeParts(route))
    if (rawHeaders !== undefined && presentation.isRepeated(rawHeaders)) return repeated
    const { token, apiKey, problem, known } = readCredentials(headers)
    if (problem !== undefined) return deny('invalid_request', { detail: problem })
    if (token === undefined) return route.anonymous ? anonymous : missingToken
    if (apiKey === undefined && keyMode === 'required') return missingApiKey
    const verified = known ?? bearer.verify(token)
    return verified instanceof Promise ? verified.then((one) => withToken(one, route, apiKey)) : withToken(verified, route, apiKey)
  }

  return {
    check(request) {
      try {
        const verdict = judge(request)
        return verdict instanceof Promise ? verdict.catch(malfunction) : verdict
      } catch (error) {
        return malfunction(error)
      }
    },
    credentialHeaders: presentation.headers,
    forget: () => bearer.clear(),
  }
}

function checkOptions(options: GuardOptions, apiKeyHeader: string | undefined): void {
  const { realm, issuer, apiKey = 'off', apiKeys } = options
  const audience = audienceList(options)
  if (realm === '') throw new TypeError('a guard needs the name of its realm')
  if (issuer === '') throw new TypeError('a guard needs the issuer whose tokens it accepts')
  if (audience.length === 0 || audience.some((one) => typeof one !== 'string' || one === '')) {
    throw new TypeError('a guard needs an audience: a token for any API would open this one')
  }
  if (apiKey === 'off') return
  if (apiKeys === undefined) throw new TypeError(`a guard with API keys ${apiKey} needs the port apiKeys`)
  if (apiKeyHeader === undefined) throw new TypeError('none of the dialects has a header for API keys')
}

function audienceList({ audience }: GuardOptions): readonly string[] {
  return typeof audience === 'string' ? [audience] : [...audience]
}

function bearerOptions(options: GuardOptions, now: () => number): Parameters<typeof createBearer>[0] {
  const { realm, issuer, keys, introspection, revocations, clockTolerance = 0, cache = {} } = options
  return {
    realm,
    issuer,
    audience: audienceList(options),
    keys,
    rules: createJwtRules(options.dialects),
    introspection,
    revocations,
    clockTolerance,
    cacheSeconds: cache.seconds ?? 300,
    opaqueCacheSeconds: cache.opaqueSeconds ?? 0,
    limits: { maxTokens: cache.maxTokens ?? 10_000, maxBytes: cache.maxBytes ?? 32 * 1024 * 1024 },
    now,
  }
}

function routeParts({ detail, allow }: RouteRefusal): { detail?: string; headers?: Record<string, string> } {
  return { ...(detail !== undefined && { detail }), ...(allow !== undefined && { headers: { allow } }) }
}

function keyedAllow(token: VerifiedToken, apiKeyId: string): Allow {
  if (token.keyed?.principal.apiKeyId === apiKeyId) return token.keyed
  const principal = Object.freeze({ ...token.allow.principal, apiKeyId })
  token.keyed = Object.freeze({ ...token.allow, principal })
  return token.keyed
}

function anonymousAllow(realm: string): Allow {
  const principal = Object.freeze({
    realm,
    clientId: undefined,
    subject: undefined,
    scope: Object.freeze([]),
    audience: Object.freeze([]),
    claims: Object.freeze({}),
    apiKeyId: undefined,
    tokenId: undefined,
    anonymous: true,
  })
  return Object.freeze({ allow: true, principal, headers: Object.freeze({}) })
}
