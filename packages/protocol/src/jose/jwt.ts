// JSON Web Tokens in compact form: reading, verifying and making them. RFC 7519, RFC 7515 section 3.1, RFC 8725, RFC 9068 section 4.
// What a token may do is the caller's business; here is only whether it is the issuer's, for this audience, now.
import type { JsonObject, JsonValue } from '../oauth/strict_json.ts'
import { isJsonObject, parseStrictJson, StrictJsonError } from '../oauth/strict_json.ts'
import type { AlgorithmName } from './algorithm.ts'
import { algorithmOf } from './algorithm.ts'
import { decodeBase64url, encodeBase64url } from './base64url.ts'
import type { Expectations, RegisteredClaims } from './claims_check.ts'
import { checkClaims } from './claims_check.ts'
import { JoseError } from './error.ts'
import { isKid } from './jwk.ts'
import type { Signer, Verifier } from './jws.ts'
import type { KeySource } from './key_set.ts'

export type { Expectations } from './claims_check.ts'

export interface JwtHeader {
  readonly alg: string
  readonly typ: string | undefined
  readonly kid: string | undefined
  /** All members as they came, to be shown. `jwk`, `jku`, `x5c` and `x5u` in it are the sender's word: nothing here follows them. */
  readonly members: JsonObject
}

/** Read, and nothing more: anybody can have written it. */
export interface UnverifiedJwt {
  readonly header: JwtHeader
  readonly claims: JsonObject
  /** The first two parts with their dot: what was signed. */
  readonly signingInput: string
  readonly signature: Uint8Array
}

export interface VerifiedJwt extends RegisteredClaims {
  readonly header: JwtHeader
  readonly claims: JsonObject
  readonly algorithm: AlgorithmName
}

export interface JwtLimits {
  /** Characters of the whole token; default 16384. */
  readonly maxLength?: number
  /** Members and elements in header and claims each; default 1000. */
  readonly maxMembers?: number
}

/**
 * Reads a compact JWS whose payload is a JSON object, strictly: one spelling for one token.
 * @throws JoseError `malformed`, or `unsupported` for encryption, `crit` and unencoded payloads
 */
export const readJwt = (token: string, limits: JwtLimits = {}): UnverifiedJwt => {
  if (typeof token !== 'string' || token.length > (limits.maxLength ?? MAX_LENGTH)) throw malformed('The token is too long.')
  const [first, second] = dotsOf(token)
  const maxMembers = limits.maxMembers ?? MAX_MEMBERS
  const headerBytes = bytesOf(token.slice(0, first), 'header')
  if (headerBytes.length > MAX_HEADER_BYTES) throw malformed('The token header is too long.')
  const header = readHeader(objectOf(headerBytes, 'header', maxMembers))
  const claims = objectOf(bytesOf(token.slice(first + 1, second), 'payload'), 'payload', maxMembers)
  return { header, claims, signingInput: token.slice(0, second), signature: bytesOf(token.slice(second + 1), 'signature') }
}

/**
 * Verifies signature, type and registered claims. It answers at once (and throws at once) whenever the key source does.
 * @throws JoseError; TypeError if the expectations name no issuer, audience or type
 */
export const verifyJwt = (token: string, expectations: Expectations, keys: KeySource): VerifiedJwt | Promise<VerifiedJwt> => {
  const jwt = readJwt(token)
  const { alg, kid } = jwt.header
  // Before any key is looked for, so that nonsense costs no fetch of keys.
  const algorithm = algorithmOf(alg)
  if (algorithm === undefined) throw new JoseError('unsupported', 'The token is signed with an algorithm that is not supported.')
  const found = keys.find(kid, algorithm.name)
  return isPromise(found) ? found.then((verifier) => verifyWith(jwt, expectations, verifier)) : verifyWith(jwt, expectations, found)
}

/** A compact JWT, signed on this thread. `typ` goes into the header as it is; members of `claims` that are undefined are left out. */
export const signJwt = (signer: Signer, typ: string, claims: object): string => {
  const input = `${signer.header(typ)}.${encodeBase64url(JSON.stringify(claims))}`
  return `${input}.${signer.sign(input)}`
}

