// Private keys for WebCrypto, from a JWK or from PKCS#8 in PEM, and what is signed with them: compact JWTs. RFC 7515, 7518, 8037, 7638.
// The part of the client that signs; in the core there is none.
import { base64urlOf, sha256Of } from '@countersign/protocol/jose/web_bytes'
import type { Secret } from '../client_options.ts'
import { ConfigurationError } from '../errors.ts'

export type SigningAlgorithm = keyof typeof ALGORITHMS

/** A JSON Web Key with its private half, or PKCS#8 as PEM; or where to get one. */
export type PrivateKey = Readonly<Record<string, unknown>> | Secret

export interface SigningKey {
  readonly alg: SigningAlgorithm
  readonly kid: string | undefined
  /** Public members only, as `jwk` of a DPoP proof wants them. */
  readonly publicJwk: Readonly<Record<string, string>>
  /** RFC 7638. */
  readonly thumbprint: string
  /** Header, claims and signature. */
  readonly sign: (header: Readonly<Record<string, unknown>>, claims: Readonly<Record<string, unknown>>) => Promise<string>
}

/**
 * @param alg needed for RSA in PEM (default RS256) and where the JWK names none; for EC and Ed25519 it follows from the key.
 * @throws ConfigurationError for what is no such key; nothing of it is in the sentence
 */
export async function readSigningKey(key: PrivateKey, alg?: SigningAlgorithm): Promise<SigningKey> {
  const given = typeof key === 'function' ? await key() : key
  const jwk = typeof given === 'string' ? readText(given) : given
  if (typeof jwk !== 'string') return signingKeyOf(jwk, alg)
  return signingKeyOf(await jwkOfPem(jwk, alg), alg)
}

/** @param jwk with its private half. */
export async function signingKeyOf(jwk: Readonly<Record<string, unknown>>, wanted?: SigningAlgorithm): Promise<SigningKey> {
  const alg = algorithmOf(jwk, wanted)
  const names = PUBLIC_MEMBERS[String(jwk['kty'])] ?? []
  const members = names.map((name) => [name, jwk[name]] as const)
  if (typeof jwk['d'] !== 'string' || members.some(([, value]) => typeof value !== 'string')) throw unusable()
  const publicJwk = Object.fromEntries(members) as Record<string, string>
  const importable = { ...publicJwk, ...privateMembers(jwk), ext: true }
  const key = await crypto.subtle.importKey('jwk', importable, ALGORITHMS[alg].key, false, ['sign']).catch(() => {
    throw unusable()
  })
  const kid = jwk['kid']
  return {
    alg,
    kid: typeof kid === 'string' ? kid : undefined,
    publicJwk,
    thumbprint: await sha256Of(JSON.stringify(publicJwk, [...names].sort())),
    sign: (header, claims) => signed({ alg, ...header }, claims, (bytes) => crypto.subtle.sign(ALGORITHMS[alg].sign, key, bytes)),
  }
}

/** A compact JWT. */
export async function signed(
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>,
): Promise<string> {
  const encoder = new TextEncoder()
  const input = [header, claims].map((part) => base64urlOf(encoder.encode(JSON.stringify(part)))).join('.')
  return `${input}.${base64urlOf(new Uint8Array(await sign(encoder.encode(input))))}`
}

const rsa = (hash: string): AlgorithmRow => ({ key: { name: 'RSASSA-PKCS1-v1_5', hash }, sign: { name: 'RSASSA-PKCS1-v1_5' } })
const pss = (hash: string, saltLength: number): AlgorithmRow => ({ key: { name: 'RSA-PSS', hash }, sign: { name: 'RSA-PSS', saltLength } })
const ecdsa = (namedCurve: string, hash: string): AlgorithmRow => ({ key: { name: 'ECDSA', namedCurve }, sign: { name: 'ECDSA', hash } })

