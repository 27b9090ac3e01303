// THE pipeline of the resource server: path and policy, presentation, what is missing, bearer, proof, API key, same client, scope.
// One function sees all steps. It answers at once unless a port does not. RFC 6750, RFC 9068 section 4, RFC 9449, RFC 9700 section 2.3.
import type { IncomingFields } from '@countersign/protocol/dialect/codec/presentation'
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { anonymousAllow, keyedAllow } from './allow.ts'
import { findApiKey } from './api_key.ts'
import type { VerifiedToken } from './bearer.ts'
import { createBearer } from './bearer.ts'
import { BOUND, createDenier, partsOf } from './challenge.ts'
import { createDpop } from './dpop.ts'
import type { PolicyRules, Route, RouteRefusal } from './policy.ts'
import { compilePolicy } from './policy.ts'
import type { ApiKeyRecord, ApiKeys, Introspection, Replays, Revocations } from './ports.ts'
import type { Shown } from './presentation.ts'
import { createPresentation } from './presentation.ts'
import { createReplayMemory } from './replay_memory.ts'
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
  /**
   * Where this API is reached from outside: its origin, with the path before it where the guard is asked below a mount
   * (`https://api.example.com`, `https://example.com/apis/orders`). With them, and a dialect that uses the header `authorization`, tokens
   * bound to a key are taken by the scheme DPoP, each request with its proof for one of these URLs (RFC 9449). Without, they are refused.
   */
  readonly baseUrls?: readonly string[] | undefined
  /** Proofs already used; default: those of this guard alone, at most 500,000 at once. */
  readonly replays?: Replays | undefined
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
  const { apiKey: keyMode = 'off', apiKeys, baseUrls = [], now = () => Date.now() / 1000, onMalfunction } = options
  const presentation = createPresentation(options.dialects, keyMode !== 'off', baseUrls.length > 0)
  checkOptions(options, presentation.apiKeyHeader)
  const policy = compilePolicy(options.policy ?? { routes: [] })
  const bearer = createBearer(bearerOptions(options, now))
  const { realm, resourceMetadata } = options
  const deny = createDenier({ realm, resourceMetadata, apiKeyHeader: presentation.apiKeyHeader, dpop: presentation.dpop })
  const dpop = createDpop({ baseUrls, now, replays: options.replays ?? createReplayMemory({ maxProofs: MAX_PROOFS, now }) })
  const missingToken = deny('missing_token')
  const missingApiKey = deny('missing_api_key')
  const invalidApiKey = deny('invalid_api_key')
  const clientMismatch = deny('client_mismatch')
  const repeated = deny('invalid_request', { detail: 'A header that carries credentials comes more than once.', scheme: 'either' })
  const bound = deny('invalid_token', { detail: boundDetail(presentation.dpop), reason: BOUND })
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

  const withKey = (token: VerifiedToken, route: Route, key: ApiKeyRecord | undefined, scheme: Scheme): Verdict => {
    if (key === undefined) return invalidApiKey
    if (key.clientId !== token.clientId) return clientMismatch
    return withScope(token, route, keyedAllow(token, key.id), scheme)
  }

  const withScope = (token: VerifiedToken, route: Route, allow: Allow, scheme: Scheme): Verdict => {
    for (const name of route.scopes) if (!token.scopes.has(name)) return deny('insufficient_scope', { scope: route.scopes, scheme })
    return allow
  }

  // The token is judged before the key: only who holds a valid token may learn whether a key exists.
  const withBearer = (token: VerifiedToken | TokenRefusal, route: Route, apiKey: string | undefined): Verdict | Promise<Verdict> => {
    if ('code' in token) return deny(token.code, partsOf(token, 'bearer'))
    return token.binding === null ? withToken(token, route, apiKey, 'bearer') : bound
  }

  const withProof = (
    token: VerifiedToken | TokenRefusal,
    route: Route,
    shown: Known,
    request: GuardRequest,
  ): Verdict | Promise<Verdict> => {
    if ('code' in token) return deny(token.code, partsOf(token, 'dpop'))
    return andThen(dpop.check(request, shown.token ?? '', token), (refused) =>
      refused === undefined ? withToken(token, route, shown.apiKey, 'dpop') : deny(refused.code, partsOf(refused, 'dpop')),
    )
  }

  const withToken = (token: VerifiedToken, route: Route, apiKey: string | undefined, scheme: Scheme): Verdict | Promise<Verdict> => {
    if (apiKey === undefined || apiKeys === undefined) return withScope(token, route, token.allow, scheme)
    return andThen(findApiKey(apiKeys, apiKey, now), (key) => withKey(token, route, key, scheme))
  }

  const readCredentials = (headers: IncomingFields): Known => {
    const candidate = presentation.candidate(headers)
    const known = candidate === undefined ? undefined : bearer.cached(candidate)
    if (known === undefined) return presentation.read(headers)
    const { apiKey, problem } = presentation.readApiKey(headers)
    return { token: candidate, apiKey, problem, dpop: false, known }
  }

  const judge = (request: GuardRequest): Verdict | Promise<Verdict> => {
    const { method, path, headers, rawHeaders } = request
    const route = policy.match(method, path)
    if ('refused' in route) return deny(route.refused, routeParts(route))
    if (rawHeaders !== undefined && presentation.isRepeated(rawHeaders)) return repeated
    const shown = readCredentials(headers)
    const { token, apiKey, problem, known } = shown
    if (problem !== undefined) return deny('invalid_request', { detail: problem, scheme: shown.dpop ? 'dpop' : 'bearer' })
    if (token === undefined) return route.anonymous ? anonymous : missingToken
    if (apiKey === undefined && keyMode === 'required') return missingApiKey
    if (known !== undefined) return withBearer(known, route, apiKey)
    return andThen(bearer.verify(token), (one) => (shown.dpop ? withProof(one, route, shown, request) : withBearer(one, route, apiKey)))
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

type Scheme = 'bearer' | 'dpop'

interface Known extends Shown {
  /** Verified before; never by the scheme DPoP, whose every use wants a new proof. */
  readonly known?: VerifiedToken
}

const MAX_PROOFS = 500_000

/** At once where the value is there at once. */
function andThen<Value, Result>(value: Value | Promise<Value>, act: (value: Value) => Result | Promise<Result>): Result | Promise<Result> {
  return value instanceof Promise ? value.then(act) : act(value)
}

function boundDetail(dpop: boolean): string {
  return dpop
    ? 'The token is bound to a key: present it by the scheme DPoP, with a proof.'
    : 'The token is bound to a key and cannot be used as a bearer token.'
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
