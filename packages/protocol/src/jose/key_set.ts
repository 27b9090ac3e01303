// JWK Sets, RFC 7517 section 5: from a `kid` to the key that may verify. Where keys come from over HTTP: remote_key_set.ts.
import { JoseError } from './error.ts'
import type { PublicJwk } from './jwk.ts'
import { readPublicJwk, thumbprint } from './jwk.ts'
import type { Verifier } from './jws.ts'
import { createVerifier } from './jws.ts'

/** Where verification finds its keys. It answers at once whenever it can. */
export interface KeySource {
  /**
   * The key of that `kid` and, if several share it, that algorithm. Without `kid`: the only key of that algorithm.
   * The key found may still be of another algorithm than `alg`: the caller must compare.
   * @throws JoseError `key_unavailable` when the keys cannot be had now
   */
  find(kid: string | undefined, alg: string): Verifier | undefined | Promise<Verifier | undefined>
}

export interface KeySet extends KeySource {
  find(kid: string | undefined, alg: string): Verifier | undefined
  readonly keys: readonly PublicJwk[]
  /** One sentence for each key that was left out, without key material: for the operator. */
  readonly skipped: readonly string[]
}

/**
 * Reads `{ keys: [...] }` or an array of keys. Keys that cannot be used (another `use`, kind or algorithm, weak, unreadable)
 * are left out, as RFC 7517 section 5 asks.
 * @throws JoseError `malformed` if it is no JWK Set, has over 100 keys, or two different keys share `kid` and algorithm
 */
export const createKeySet = (jwks: unknown): KeySet => {
  const byKid = new Map<string, Verifier[]>()
  const byAlgorithm = new Map<string, Verifier[]>()
  const { keys, skipped } = readUsableKeys(keysOf(jwks))
  for (const jwk of keys) {
    const verifier = createVerifier(jwk)
    push(byKid, jwk.kid, verifier)
    push(byAlgorithm, jwk.alg, verifier)
  }
  return {
    keys,
    skipped,
    find: (kid, alg) => {
      if (kid === undefined) return onlyOne(byAlgorithm.get(alg))
      const candidates = byKid.get(kid)
      return candidates?.find((candidate) => candidate.algorithm.name === alg) ?? candidates?.[0]
    },
  }
}

const MAX_KEYS = 100

const keysOf = (jwks: unknown): readonly unknown[] => {
  const keys: unknown = typeof jwks === 'object' && jwks !== null && Object.hasOwn(jwks, 'keys') ? (jwks as { keys: unknown }).keys : jwks
  if (!Array.isArray(keys)) throw new JoseError('malformed', 'The JWK Set has no array of keys.')
  if (keys.length > MAX_KEYS) throw new JoseError('malformed', `The JWK Set has more than ${MAX_KEYS} keys.`)
  return keys
}

const readUsableKeys = (values: readonly unknown[]): { keys: PublicJwk[]; skipped: string[] } => {
  const keys = new Map<string, PublicJwk>()
  const skipped: string[] = []
  values.forEach((value, index) => {
    const jwk = readOrSkip(value, index, skipped)
    if (jwk === undefined) return
    const name = `${jwk.alg} ${jwk.kid}`
    const twin = keys.get(name)
    if (twin !== undefined && thumbprint(twin) !== thumbprint(jwk)) {
      throw new JoseError('malformed', 'Two different keys of the JWK Set share a kid and an algorithm.')
    }
    keys.set(name, jwk)
  })
  return { keys: [...keys.values()], skipped }
}

const readOrSkip = (value: unknown, index: number, skipped: string[]): PublicJwk | undefined => {
  try {
    return readPublicJwk(value)
  } catch (error) {
    if (!(error instanceof JoseError)) throw error
    skipped.push(`Key ${index} is left out: ${error.message}`)
    return undefined
  }
}

const push = (map: Map<string, Verifier[]>, name: string, verifier: Verifier): void => {
  const list = map.get(name)
  if (list === undefined) map.set(name, [verifier])
  else list.push(verifier)
}

const onlyOne = (list: readonly Verifier[] | undefined): Verifier | undefined => (list?.length === 1 ? list[0] : undefined)
