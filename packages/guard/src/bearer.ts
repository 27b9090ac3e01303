// From a token to who it speaks for: a JWT by local verification, any other by introspection. RFC 9068 section 4, RFC 7662.
// Verified tokens are remembered, never beyond `exp`, and asked after revocations on every use. Which carrier brought the token,
// and what it may do, is not known here.
import type { ProofKey } from '@countersign/protocol/jose/dpop'
import { JoseError } from '@countersign/protocol/jose/error'
import type { Expectations, VerifiedJwt } from '@countersign/protocol/jose/jwt'
import { verifyJwt } from '@countersign/protocol/jose/jwt'
import type { KeySource } from '@countersign/protocol/jose/key_set'
import { scopeOf } from '@countersign/protocol/oauth/claims'
import type { Introspection, Revocations } from './ports.ts'
import type { TokenBudget, TokenCacheLimits } from './token_cache.ts'
import { createTokenCache } from './token_cache.ts'
import type { AcceptedToken, Claims, JwtRules, TokenRefusal } from './token_rules.ts'
import { acceptIntrospected, expired, refusal } from './token_rules.ts'
import type { Allow, Principal } from './verdict.ts'

/** A token that was accepted, with the verdicts that need no further thought. */
export interface VerifiedToken {
  readonly clientId: string
  readonly scopes: ReadonlySet<string>
  readonly tokenId: string | undefined
  readonly sid: string | undefined
  /** `iat` */
  readonly issuedAt: number | undefined
  /** Thumbprint of the key without whose proof it must not pass; null: none. */
  readonly binding: string | null
  /** Of the proof it came with last. */
  proofKey: ProofKey | undefined
  /** Epoch seconds. */
  readonly expiresAt: number
  /** Epoch seconds: the earlier of `exp` and the end of its time in the cache. */
  readonly cachedUntil: number
  /** Without an API key. */
  readonly allow: Allow
  /** With the API key it came with last. */
  keyed: Allow | undefined
}

export interface BearerOptions {
  readonly realm: string
  readonly issuer: string
  readonly audience: readonly string[]
  readonly keys: KeySource
  readonly rules: JwtRules
  readonly introspection: Introspection | undefined
  readonly revocations: Revocations | undefined
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds that a token may have been issued in the future. */
  readonly clockLead: number
  /** Seconds a verified JWT is remembered at most: so long may a key go on working that the issuer has withdrawn. */
  readonly cacheSeconds: number
  /** The same for introspected tokens: so long may one go on working that was revoked elsewhere. */
  readonly opaqueCacheSeconds: number
  readonly limits: TokenCacheLimits
  readonly budget: TokenBudget | undefined
  /** Epoch seconds. */
  readonly now: () => number
}

type Outcome = VerifiedToken | TokenRefusal

export interface Bearer {
  /** A token verified before and still good; undefined says nothing about any other. `token` may be any text. */
  cached(token: string): VerifiedToken | undefined
  /** Rejects or throws what is not the token's fault: the verification could not be done. */
  verify(token: string): Outcome | Promise<Outcome>
  clear(): void
}

