// HMAC signatures, verified and never made: RFC 7518 section 3.2. For the assertions of client_secret_jwt, and for nothing else.
// They are not in algorithm.ts's table and no key of a JWK Set leads here, so that no public key can pass for a secret (RFC 8725 section 2.1).
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'

export type HmacName = 'HS256' | 'HS384' | 'HS512'

export interface HmacVerifier {
  /** Whether `signature` (raw bytes) is this secret's for the input's UTF-8 bytes; false wherever the secret is shorter than the digest. */
  verify(name: HmacName, input: string, signature: Uint8Array): boolean
}

export const HMAC_NAMES: readonly HmacName[] = ['HS256', 'HS384', 'HS512']

/** Whether an `alg` value from anywhere is one of the three. */
export const isHmacName = (alg: unknown): alg is HmacName => HMAC_NAMES.some((name) => name === alg)

/** @param secret random text; its UTF-8 bytes are the key (OpenID Connect Core section 10.1) */
export const createHmacVerifier = (secret: string): HmacVerifier => {
  const bytes = Buffer.from(secret, 'utf8')
  const key = createSecretKey(bytes)
  return {
    verify: (name, input, signature) => {
      const { digest, length } = DIGESTS[name]
      // A key shorter than the digest is easier to find than a collision: RFC 7518 section 3.2 forbids it.
      if (bytes.length < length || signature.length !== length) return false
      return timingSafeEqual(createHmac(digest, key).update(input, 'utf8').digest(), signature)
    },
  }
}

/** Lengths in bytes. */
const DIGESTS: Readonly<Record<HmacName, { readonly digest: string; readonly length: number }>> = {
  HS256: { digest: 'sha256', length: 32 },
  HS384: { digest: 'sha384', length: 48 },
  HS512: { digest: 'sha512', length: 64 },
}