/** The same, signed in the thread pool. */
export const signJwtAsync = async (signer: Signer, typ: string, claims: object): Promise<string> => {
  const input = `${signer.header(typ)}.${encodeBase64url(JSON.stringify(claims))}`
  return `${input}.${await signer.signAsync(input)}`
}

const MAX_LENGTH = 16_384
const MAX_HEADER_BYTES = 4096
const MAX_DEPTH = 16
const MAX_MEMBERS = 1000
const JWE_DOTS = 4

// A byte order mark is kept, so that it is refused as JSON instead of being taken off silently.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const malformed = (message: string): JoseError => new JoseError('malformed', message)

const dotsOf = (token: string): [number, number] => {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first < 0 || second < 0) throw malformed('The token does not have three parts.')
  if (token.indexOf('.', second + 1) < 0) return [first, second]
  if (token.split('.').length === JWE_DOTS + 1)
    throw new JoseError('unsupported', 'The token is encrypted; only signed tokens are accepted.')
  throw malformed('The token does not have three parts.')
}

const bytesOf = (part: string, name: string): Uint8Array => {
  if (part === '') throw malformed(`The token ${name} is empty.`)
  const bytes = decodeBase64url(part)
  if (bytes === undefined) throw malformed(`The token ${name} is not canonical base64url.`)
  return bytes
}

const objectOf = (bytes: Uint8Array, name: string, maxMembers: number): JsonObject => {
  const value = jsonOf(textOf(bytes, name), name, maxMembers)
  if (!isJsonObject(value)) throw malformed(`The token ${name} is not a JSON object.`)
  return value
}

const textOf = (bytes: Uint8Array, name: string): string => {
  try {
    return utf8.decode(bytes)
  } catch {
    throw malformed(`The token ${name} is not UTF-8.`)
  }
}

const jsonOf = (text: string, name: string, maxMembers: number): JsonValue => {
  try {
    return parseStrictJson(text, { maxDepth: MAX_DEPTH, maxMembers })
  } catch (error) {
    if (error instanceof StrictJsonError) throw malformed(`The token ${name} cannot be read: ${error.message}`)
    throw error
  }
}

const readHeader = (members: JsonObject): JwtHeader => {
  const own = (name: string): JsonValue | undefined => (Object.hasOwn(members, name) ? members[name] : undefined)
  // RFC 7515 section 4.1.11: extensions that must be understood, and none is.
  if (own('crit') !== undefined) throw new JoseError('unsupported', 'The token header has critical extensions; none is supported.')
  if (own('b64') !== undefined && own('b64') !== true) throw new JoseError('unsupported', 'The token payload is not base64url encoded.')
  const alg = own('alg')
  const typ = own('typ')
  const kid = own('kid')
  if (typeof alg !== 'string') throw malformed('The token header has no alg.')
  if (typ !== undefined && typeof typ !== 'string') throw malformed('The typ of the token header is not a string.')
  if (kid !== undefined && !isKid(kid)) throw malformed('The kid of the token header is not a short printable string.')
  return { alg, typ, kid, members }
}

const isPromise = (found: Verifier | undefined | Promise<Verifier | undefined>): found is Promise<Verifier | undefined> =>
  found !== undefined && 'then' in found

const verifyWith = (jwt: UnverifiedJwt, expectations: Expectations, verifier: Verifier | undefined): VerifiedJwt => {
  if (verifier === undefined) throw new JoseError('unknown_key', 'The token is signed with a key that the issuer does not publish.')
  const algorithm = verifier.algorithm.name
  // The key has one algorithm, and it alone decides (RFC 8725 section 3.1): the header may only agree.
  if (algorithmOf(jwt.header.alg)?.name !== algorithm)
    throw new JoseError('unsupported', 'The token names another algorithm than its key is for.')
  if (expectations.algorithms !== undefined && !expectations.algorithms.includes(algorithm)) {
    throw new JoseError('unsupported', 'The token is signed with an algorithm that is not accepted here.')
  }
  if (!verifier.verify(jwt.signingInput, jwt.signature)) throw new JoseError('bad_signature', 'The signature of the token does not match.')
  return { header: jwt.header, claims: jwt.claims, algorithm, ...checkClaims(jwt.header.typ, jwt.claims, expectations) }
}
