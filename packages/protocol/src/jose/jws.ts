// Signatures by pairs of keys: the only file of the project that makes them or verifies them (HMACs: hmac.ts). RFC 7515 sections 5.1 and 5.2.
// One key, one algorithm: both are fixed when a signer or verifier is made, and no token can change them.
import type { SignKeyObjectInput, VerifyKeyObjectInput } from 'node:crypto'
import { sign, verify } from 'node:crypto'
import type { Algorithm } from './algorithm.ts'
import { algorithmOf } from './algorithm.ts'
import { encodeBase64url } from './base64url.ts'
import { JoseError } from './error.ts'
import type { PrivateJwk, PublicJwk } from './jwk.ts'
import { toPrivateKeyObject, toPublicKeyObject } from './jwk.ts'

export interface Signer {
  readonly kid: string
  readonly algorithm: Algorithm
  /** The base64url protected header `{alg, typ, kid}`, computed once for each `typ`. */
  header(typ: string): string
  /** The base64url signature of the input's UTF-8 bytes, at once, on this thread. */
  sign(input: string): string
  /** The same, made in the thread pool: for `algorithm.slow`, or when other work waits. */
  signAsync(input: string): Promise<string>
}

export interface Verifier {
  readonly kid: string
  readonly algorithm: Algorithm
  /** Whether `signature` (raw bytes; r || s for ECDSA) is this key's for the input's UTF-8 bytes. Never throws. */
  verify(input: string, signature: Uint8Array): boolean
}

/** @throws JoseError `malformed` if the private half is unusable or does not belong to the public one */
export const createSigner = (jwk: PrivateJwk): Signer => {
  const algorithm = rowOf(jwk)
  const key: SignKeyObjectInput = { key: toPrivateKeyObject(jwk), ...algorithm.options }
  const signer: Signer = {
    kid: jwk.kid,
    algorithm,
    header: createHeaders(algorithm.name, jwk.kid),
    sign: (input) => sign(algorithm.digest, Buffer.from(input, 'utf8'), key).toString('base64url'),
    signAsync: (input) =>
      new Promise((resolve, reject) => {
        sign(algorithm.digest, Buffer.from(input, 'utf8'), key, (error, signature) => {
          if (error) reject(error)
          else resolve(signature.toString('base64url'))
        })
      }),
  }
  proveHalvesMatch(signer, jwk)
  return signer
}

/** @throws JoseError `malformed` for members that make no key */
export const createVerifier = (jwk: PublicJwk): Verifier => {
  const algorithm = rowOf(jwk)
  const { digest } = algorithm
  const publicKey = toPublicKeyObject(jwk)
  const key: VerifyKeyObjectInput = { key: publicKey, ...algorithm.options }
  const length = algorithm.signatureLength ?? Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  return {
    kid: jwk.kid,
    algorithm,
    verify: (input, signature) => {
      if (signature.length !== length) return false
      try {
        return verify(digest, Buffer.from(input, 'utf8'), key, signature)
      } catch {
        // OpenSSL reports some hopeless signatures as errors: no signature of this key, whatever the reason.
        return false
      }
    },
  }
}

const rowOf = (jwk: PublicJwk | PrivateJwk): Algorithm => {
  const algorithm = algorithmOf(jwk.alg)
  if (algorithm === undefined || algorithm.kty !== jwk.kty)
    throw new JoseError('unsupported', 'The key is for an algorithm that is not supported.')
  return algorithm
}

const MAX_HEADERS = 32

const createHeaders = (alg: string, kid: string): ((typ: string) => string) => {
  const headers = new Map<string, string>()
  return (typ) => {
    const known = headers.get(typ)
    if (known !== undefined) return known
    const header = encodeBase64url(JSON.stringify({ alg, typ, kid }))
    if (headers.size < MAX_HEADERS) headers.set(typ, header)
    return header
  }
}

// Node 26 compares the halves when it imports a key, older releases take them on trust.
// A signer whose tokens nobody can verify must fail where it is made, not at its first token.
const proveHalvesMatch = (signer: Signer, jwk: PrivateJwk): void => {
  let matching = false
  try {
    matching = createVerifier(jwk).verify('proof', Buffer.from(signer.sign('proof'), 'base64url'))
  } catch {
    matching = false
  }
  if (!matching) throw new JoseError('malformed', 'The private and the public members of the key do not belong together.')
}
