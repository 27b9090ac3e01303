// What an access token must say of itself beyond signature and registered claims: RFC 9068 section 4, RFC 8725 section 3.11,
// RFC 9449 section 7.2; and what an introspection answer must say: RFC 7662 section 2.2. Pure; fetches and remembers nothing.
import type { VerifiedJwt } from '@countersign/protocol/jose/jwt'
import { clientOf } from '@countersign/protocol/oauth/claims'
import { onceByDialects } from './by_dialects.ts'

export type Claims = Readonly<Record<string, unknown>>

/** A token that is not accepted. `detail` may be sent, `reason` is for the operator. */
export interface TokenRefusal {
  readonly code: 'invalid_token' | 'token_expired'
  readonly detail: string | undefined
  readonly reason: string
}

/** The parts of an accepted token that the guard acts on. */
export interface AcceptedToken {
  readonly claims: Claims
  readonly clientId: string
  readonly subject: string | undefined
  readonly audience: readonly string[]
  /** Thumbprint of the key it is bound to (RFC 9449 section 6); null: none, whoever has it may use it. */
  readonly binding: string | null
  /** Epoch seconds; infinite where an introspection answer names no end. */
  readonly expiresAt: number
}

export const refusal = (reason: string, detail?: string): TokenRefusal => ({ code: 'invalid_token', detail, reason })
export const expired = (): TokenRefusal => ({ code: 'token_expired', detail: undefined, reason: 'expired' })

/** Rules for JWTs. */
export interface JwtRules {
  /** Accepted header `typ`. */
  readonly typ: readonly string[]
  accept(jwt: VerifiedJwt): AcceptedToken | TokenRefusal
}

/**
 * `at+jwt` always; `JWT`, which ID tokens are too, only if a dialect issues access tokens so, and then only with the claims that
 * no other token of that family has.
 * @throws TypeError for a dialect of `JWT` that has no such claim
 */
export const jwtRulesOf = onceByDialects((dialects): JwtRules => {
  const families = dialects
    .filter((dialect) => dialect.claims.typ === 'JWT')
    .map((dialect) => Object.entries(dialect.claims.requiredClaims))
  if (families.some((required) => required.length === 0)) {
    throw new TypeError("a dialect with typ 'JWT' must have a constant claim that tells its access tokens from ID tokens")
  }
  return {
    typ: families.length === 0 ? ['at+jwt'] : ['at+jwt', 'JWT'],
    accept({ header, claims, audience, subject, expiresAt }) {
      const plain = header.typ?.toLowerCase().replace(/^application\//, '') === 'jwt'
      if (plain && !families.some((required) => hasAll(claims, required))) return refusal('wrong_type', 'The token is no access token.')
      if (subject === undefined || subject === '') return refusal('bad_claims', 'The token names no subject.')
      return acceptedFor(claims, subject, audience, expiresAt)
    },
  }
})

export interface IntrospectionRules {
  readonly issuer: string
  readonly audience: readonly string[]
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds that a token may have been issued in the future. */
  readonly clockLead: number
}

/** Judges an introspection answer. An audience is demanded here as of a JWT: without one a token is for anybody. */
export function acceptIntrospected(claims: Claims, rules: IntrospectionRules, now: number): AcceptedToken | TokenRefusal {
  const { iss, aud, sub, exp, nbf, active } = ownClaims(claims)
  if (active !== undefined && active !== true) return refusal('inactive')
  if (!isAccessToken(claims)) return refusal('wrong_type', 'The token is no access token.')
  if (iss !== undefined && iss !== rules.issuer) return refusal('wrong_issuer', 'The token is from another issuer.')
  const audience = audienceOf(aud)
  if (!audience.some((one) => rules.audience.includes(one))) return refusal('wrong_audience', 'The token is for another audience.')
  if (!isTime(exp) || !isTime(nbf)) return refusal('bad_claims')
  if (exp !== undefined && !(now < exp + rules.clockTolerance)) return expired()
  if (nbf !== undefined && !(nbf <= now + rules.clockLead)) return refusal('not_yet_valid', 'The token is not valid yet.')
  if (sub !== undefined && typeof sub !== 'string') return refusal('bad_claims')
  return acceptedFor(claims, sub, audience, exp ?? Number.POSITIVE_INFINITY)
}

function acceptedFor(
  claims: Claims,
  subject: string | undefined,
  audience: readonly string[],
  expiresAt: number,
): AcceptedToken | TokenRefusal {
  const { cnf, client_id, azp, token_type } = ownClaims(claims)
  const binding = bindingOf(cnf)
  if (binding === undefined) return refusal('bound', 'The token is bound to its sender in a way that is not checked here.')
  if (binding === null && isDpop(token_type)) return refusal('bound', 'The token is said to be bound to a key, but not to which.')
  const clientId = clientOf(claims)
  if (clientId === undefined) return refusal('bad_claims', 'The token names no client.')
  if (client_id !== undefined && azp !== undefined && client_id !== azp) return refusal('bad_claims', 'The token names two clients.')
  return { claims, clientId, subject, audience, binding, expiresAt }
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/

/**
 * The one binding that can be checked here: to a DPoP key, and to nothing else beside it (mutual TLS). Undefined for any other:
 * shown by whoever has it such a token may be stolen.
 */
function bindingOf(cnf: unknown): string | null | undefined {
  if (cnf === undefined || cnf === null) return null
  if (typeof cnf !== 'object' || Array.isArray(cnf)) return undefined
  if (Object.keys(cnf).length !== 1 || !('jkt' in cnf)) return undefined
  const thumbprint: unknown = cnf.jkt
  return typeof thumbprint === 'string' && THUMBPRINT.test(thumbprint) ? thumbprint : undefined
}

function isDpop(tokenType: unknown): boolean {
  return typeof tokenType === 'string' && tokenType.toLowerCase() === 'dpop'
}

function hasAll(claims: Claims, required: readonly (readonly [string, unknown])[]): boolean {
  return required.every(([name, value]) => Object.hasOwn(claims, name) && claims[name] === value)
}

/** Members of the answer alone, never of Object.prototype. */
function ownClaims(claims: Claims): Readonly<Record<Named, unknown>> {
  const own = (name: string): unknown => (Object.hasOwn(claims, name) ? claims[name] : undefined)
  return {
    iss: own('iss'),
    aud: own('aud'),
    sub: own('sub'),
    exp: own('exp'),
    nbf: own('nbf'),
    active: own('active'),
    cnf: own('cnf'),
    client_id: own('client_id'),
    azp: own('azp'),
    token_type: own('token_type'),
  }
}

type Named = 'iss' | 'aud' | 'sub' | 'exp' | 'nbf' | 'active' | 'cnf' | 'client_id' | 'azp' | 'token_type'

/** Some issuers call a refresh token active too: what says that it is another kind is refused. */
function isAccessToken(claims: Claims): boolean {
  const says = (name: string, ...accepted: readonly string[]): boolean => {
    if (!Object.hasOwn(claims, name)) return true
    const value = claims[name]
    return typeof value === 'string' && accepted.includes(value.toLowerCase())
  }
  return says('token_type', 'bearer', 'dpop') && says('typ', 'bearer', 'at+jwt', 'dpop')
}

function audienceOf(aud: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  return list.filter((one) => typeof one === 'string')
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value))
}