interface AlgorithmRow {
  readonly key:
    | { readonly name: string; readonly hash: string }
    | { readonly name: string; readonly namedCurve: string }
    | { readonly name: string }
  readonly sign:
    | { readonly name: string }
    | { readonly name: string; readonly saltLength: number }
    | { readonly name: string; readonly hash: string }
}

/** What WebCrypto wants for each `alg`. */
const ALGORITHMS = {
  RS256: rsa('SHA-256'),
  RS384: rsa('SHA-384'),
  RS512: rsa('SHA-512'),
  PS256: pss('SHA-256', 32),
  PS384: pss('SHA-384', 48),
  PS512: pss('SHA-512', 64),
  ES256: ecdsa('P-256', 'SHA-256'),
  ES384: ecdsa('P-384', 'SHA-384'),
  ES512: ecdsa('P-521', 'SHA-512'),
  EdDSA: { key: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
} as const satisfies Readonly<Record<string, AlgorithmRow>>

const CURVES: Readonly<Record<string, SigningAlgorithm>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' }
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['kty', 'crv', 'x', 'y'],
  OKP: ['kty', 'crv', 'x'],
  RSA: ['kty', 'n', 'e'],
}
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi']

function privateMembers(jwk: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(PRIVATE_MEMBERS.filter((name) => name in jwk).map((name) => [name, jwk[name]]))
}

/** One key, one algorithm: the curve's, else the one that the key or the caller names. */
function algorithmOf(jwk: Readonly<Record<string, unknown>>, wanted: SigningAlgorithm | undefined): SigningAlgorithm {
  const named = jwk['alg']
  const own = typeof named === 'string' && Object.hasOwn(ALGORITHMS, named) ? (named as SigningAlgorithm) : undefined
  const curve = typeof jwk['crv'] === 'string' ? CURVES[jwk['crv']] : undefined
  const alg = curve ?? wanted ?? own ?? 'RS256'
  const fits = curve !== undefined ? jwk['kty'] !== 'RSA' : jwk['kty'] === 'RSA' && /^[RP]S/.test(alg)
  if (!fits || (wanted !== undefined && wanted !== alg) || (own !== undefined && own !== alg)) throw unusable()
  return alg
}

function readText(text: string): Readonly<Record<string, unknown>> | string {
  if (text.includes('-----BEGIN')) return text
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch {
    // It may hold the key: nothing of it is told.
  }
  throw unusable()
}

/** The key's own object identifier says what it is, so each kind is tried; WebCrypto refuses what does not fit. */
async function jwkOfPem(pem: string, alg: SigningAlgorithm | undefined): Promise<Readonly<Record<string, unknown>>> {
  const body = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]{1,32768})-----END PRIVATE KEY-----/.exec(pem)?.[1]
  if (body === undefined) {
    throw new ConfigurationError(
      "The private key must be PKCS#8: 'openssl pkcs8 -topk8 -nocrypt -in old.pem -out new.pem' makes it out of 'RSA PRIVATE KEY' and 'EC PRIVATE KEY'.",
    )
  }
  const bytes = readBase64(body)
  const kinds: SigningAlgorithm[] = alg === undefined ? ['ES256', 'ES384', 'ES512', 'EdDSA', 'RS256'] : [alg]
  for (const kind of kinds) {
    const found = await crypto.subtle.importKey('pkcs8', bytes, ALGORITHMS[kind].key, true, ['sign']).catch(() => undefined)
    if (!found) continue
    const { alg: _alg, key_ops: _ops, ext: _ext, ...jwk } = await crypto.subtle.exportKey('jwk', found)
    return jwk
  }
  throw unusable()
}

function readBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text.replaceAll(/\s/g, '')), (char) => char.charCodeAt(0))
  } catch {
    throw unusable()
  }
}

function unusable(): ConfigurationError {
  return new ConfigurationError(
    'The private key cannot be used: give a JWK with its private members or PKCS#8 as PEM, RSA, EC or Ed25519, and the alg that fits it.',
  )
}
