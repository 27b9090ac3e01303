// A new signing key, sealed as it will be stored. Who signs with it and when is not decided here.
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import { generatePrivateJwk, publicOf } from '@countersign/protocol/jose/jwk'
import type { SigningKey } from '../../model/signing_key.ts'
import type { Random } from '../random.ts'
import { NONCE_BYTES, seal } from './seal.ts'

export interface MakeKeyOptions {
  readonly realmId: string
  readonly algorithm: AlgorithmName
  /** 32 bytes; null: the private half is stored readable. */
  readonly masterKey: Uint8Array | null
  readonly random: Pick<Random, 'bytes'>
  /** Epoch seconds. */
  readonly now: () => number
}

/** @param activeAt is asked when the key is there, since making one may take seconds. */
export async function makeSigningKey(
  { realmId, algorithm, masterKey, random, now }: MakeKeyOptions,
  activeAt: (now: number) => number,
): Promise<SigningKey> {
  const jwk = await generatePrivateJwk(algorithm)
  const made = now()
  return {
    kid: jwk.kid,
    realmId,
    algorithm,
    publicJwk: publicOf(jwk),
    privateKey: seal(JSON.stringify(jwk), masterKey, sealName({ realmId, kid: jwk.kid }), random.bytes(NONCE_BYTES)),
    createdAt: made,
    activeAt: activeAt(made),
    retiredAt: null,
  }
}

/** What a signing key's seal is bound to. */
export function sealName({ realmId, kid }: Pick<SigningKey, 'realmId' | 'kid'>): string {
  return `${realmId}/${kid}`
}