export function createBearer(options: BearerOptions): Bearer {
  const { now, revocations, introspection, keys, rules } = options
  const cache = createTokenCache<VerifiedToken>(options.limits, options.budget)
  const flights = new Map<string, Promise<Outcome>>()
  const { issuer, audience, clockTolerance, clockLead } = options
  const expectations: Omit<Expectations, 'now'> = { issuer, audience, clockTolerance, clockLead, typ: rules.typ }

  const isRevoked = ({ tokenId, sid, clientId, issuedAt }: VerifiedToken): boolean =>
    revocations?.isRevoked(tokenId, sid, clientId, issuedAt) ?? false

  const cached = (token: string): VerifiedToken | undefined => {
    const known = cache.get(token)
    if (known === undefined) return undefined
    if (now() < known.cachedUntil && !isRevoked(known)) return known
    cache.delete(token)
    return undefined
  }

  const keep = (token: string, accepted: AcceptedToken | TokenRefusal, seconds: number): Outcome => {
    if ('code' in accepted) return accepted
    const verified = verifiedOf(options.realm, accepted, Math.min(accepted.expiresAt, now() + seconds))
    if (seconds > 0) cache.set(token, verified, weightOf(token, accepted.claims))
    return verified
  }

  const keepJwt = (token: string, jwt: VerifiedJwt): Outcome => keep(token, rules.accept(jwt), options.cacheSeconds)
  const keepIntrospected = (token: string, claims: Claims | undefined): Outcome =>
    claims === undefined
      ? refusal('inactive')
      : // A copy: what is kept gets frozen, and the port may go on using its own.
        keep(
          token,
          acceptIntrospected(structuredClone(claims), options, now()),
          Number.isFinite(claims['exp']) ? options.opaqueCacheSeconds : 0,
        )

  const verifyAfresh = (token: string): Outcome | Promise<Outcome> => {
    if (isJwt(token)) {
      try {
        const jwt = verifyJwt(token, { ...expectations, now: now() }, keys)
        return jwt instanceof Promise ? jwt.then((one) => keepJwt(token, one)).catch(refusalOf) : keepJwt(token, jwt)
      } catch (error) {
        return refusalOf(error)
      }
    }
    if (introspection === undefined) return refusal('opaque')
    const claims = introspection.introspect(token)
    return claims instanceof Promise ? claims.then((one) => keepIntrospected(token, one)) : keepIntrospected(token, claims)
  }

  // Whatever the way here, time and revocations have the last word.
  const settle = (outcome: Outcome): Outcome => {
    if ('code' in outcome) return outcome
    if (!(now() < outcome.expiresAt + clockTolerance)) return expired()
    return isRevoked(outcome) ? refusal('revoked', 'The token has been revoked.') : outcome
  }

  const fly = (token: string, outcome: Promise<Outcome>): Promise<Outcome> => {
    const flight = outcome.finally(() => flights.delete(token))
    flights.set(token, flight)
    return flight
  }

  return {
    cached,
    verify(token) {
      const known = cached(token)
      if (known !== undefined) return known
      const flight = flights.get(token)
      if (flight !== undefined) return flight.then(settle)
      const outcome = verifyAfresh(token)
      return outcome instanceof Promise ? fly(token, outcome).then(settle) : settle(outcome)
    },
    clear: () => cache.clear(),
  }
}

/** Three parts, whatever is in them: such a token is verified here or refused, and never falls through to introspection. */
function isJwt(token: string): boolean {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  return first >= 0 && second >= 0 && token.indexOf('.', second + 1) < 0
}

function refusalOf(error: unknown): TokenRefusal {
  if (!(error instanceof JoseError) || error.code === 'key_unavailable') throw error
  return error.code === 'expired' ? expired() : refusal(error.code, error.message)
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({})

function verifiedOf(realm: string, accepted: AcceptedToken, cachedUntil: number): VerifiedToken {
  const { claims, clientId, subject, audience, binding, expiresAt } = accepted
  const scope = Object.freeze(scopeOf(claims).filter((name) => name !== ''))
  const tokenId = textOf(claims, 'jti')
  // Shared by all requests with this token: what one handler writes into it, the next would read.
  const principal: Principal = Object.freeze({
    realm,
    clientId,
    subject,
    scope,
    audience: Object.freeze([...audience]),
    claims: freezeDeep(claims),
    apiKeyId: undefined,
    tokenId,
    anonymous: false,
  })
  const allow: Allow = Object.freeze({ allow: true, principal, headers: NO_HEADERS })
  return {
    clientId,
    scopes: new Set(scope),
    tokenId,
    sid: textOf(claims, 'sid'),
    issuedAt: numberOf(claims, 'iat'),
    binding,
    proofKey: undefined,
    expiresAt,
    cachedUntil,
    allow,
    keyed: undefined,
  }
}

function textOf(claims: Claims, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function numberOf(claims: Claims, name: string): number | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return typeof value === 'number' ? value : undefined
}

function freezeDeep<Value extends object>(value: Value): Value {
  for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) freezeDeep(member as object)
  return Object.freeze(value)
}

/** Bytes, roughly: the token, and its claims as objects. */
function weightOf(token: string, claims: Claims): number {
  return token.length + 3 * JSON.stringify(claims).length + 512
}
