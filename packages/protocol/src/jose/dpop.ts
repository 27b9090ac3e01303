// DPoP proofs, RFC 9449: a JWT by which the sender of one request shows that it holds a key. Reads and checks them, and makes them.
// Clock and the memory of proofs already seen are the caller's: a proof that passes here must still be claimed there, by `name`.
import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '../oauth/strict_json.ts'
import { isJsonObject } from '../oauth/strict_json.ts'
import type { AlgorithmName } from './algorithm.ts'
import { ALGORITHMS, algorithmOf } from './algorithm.ts'
import { encodeBase64url } from './base64url.ts'
import { JoseError } from './error.ts'
import type { PrivateJwk, PublicJwk } from './jwk.ts'
import { publicOf, readPublicJwk, thumbprint } from './jwk.ts'
import type { Signer, Verifier } from './jws.ts'
import { createSigner, createVerifier } from './jws.ts'
import type { JwtHeader, UnverifiedJwt } from './jwt.ts'
import { readJwt } from './jwt.ts'
import { ProofError } from './proof_error.ts'
import { normalTargetUri } from './target_uri.ts'

/** Seconds from its `iat` for which a proof is accepted. */
export const PROOF_LIFETIME = 60
/** Seconds by which the `iat` of a proof may lie in the future: clocks differ. */
export const PROOF_LEAD = 10
/** What proofs may be signed with, for metadata and challenges. `Ed25519` is what RFC 9864 calls EdDSA with that curve. */
export const PROOF_ALGORITHMS: readonly string[] = [...ALGORITHMS.keys(), 'Ed25519']

/** The request that a proof came with. */
export interface ProofRequest {
  readonly method: string
  /** Every URL this request may have been sent to, absolute and without query: `htu` must be one of them. */
  readonly urls: readonly string[]
  /** Epoch seconds, may be fractional. */
  readonly now: number
  /** The access token it is shown with; without one `ath` is not looked at. */
  readonly token?: { readonly text: string; readonly binding: string } | undefined
  /** The nonce handed out to the sender; undefined: none was. */
  readonly nonce?: string | undefined
  /** `key` of an earlier proof: saves reading the key anew where it is the same. */
  readonly known?: ProofKey | undefined
}

/** The key of a proof, with the header that names it. */
export interface ProofKey {
  /** First part of the JWT, as sent. */
  readonly header: string
  /** RFC 7638: what `cnf.jkt` of a token bound to it holds. */
  readonly thumbprint: string
  readonly verifier: Verifier
}

export interface CheckedProof {
  readonly key: ProofKey
  /** 43 characters that stand for key and `jti`: to be claimed once. */
  readonly name: string
  /** Epoch seconds, whole: until then `name` must be remembered, whatever clock of the receiver's machines is asked. */
  readonly expiresAt: number
}

/**
 * The checks of RFC 9449 section 4.3, cheap ones first.
 * @param field value of the header `DPoP`; a list where the server keeps repeated fields apart
 * @throws ProofError
 */
export const checkProof = (field: string | readonly string[], request: ProofRequest): CheckedProof => {
  const proof = onlyOne(field)
  const jwt = readProof(proof)
  const header = proof.slice(0, proof.indexOf('.'))
  const key = request.known?.header === header ? request.known : { header, ...readKey(jwt.header) }
  const { jti, iat } = checkClaims(jwt.claims, request)
  if (request.token !== undefined) checkToken(jwt.claims, key, request.token)
  if (!key.verifier.verify(jwt.signingInput, jwt.signature))
    throw new ProofError('bad_signature', 'The signature of the DPoP proof is not that of the key in its jwk.')
  return { key, name: sha256(`${key.thumbprint} ${jti}`), expiresAt: Math.ceil(iat) + PROOF_LIFETIME + PROOF_LEAD }
}

/** What a client makes its proofs with. */
export interface ProofSigner {
  readonly thumbprint: string
  /** First part of every proof by this key. */
  readonly header: string
  readonly signer: Signer
}

export interface ProofContent {
  /** Never used before: at least 96 random bits. */
  readonly jti: string
  readonly method: string
  /** Of the request; query and fragment are left out. */
  readonly url: string
  /** Epoch seconds. */
  readonly issuedAt: number
  /** Where the proof goes with an access token. */
  readonly accessToken?: string | undefined
  readonly nonce?: string | undefined
}

/** @throws JoseError `malformed` for a key whose halves do not belong together */
export const createProofSigner = (jwk: PrivateJwk): ProofSigner => {
  const { kid: _kid, alg, use: _use, ...material } = publicOf(jwk)
  const header = encodeBase64url(JSON.stringify({ typ: TYPE, alg, jwk: material }))
  return { thumbprint: thumbprint(jwk), header, signer: createSigner(jwk) }
}

/** The value of the header `DPoP` for one request. @throws TypeError for a URL that is not absolute http or https */
export const makeProof = ({ header, signer }: ProofSigner, content: ProofContent): string => {
  const { jti, method, url, issuedAt, accessToken, nonce } = content
  const htu = normalTargetUri(url)
  if (htu === undefined) throw new TypeError('a DPoP proof is for an absolute http or https URL')
  const ath = accessToken === undefined ? undefined : sha256(accessToken)
  const input = `${header}.${encodeBase64url(JSON.stringify({ jti, htm: method, htu, iat: issuedAt, ath, nonce }))}`
  return `${input}.${signer.sign(input)}`
}

