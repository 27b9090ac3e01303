// Signature keys as data: JSON Web Keys of RFC 7517, 7518 section 6 and 8037, their thumbprint of RFC 7638, their PEM.
// It reads, makes and converts keys; it signs nothing.
import type { KeyObject } from 'node:crypto'
import { createHash, createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { Algorithm, AlgorithmName, Curve } from './algorithm.ts'
import { algorithmOf } from './algorithm.ts'
import { decodeBase64url } from './base64url.ts'
import { JoseError } from './error.ts'

interface KeyNaming {
  /** 1 to 256 characters; the thumbprint where the key came without one. */
  readonly kid: string
  /** The one algorithm this key is for. */
  readonly alg: AlgorithmName
  readonly use: 'sig'
}
export interface EcPublicJwk extends KeyNaming {
  readonly kty: 'EC'
  readonly crv: Curve
  /** Both coordinates base64url, as long as the curve says. */
  readonly x: string
  readonly y: string
}
export interface OkpPublicJwk extends KeyNaming {
  readonly kty: 'OKP'
  readonly crv: Curve
  readonly x: string
}
export interface RsaPublicJwk extends KeyNaming {
  readonly kty: 'RSA'
  /** Modulus, 2048 to 8192 bits, and exponent: base64url, big-endian, no leading zero byte. */
  readonly n: string
  readonly e: string
}
/** Holds public members only, and may be published as it is. */
export type PublicJwk = EcPublicJwk | OkpPublicJwk | RsaPublicJwk
/** Secret: never log it, never send it, store it sealed. */
export type PrivateJwk =
  | (EcPublicJwk & { readonly d: string })
  | (OkpPublicJwk & { readonly d: string })
  | (RsaPublicJwk & Readonly<Record<RsaSecret, string>>)

type RsaSecret = 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'

/**
 * Reads a public signature key from anywhere. Only the members of `PublicJwk` are kept; private members are dropped.
 * Without `alg`: ES256, ES384, ES512 or EdDSA by curve, RS256 for RSA. Without `kid`: the thumbprint.
 * @throws JoseError `unsupported` for another kind of key, use, algorithm or size; `malformed` for anything else
 */
export const readPublicJwk = (value: unknown): PublicJwk => readPublicMembers(objectOf(value))

/**
 * Reads a private signature key, for instance out of a store.
 * @throws JoseError as `readPublicJwk`; `malformed` if private members are missing or unusable
 */
export const readPrivateJwk = (value: unknown): PrivateJwk => {
  const source = objectOf(value)
  const jwk = readPublicMembers(source)
  const secret = (name: string): string => readBytes(source, name, 'The private key').text
  const full: PrivateJwk =
    jwk.kty === 'RSA'
      ? { ...jwk, d: secret('d'), p: secret('p'), q: secret('q'), dp: secret('dp'), dq: secret('dq'), qi: secret('qi') }
      : { ...jwk, d: secret('d') }
  toPrivateKeyObject(full)
  return full
}

/** The half that may be published. */
export const publicOf = (jwk: PrivateJwk | PublicJwk): PublicJwk => named(materialOf(jwk), jwk.kid, jwk.alg)

/** RFC 7638 with SHA-256, base64url: 43 characters. */
export const thumbprint = (jwk: PublicJwk | PrivateJwk): string => thumbprintOf(materialOf(jwk))

/** The public key as SPKI PEM, ending in a line feed. */
export const toPem = (jwk: PublicJwk | PrivateJwk): string => toPublicKeyObject(jwk).export({ type: 'spki', format: 'pem' })

/** A fresh key, made in the thread pool; `kid` is its thumbprint. */
export const generatePrivateJwk = async (alg: AlgorithmName): Promise<PrivateJwk> => {
  const algorithm = algorithmOf(alg)
  if (algorithm === undefined) throw new JoseError('unsupported', 'Keys of this algorithm cannot be made.')
  const exported = (await generatePrivateKey(algorithm)).export({ format: 'jwk' })
  return readPrivateJwk({ ...exported, alg, use: 'sig' })
}

/** @throws JoseError `malformed` for members that make no key, such as a point off its curve */
export const toPublicKeyObject = (jwk: PublicJwk | PrivateJwk): KeyObject => {
  try {
    return createPublicKey({ key: { ...materialOf(jwk) }, format: 'jwk' })
  } catch {
    throw new JoseError('malformed', 'The members of the key make no public key.')
  }
}

/** @throws JoseError `malformed` for members that make no key */
export const toPrivateKeyObject = (jwk: PrivateJwk): KeyObject => {
  try {
    return createPrivateKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    // The cause is left out: it may quote key material.
    throw new JoseError('malformed', 'The members of the key make no private key.')
  }
}

/** Whether a `kid` from anywhere is a string of 1 to 256 characters without control characters. */
export const isKid = (value: unknown): value is string => typeof value === 'string' && KID.test(value)

type Material = Omit<EcPublicJwk, keyof KeyNaming> | Omit<OkpPublicJwk, keyof KeyNaming> | Omit<RsaPublicJwk, keyof KeyNaming>

const MIN_MODULUS_BITS = 2048
const MAX_MODULUS_BITS = 8192
// OpenSSL's own bound for large moduli; a longer exponent only makes verification slow.
const MAX_EXPONENT_BYTES = 8
// The longest member: the 8192 bits of a modulus or private exponent.
const MAX_MEMBER_LENGTH = Math.ceil((MAX_MODULUS_BITS * 4) / 24)
const KID = /^[^\p{Cc}]{1,256}$/u

const generate = promisify(generateKeyPair)

const generatePrivateKey = async ({ generation }: Algorithm): Promise<KeyObject> => {
  if (generation.type === 'rsa') return (await generate('rsa', { ...generation })).privateKey
  if (generation.type === 'ec') return (await generate('ec', { ...generation })).privateKey
  return (await generate('ed25519', {})).privateKey
}

const objectOf = (value: unknown): object => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new JoseError('malformed', 'The key is not a JSON object.')
  return value
}

