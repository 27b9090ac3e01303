// The signature algorithms of RFC 7518 section 3 and RFC 8037, one table row each.
// HMAC and `none` are not refused anywhere: they are simply not in the table.
import { constants } from 'node:crypto'

export type AlgorithmName = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA'
export type KeyType = 'RSA' | 'EC' | 'OKP'
export type Curve = 'P-256' | 'P-384' | 'P-521' | 'Ed25519'

/** What node:crypto wants beside the key to sign or verify. */
export interface SignatureOptions {
  readonly padding?: number
  /** Bytes of PSS salt: the digest's length, RFC 7518 section 3.5. */
  readonly saltLength?: number
  /** JOSE carries ECDSA signatures as r || s, never as DER. */
  readonly dsaEncoding?: 'ieee-p1363'
}

export type KeyGeneration =
  | { readonly type: 'rsa'; readonly modulusLength: number; readonly publicExponent: number }
  | { readonly type: 'ec'; readonly namedCurve: string }
  | { readonly type: 'ed25519' }

export interface Algorithm {
  readonly name: AlgorithmName
  readonly kty: KeyType
  /** Undefined for RSA. */
  readonly crv: Curve | undefined
  /** Digest name for node:crypto; null where the algorithm brings its own. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
  readonly options: SignatureOptions
  /** Bytes; undefined for RSA, whose signatures are as long as the modulus. */
  readonly signatureLength: number | undefined
  /** Bytes of one coordinate (EC) or of the public key (OKP); undefined for RSA. */
  readonly coordinateLength: number | undefined
  /** The same input gives the same signature: such a token can be signed again instead of stored. */
  readonly deterministic: boolean
  /** Signing takes so long that it belongs in the thread pool (`Signer.signAsync`). */
  readonly slow: boolean
  readonly generation: KeyGeneration
}

type Digest = 'sha256' | 'sha384' | 'sha512'

const rsaGeneration: KeyGeneration = { type: 'rsa', modulusLength: 2048, publicExponent: 65537 }
const rsaTraits = {
  kty: 'RSA',
  crv: undefined,
  signatureLength: undefined,
  coordinateLength: undefined,
  slow: true,
  generation: rsaGeneration,
} as const

const pkcs1 = (name: AlgorithmName, digest: Digest): Algorithm => ({
  ...rsaTraits,
  name,
  digest,
  options: { padding: constants.RSA_PKCS1_PADDING },
  deterministic: true,
})

const pss = (name: AlgorithmName, digest: Digest, saltLength: number): Algorithm => ({
  ...rsaTraits,
  name,
  digest,
  options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
  deterministic: false,
})

const ecdsa = (name: AlgorithmName, digest: Digest, crv: Curve, coordinateLength: number): Algorithm => ({
  name,
  kty: 'EC',
  crv,
  digest,
  options: { dsaEncoding: 'ieee-p1363' },
  signatureLength: 2 * coordinateLength,
  coordinateLength,
  deterministic: false,
  slow: false,
  generation: { type: 'ec', namedCurve: crv },
})

const eddsa: Algorithm = {
  name: 'EdDSA',
  kty: 'OKP',
  crv: 'Ed25519',
  digest: null,
  options: {},
  signatureLength: 64,
  coordinateLength: 32,
  deterministic: true,
  slow: false,
  generation: { type: 'ed25519' },
}

const rows: readonly Algorithm[] = [
  pkcs1('RS256', 'sha256'),
  pkcs1('RS384', 'sha384'),
  pkcs1('RS512', 'sha512'),
  pss('PS256', 'sha256', 32),
  pss('PS384', 'sha384', 48),
  pss('PS512', 'sha512', 64),
  ecdsa('ES256', 'sha256', 'P-256', 32),
  ecdsa('ES384', 'sha384', 'P-384', 48),
  ecdsa('ES512', 'sha512', 'P-521', 66),
  eddsa,
]

/** Every algorithm this layer signs and verifies with, by its `alg` name. */
export const ALGORITHMS: ReadonlyMap<AlgorithmName, Algorithm> = new Map(
  rows.map((row) => [row.name, Object.freeze({ ...row, options: Object.freeze(row.options), generation: Object.freeze(row.generation) })]),
)

/** By every name that comes from outside: RFC 9864 calls EdDSA with its only curve here `Ed25519`, and newer libraries write it so. */
const byName: ReadonlyMap<unknown, Algorithm> = new Map<unknown, Algorithm>(ALGORITHMS).set('Ed25519', ALGORITHMS.get('EdDSA') ?? eddsa)

/** The row of an `alg` value from anywhere; undefined for what is not a string in the table (`none`, `HS256`, ...). */
export const algorithmOf = (name: unknown): Algorithm | undefined => byName.get(name)