const TYPE = 'dpop+jwt'
const MAX_LENGTH = 8192
const MAX_MEMBERS = 100
const MAX_JTI_LENGTH = 200
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Base64url without padding. Access tokens are ASCII. */
const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url')

const own = (object: JsonObject, name: string): JsonValue | undefined => (Object.hasOwn(object, name) ? object[name] : undefined)

const onlyOne = (field: string | readonly string[]): string => {
  const [one, second] = typeof field === 'string' ? [field] : field
  // Node and fetch join repeated fields with commas, which no JWT has.
  if (one === undefined || second !== undefined || one.includes(','))
    throw new ProofError('repeated', 'The header DPoP must come once, with one proof.')
  return one
}

const readProof = (proof: string): UnverifiedJwt => {
  try {
    return readJwt(proof, { maxLength: MAX_LENGTH, maxMembers: MAX_MEMBERS })
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    throw new ProofError('malformed', error.message.replace('token', 'DPoP proof'))
  }
}

const algorithmNamed = (name: unknown): AlgorithmName | undefined => algorithmOf(name)?.name

const readKey = ({ alg, typ, members }: JwtHeader): Omit<ProofKey, 'header'> => {
  // Exactly so: an access token that holds a `jwk` must not pass for a proof, nor the other way round.
  if (typ !== TYPE) throw new ProofError('wrong_type', `The typ of the DPoP proof must be ${TYPE}.`)
  const algorithm = algorithmNamed(alg)
  if (algorithm === undefined)
    throw new ProofError('unsupported', `The alg of the DPoP proof must be one of ${PROOF_ALGORITHMS.join(', ')}.`)
  const jwk = readJwk(own(members, 'jwk'), algorithm)
  return { thumbprint: thumbprint(jwk), verifier: createVerifier(jwk) }
}

const readJwk = (value: JsonValue | undefined, alg: AlgorithmName): PublicJwk => {
  if (!isJsonObject(value)) throw new ProofError('bad_key', 'The DPoP proof must carry its public key as jwk in its header.')
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(value, name)))
    throw new ProofError('bad_key', 'The jwk of the DPoP proof holds a private key: send its public members only, and make a new key.')
  const named = own(value, 'alg')
  if (named !== undefined && algorithmNamed(named) !== alg)
    throw new ProofError('bad_key', 'The jwk of the DPoP proof is for another alg than its header.')
  try {
    return readPublicJwk({ ...value, alg })
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    throw new ProofError('bad_key', `The jwk of the DPoP proof cannot be used: ${error.message}`)
  }
}

const checkClaims = (claims: JsonObject, { method, urls, now, nonce }: ProofRequest): { jti: string; iat: number } => {
  const jti = textOf(claims, 'jti')
  const htm = textOf(claims, 'htm')
  const htu = textOf(claims, 'htu')
  const iat = own(claims, 'iat')
  if (jti.length > MAX_JTI_LENGTH)
    throw new ProofError('bad_claims', `The jti of the DPoP proof is longer than ${MAX_JTI_LENGTH} characters.`)
  if (typeof iat !== 'number' || !(iat >= 0)) throw new ProofError('bad_claims', 'The iat of the DPoP proof must be a time.')
  if (htm !== method) throw new ProofError('wrong_method', "The htm of the DPoP proof must be this request's method.")
  if (!isOneOf(urls, htu))
    throw new ProofError(
      'wrong_url',
      `The htu of the DPoP proof must be the URL of this request without its query, at ${originOf(urls[0])}.`,
    )
  if (!(now < iat + PROOF_LIFETIME))
    throw new ProofError(
      'expired',
      `The DPoP proof is older than ${PROOF_LIFETIME} seconds: make one for each request, by a clock that is right.`,
    )
  if (!(iat <= now + PROOF_LEAD)) throw new ProofError('not_yet_valid', 'The iat of the DPoP proof lies in the future.')
  if (nonce !== undefined && own(claims, 'nonce') !== nonce)
    throw new ProofError('wrong_nonce', 'The nonce of the DPoP proof must be the one that was handed out.')
  return { jti, iat }
}

const textOf = (claims: JsonObject, name: string): string => {
  const value = own(claims, name)
  if (typeof value !== 'string' || value === '') throw new ProofError('bad_claims', `The DPoP proof has no ${name}.`)
  return value
}

const isOneOf = (urls: readonly string[], htu: string): boolean => {
  if (urls.includes(htu)) return true
  const normal = normalTargetUri(htu)
  return normal !== undefined && urls.some((url) => normalTargetUri(url) === normal)
}

/** The path is the sender's own text, which goes into no sentence. */
const originOf = (url = ''): string => url.split('/', 3).join('/')

const checkToken = (claims: JsonObject, key: ProofKey, token: { readonly text: string; readonly binding: string }): void => {
  if (key.thumbprint !== token.binding)
    throw new ProofError('wrong_key', 'The access token is bound to another key than that of the DPoP proof.')
  if (own(claims, 'ath') !== sha256(token.text))
    throw new ProofError('wrong_token', 'The ath of the DPoP proof must be the SHA-256 of this access token, base64url.')
}
