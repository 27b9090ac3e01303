// What a guard is made of, as its program gives it. Owns the defaults; the pipeline is guard.ts's.
import type { CompiledDialect } from '@countersign/protocol/dialect/compile'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import type { BearerOptions } from './bearer.ts'
import type { PolicyRules } from './policy.ts'
import type { Admissions, ApiKeys, Introspection, Replays, Revocations } from './ports.ts'
import type { TokenBudget } from './token_cache.ts'
import { jwtRulesOf } from './token_rules.ts'
import type { GuardErrorCode } from './verdict.ts'

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
  /** Asked last, for everybody who is known: what the client's plan says to one request more. Without it every request passes. */
  readonly admissions?: Admissions | undefined
  /** Default: every path wants a valid token and no scope. */
  readonly policy?: PolicyRules | undefined
  /** Seconds by which the issuer's clock may differ; default 0. */
  readonly clockTolerance?: number | undefined
  /** Seconds that a token may have been issued in the future: the issuer may be several machines. Default: `clockTolerance`. */
  readonly clockLead?: number | undefined
  /** Epoch seconds, may be fractional. */
  readonly now?: (() => number) | undefined
  /** URL of this API's metadata (RFC 9728), for challenges. */
  readonly resourceMetadata?: string | undefined
  /** Seconds in `Retry-After` of a 503; default 5. */
  readonly retryAfter?: number | undefined
  readonly cache?: GuardCacheOptions | undefined
  /** Told why a request got 503. The error may name hosts, never a credential of the caller. */
  readonly onMalfunction?: ((error: unknown) => void) | undefined
  /** Told of every denial, once, with what is known of the caller by then. */
  readonly onDenied?: ((denial: Denial) => void) | undefined
}

/** For logs and audits: no member is a credential. */
export interface Denial {
  readonly code: GuardErrorCode
  /** As in the verdict. */
  readonly reason: string
  /** Of the token, where one was verified. */
  readonly clientId: string | undefined
  /** Public id of the key that was found, whoever's it is. */
  readonly apiKeyId: string | undefined
  /** As the adapter knows it. */
  readonly address: string | undefined
}

export interface GuardCacheOptions {
  /** Default 10,000. */
  readonly maxTokens?: number
  /** Default 32 MiB. */
  readonly maxBytes?: number
  /** What the guards that were given the same one may remember together. Default: no bound but each one's own. */
  readonly budget?: TokenBudget
  /** Seconds before a JWT is verified anew, so that a withdrawn key ends; default 300, never beyond `exp`. */
  readonly seconds?: number
  /** Seconds before an opaque token is introspected anew; default 0. */
  readonly opaqueSeconds?: number
}

/** @throws TypeError for options that would guard nothing */
export function checkOptions(options: GuardOptions, apiKeyHeader: string | undefined): void {
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

export function bearerOptions(options: GuardOptions, now: () => number): BearerOptions {
  const { realm, issuer, keys, introspection, revocations, clockTolerance = 0, clockLead = clockTolerance, cache = {} } = options
  return {
    realm,
    issuer,
    audience: audienceList(options),
    keys,
    rules: jwtRulesOf(options.dialects),
    introspection,
    revocations,
    clockTolerance,
    clockLead,
    cacheSeconds: cache.seconds ?? 300,
    opaqueCacheSeconds: cache.opaqueSeconds ?? 0,
    budget: cache.budget,
    limits: { maxTokens: cache.maxTokens ?? 10_000, maxBytes: cache.maxBytes ?? 32 * 1024 * 1024 },
    now,
  }
}
