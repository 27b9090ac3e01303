// A realm's signing keys: one that signs, and every one that still verifies. Made when first needed, kept by the store.
import type { AlgorithmName } from '@countersign/protocol/jose/algorithm'
import type { PublicJwk } from '@countersign/protocol/jose/jwk'
import { generatePrivateJwk, publicOf, readPrivateJwk } from '@countersign/protocol/jose/jwk'
import type { Signer, Verifier } from '@countersign/protocol/jose/jws'
import { createSigner } from '@countersign/protocol/jose/jws'
import type { KeySet, KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import type { SigningKey } from '../../model/signing_key.ts'
import type { SigningKeyStore } from '../../model/store.ts'
import type { Random } from '../random.ts'
import { NONCE_BYTES, seal, unseal } from './seal.ts'

export interface KeyRing extends KeySource {
  /** The key that signs now; made if the realm has none. */
  signer(): Signer | Promise<Signer>
  /** Every key that a token may still be verified with. */
  publicKeys(): Promise<readonly PublicJwk[]>
  /** Reads the keys again: another process may have changed them. */
  reload(): Promise<void>
}

export interface KeyRingOptions {
  readonly realmId: string
  readonly algorithm: AlgorithmName
  readonly store: SigningKeyStore
  readonly masterKey: Uint8Array | null
  readonly random: Pick<Random, 'bytes'>
  /** Epoch seconds. */
  readonly now: () => number
}

interface Loaded {
  readonly signer: Signer
  readonly set: KeySet
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  let loaded: Loaded | undefined
  let loading: Promise<Loaded> | undefined

  const load = (): Promise<Loaded> => {
    loading ??= loadKeys(options)
      .then((keys) => (loaded = keys))
      .finally(() => (loading = undefined))
    return loading
  }

  return {
    signer: () => loaded?.signer ?? load().then((keys) => keys.signer),
    find: (kid, alg): Verifier | undefined | Promise<Verifier | undefined> =>
      loaded ? loaded.set.find(kid, alg) : load().then((keys) => keys.set.find(kid, alg)),
    publicKeys: async () => (loaded ?? (await load())).set.keys,
    reload: async () => {
      if (!loaded && !loading) return
      // What is being read now may have been read before the change.
      await loading
      await load()
    },
  }
}

/** Nothing is made or kept. @throws SealError if the master key does not open every key that the realm still signs with */
export async function checkSeals({ store, realmId, masterKey }: Pick<KeyRingOptions, 'store' | 'realmId' | 'masterKey'>): Promise<void> {
  for (const key of await store.list(realmId)) if (key.retiredAt === null) unseal(key.privateKey, masterKey, sealName(key))
}

async function loadKeys(options: KeyRingOptions): Promise<Loaded> {
  const keys = await keysWithOneThatSigns(options)
  const signing = keys.findLast((key) => signs(key, options))
  if (!signing) throw new Error(`realm ${options.realmId} has no signing key that is active`)
  const jwk = readPrivateJwk(JSON.parse(unseal(signing.privateKey, options.masterKey, sealName(signing))))
  return { signer: createSigner(jwk), set: createKeySet(keys.map((key) => key.publicJwk)) }
}

async function keysWithOneThatSigns(options: KeyRingOptions): Promise<SigningKey[]> {
  const { store, realmId, algorithm, masterKey, random, now } = options
  const keys = await store.list(realmId)
  if (keys.some((key) => signs(key, options))) return keys
  const jwk = await generatePrivateJwk(algorithm)
  const made = { kid: jwk.kid, realmId, algorithm, publicJwk: publicOf(jwk), createdAt: now(), activeAt: now(), retiredAt: null }
  // Of several processes that start at once one wins; all then read the winner's key.
  await store.insertFirst({ ...made, privateKey: seal(JSON.stringify(jwk), masterKey, sealName(made), random.bytes(NONCE_BYTES)) })
  return store.list(realmId)
}

function signs(key: SigningKey, { algorithm, now }: KeyRingOptions): boolean {
  return key.algorithm === algorithm && key.retiredAt === null && key.activeAt <= now()
}

function sealName(key: Pick<SigningKey, 'realmId' | 'kid'>): string {
  return `${key.realmId}/${key.kid}`
}