const readPublicMembers = (source: object): PublicJwk => {
  checkPurpose(source)
  const algorithm = algorithmOfKey(source)
  const material = algorithm.kty === 'RSA' ? readRsa(source) : readCurveKey(source, algorithm)
  const jwk = named(material, readKid(source), algorithm.name)
  toPublicKeyObject(jwk)
  return jwk
}

const member = (source: object, name: string): unknown =>
  Object.hasOwn(source, name) ? (source as Record<string, unknown>)[name] : undefined

const checkPurpose = (source: object): void => {
  const use = member(source, 'use')
  if (use !== undefined && use !== 'sig') throw new JoseError('unsupported', 'The key is not for signatures.')
  const operations = member(source, 'key_ops')
  if (operations === undefined) return
  if (!Array.isArray(operations)) throw new JoseError('malformed', 'The key_ops of the key are not an array.')
  if (!operations.includes('verify') && !operations.includes('sign')) throw new JoseError('unsupported', 'The key is not for signatures.')
}

const DEFAULT_ALGORITHMS: ReadonlyMap<unknown, AlgorithmName> = new Map([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
  ['Ed25519', 'EdDSA'],
])

const algorithmOfKey = (source: object): Algorithm => {
  const kty = member(source, 'kty')
  const name = member(source, 'alg') ?? (kty === 'RSA' ? 'RS256' : DEFAULT_ALGORITHMS.get(member(source, 'crv')))
  const algorithm = algorithmOf(name)
  if (algorithm === undefined) throw new JoseError('unsupported', 'The key is of a kind or for an algorithm that is not supported.')
  if (algorithm.kty !== kty) throw new JoseError('unsupported', 'The kty of the key does not fit its alg.')
  if (algorithm.crv !== undefined && algorithm.crv !== member(source, 'crv'))
    throw new JoseError('unsupported', 'The crv of the key does not fit its alg.')
  return algorithm
}

const readKid = (source: object): string | undefined => {
  const kid = member(source, 'kid')
  if (kid === undefined) return undefined
  if (!isKid(kid)) throw new JoseError('malformed', 'The kid of the key is not a string of 1 to 256 printable characters.')
  return kid
}

const readBytes = (source: object, name: string, subject: string): { text: string; bytes: Buffer } => {
  const text = member(source, name)
  const bytes = typeof text === 'string' && text.length <= MAX_MEMBER_LENGTH ? decodeBase64url(text) : undefined
  if (typeof text !== 'string' || bytes === undefined || bytes.length === 0)
    throw new JoseError('malformed', `${subject} has no usable ${name}.`)
  return { text, bytes }
}

const readCurveKey = (source: object, { kty, crv, coordinateLength }: Algorithm): Material => {
  const coordinate = (name: string): string => {
    const { text, bytes } = readBytes(source, name, 'The key')
    if (bytes.length !== coordinateLength) throw new JoseError('malformed', `The ${name} of the key has the wrong length for its curve.`)
    return text
  }
  if (crv === undefined) throw new TypeError('an algorithm with a curve is missing it')
  return kty === 'EC' ? { kty, crv, x: coordinate('x'), y: coordinate('y') } : { kty: 'OKP', crv, x: coordinate('x') }
}

const readRsa = (source: object): Material => {
  const n = readBytes(source, 'n', 'The key')
  const e = readBytes(source, 'e', 'The key')
  const bits = bitLength(n.bytes)
  if (bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS)
    throw new JoseError('unsupported', 'The RSA modulus is not between 2048 and 8192 bits long.')
  const minimal = n.bytes[0] !== 0 && e.bytes[0] !== 0
  if (!minimal || !isOdd(n.bytes)) throw new JoseError('malformed', 'The RSA modulus or exponent is not a proper number.')
  const trivial = e.bytes.length === 1 && e.bytes[0] === 1
  if (!isOdd(e.bytes) || trivial || e.bytes.length > MAX_EXPONENT_BYTES)
    throw new JoseError('unsupported', 'The RSA exponent is not an odd number above 1.')
  return { kty: 'RSA', n: n.text, e: e.text }
}

const isOdd = (bytes: Buffer): boolean => ((bytes.at(-1) ?? 0) & 1) === 1
const bitLength = (bytes: Buffer): number => {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first] ?? 0) - 24)
}

const materialOf = (jwk: PublicJwk | PrivateJwk): Material => {
  if (jwk.kty === 'RSA') return { kty: jwk.kty, n: jwk.n, e: jwk.e }
  if (jwk.kty === 'EC') return { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }
  return { kty: jwk.kty, crv: jwk.crv, x: jwk.x }
}

const named = (material: Material, kid: string | undefined, alg: AlgorithmName): PublicJwk => ({
  ...material,
  kid: kid ?? thumbprintOf(material),
  alg,
  use: 'sig',
})

// The required members only, in the order of their names, without white space.
const thumbprintOf = (material: Material): string =>
  createHash('sha256')
    .update(JSON.stringify(material, ['crv', 'e', 'kty', 'n', 'x', 'y']))
    .digest('base64url')
