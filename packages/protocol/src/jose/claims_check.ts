// The registered claims and the `typ` of a token against what its receiver expects: RFC 7519 section 4.1, RFC 8725 section 3, RFC 9068 section 4.
// It knows neither signatures nor keys. Every comparison is written so that a number that is none refuses.
import type { JsonObject, JsonValue } from '../oauth/strict_json.ts'
import type { AlgorithmName } from './algorithm.ts'
import { JoseError } from './error.ts'

/** What a receiver insists on. Issuer, audience and type are mandatory: a verifier without them accepts other people's tokens. */
export interface Expectations {
  /** Compared with `iss` character by character. */
  readonly issuer: string
  /** At least one; `aud` must contain one of them. */
  readonly audience: readonly string[]
  /**
   * At least one accepted header `typ`, in any case, with or without `application/`: for instance `at+jwt`. `''` stands for a token
   * that has no `typ` at all, as some providers send them.
   */
  readonly typ: readonly string[]
  /** Further claims that must be present with exactly this string, number, boolean or null, for instance `{ typ: 'Bearer' }`; no other value ever matches. */
  readonly requiredClaims?: Readonly<Record<string, unknown>>
  /** Narrows the algorithms further; by default whatever the issuer's key is for. */
  readonly algorithms?: readonly AlgorithmName[]
  /** Epoch seconds, may be fractional. */
  readonly now: number
  /** Seconds by which the clocks may differ; default 0. */
  readonly clockTolerance?: number
  /** Seconds that `iat` and `nbf` may lie ahead, for issuers that are several machines; default `clockTolerance`. */
  readonly clockLead?: number
  /** Seconds between `iat` and `exp` at most; `iat` is then mandatory. */
  readonly maxLifetime?: number
}

/** The registered claims, checked and typed. Times in epoch seconds. */
export interface RegisteredClaims {
  readonly issuer: string
  /** `aud`, always as a list. */
  readonly audience: readonly string[]
  readonly subject: string | undefined
  readonly expiresAt: number
  readonly issuedAt: number | undefined
  /** `jti` */
  readonly tokenId: string | undefined
}

/** @throws JoseError for a token that is refused, TypeError for expectations that expect nothing */
export const checkClaims = (typ: string | undefined, claims: JsonObject, expectations: Expectations): RegisteredClaims => {
  if (expectations.issuer === '' || expectations.audience.length === 0 || expectations.typ.length === 0) {
    throw new TypeError('expectations must name an issuer, an audience and a typ')
  }
  checkType(typ, expectations.typ)
  const issuer = own(claims, 'iss')
  if (issuer !== expectations.issuer) throw new JoseError('wrong_issuer', 'The token is from another issuer.')
  const audience = checkAudience(own(claims, 'aud'), expectations.audience)
  const times = checkTimes(claims, expectations)
  const subject = optionalString(claims, 'sub')
  const tokenId = optionalString(claims, 'jti')
  checkRequired(claims, expectations.requiredClaims)
  return { issuer: expectations.issuer, audience, subject, tokenId, ...times }
}

const own = (claims: JsonObject, name: string): JsonValue | undefined => (Object.hasOwn(claims, name) ? claims[name] : undefined)

// RFC 7515 section 4.1.9: a media type, whose `application/` may be left out.
const bareType = (typ: string): string => {
  const lower = typ.toLowerCase()
  return lower.startsWith('application/') ? lower.slice('application/'.length) : lower
}

const ABSENT = ''

const checkType = (typ: string | undefined, accepted: readonly string[]): void => {
  if (typ === undefined) {
    if (accepted.includes(ABSENT)) return
  } else {
    const bare = bareType(typ)
    if (accepted.some((candidate) => candidate !== ABSENT && bareType(candidate) === bare)) return
  }
  throw new JoseError('wrong_type', 'The token is of another type than is accepted here.')
}

const checkAudience = (aud: JsonValue | undefined, expected: readonly string[]): readonly string[] => {
  if (aud === undefined) throw new JoseError('wrong_audience', 'The token names no audience.')
  const list: readonly JsonValue[] = Array.isArray(aud) ? aud : [aud]
  if (!list.every((entry) => typeof entry === 'string'))
    throw new JoseError('bad_claims', 'The aud of the token is neither a string nor a list of strings.')
  if (!list.some((entry) => expected.includes(entry))) throw new JoseError('wrong_audience', 'The token is for another audience.')
  return list
}

const checkTimes = (
  claims: JsonObject,
  { now, clockTolerance = 0, clockLead = clockTolerance, maxLifetime }: Expectations,
): { expiresAt: number; issuedAt: number | undefined } => {
  const expiresAt = time(claims, 'exp')
  const notBefore = time(claims, 'nbf')
  const issuedAt = time(claims, 'iat')
  if (expiresAt === undefined) throw new JoseError('bad_claims', 'The token has no exp.')
  if (!(now < expiresAt + clockTolerance)) throw new JoseError('expired', 'The token has expired.')
  if (notBefore !== undefined && !(notBefore <= now + clockLead)) throw new JoseError('not_yet_valid', 'The token is not valid yet.')
  if (issuedAt !== undefined && !(issuedAt <= now + clockLead)) throw new JoseError('not_yet_valid', 'The token was issued in the future.')
  if (maxLifetime !== undefined) {
    if (issuedAt === undefined) throw new JoseError('bad_claims', 'The token has no iat.')
    if (!(expiresAt - issuedAt <= maxLifetime)) throw new JoseError('bad_claims', 'The token lives longer than is accepted here.')
  }
  return { expiresAt, issuedAt }
}

// NumericDate of RFC 7519 section 2: a JSON number, fractions allowed. A string of digits is none.
const time = (claims: JsonObject, name: string): number | undefined => {
  const value = own(claims, name)
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new JoseError('bad_claims', `The ${name} of the token is not a time.`)
  return value
}

const optionalString = (claims: JsonObject, name: string): string | undefined => {
  const value = own(claims, name)
  if (value !== undefined && typeof value !== 'string') throw new JoseError('bad_claims', `The ${name} of the token is not a string.`)
  return value
}

const checkRequired = (claims: JsonObject, required: Expectations['requiredClaims']): void => {
  if (required === undefined) return
  for (const [name, value] of Object.entries(required)) {
    if (own(claims, name) !== value) throw new JoseError('bad_claims', `The token does not have the required ${name}.`)
  }
}
