// A realm's signing keys: one that signs, and every one that verifies. The first is made when it is needed, kept by the store; which one
// signs follows the clock (timeline.ts), without asking the store. When keys change by themselves is rotation.ts's.
import type { PublicJwk } from '@countersign/protocol/jose/jwk'
import { readPrivateJwk } from '@countersign/protocol/jose/jwk'
import type { Signer, Verifier } from '@countersign/protocol/jose/jws'
import { createSigner } from '@countersign/protocol/jose/jws'
import type { KeySet, KeySource } from '@countersign/protocol/jose/key_set'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import type { SigningKey } from '../../model/signing_key.ts'
import type { SigningKeyStore } from '../../model/store.ts'
import type { MakeKeyOptions } from './make_key.ts'
import { makeSigningKey, sealName } from './make_key.ts'
import { unseal } from './seal.ts'
import { signingKeyAt, standingAt } from './timeline.ts'

export interface KeyRing extends KeySource {
  /** The key that signs now, at once if it can; made if the realm has none. */
  signer(): Signer | Promise<Signer>
  /** Every key that a token may be verified with, now or soon; the one that signs now first. */
  publicKeys(): Promise<readonly PublicJwk[]>
  /** The keys as they were last read; none before they were. */
  known(): readonly SigningKey[]
  /** Reads the keys again: another process may have changed them. True if one of those known before is gone. */
  reload(): Promise<boolean>
}

export interface KeyRingOptions extends MakeKeyOptions {
  readonly store: SigningKeyStore
  /** Resolves when this ring was reloaded if any key was changed, by whichever process, before the call. */
  readonly catchUp: () => Promise<unknown>
}

interface Loaded {
  readonly keys: readonly SigningKey[]
  readonly set: KeySet
  /** By kid, of every key that signs now or will. */
  readonly signers: ReadonlyMap<string, Signer>
}

/** Who signs, and from when until when that stands. */
interface Signing {
  readonly signer: Signer | undefined
  readonly from: number
  readonly until: number
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { algorithm, now } = options
  let loaded: Loaded | undefined
  let loading: Promise<Loaded> | undefined
  let signing: Signing | undefined

  const load = (): Promise<Loaded> => {
    loading ??= loadKeys(options, loaded?.signers)
      .then((keys) => {
        signing = undefined
        loaded = keys
        return keys
      })
      .finally(() => {
        loading = undefined
      })
    return loading
  }

  const signerOf = ({ keys, signers }: Loaded): Signer | undefined => {
    const at = now()
    if (signing === undefined || at < signing.from || signing.until <= at) {
      const kid = signingKeyAt(keys, algorithm, at)?.kid
      signing = { ...standingAt(keys, at), signer: kid === undefined ? undefined : signers.get(kid) }
    }
    return signing.signer
  }

  const loadedSigner = async (): Promise<Signer> => {
    const signer = signerOf(await load())
    if (!signer) throw new Error(`realm ${options.realmId} has no signing key that is active`)
    return signer
  }

  return {
    signer: () => (loaded && signerOf(loaded)) ?? loadedSigner(),
    find: (kid, alg): Verifier | undefined | Promise<Verifier | undefined> => {
      if (!loaded) return load().then((keys) => keys.set.find(kid, alg))
      // Another process may have begun to sign with a key this one has not read yet.
      return loaded.set.find(kid, alg) ?? options.catchUp().then(() => loaded?.set.find(kid, alg))
    },
    publicKeys: async () => {
      const known = loaded ?? (await load())
      const first = signerOf(known)?.kid
      return [...known.set.keys].sort((a, b) => Number(b.kid === first) - Number(a.kid === first))
    },
    known: () => loaded?.keys ?? [],
    reload: async () => {
      if (!loaded && !loading) return false
      // What is being read now may have been read before the change.
      await loading
      const before = loaded?.keys ?? []
      const kept = new Set((await load()).keys.map((key) => key.kid))
      return before.some((key) => !kept.has(key.kid))
    },
  }
}

/** Nothing is made or kept. @throws SealError if the master key does not open every key that the realm still signs with */
export async function checkSeals({ store, realmId, masterKey }: Pick<KeyRingOptions, 'store' | 'realmId' | 'masterKey'>): Promise<void> {
  for (const key of await store.list(realmId)) if (key.retiredAt === null) unseal(key.privateKey, masterKey, sealName(key))
}

/** @param known signers of the last time: reading a key is dear, and a kid is the digest of its key. */
async function loadKeys(options: KeyRingOptions, known: ReadonlyMap<string, Signer> | undefined): Promise<Loaded> {
  const keys = await keysWithOneThatSigns(options)
  const now = options.now()
  const current = signingKeyAt(keys, options.algorithm, now)
  const able = keys.filter(
    (key) => key === current || (key.algorithm === options.algorithm && key.retiredAt === null && key.activeAt > now),
  )
  return {
    keys,
    set: createKeySet(keys.map((key) => key.publicJwk)),
    signers: new Map(able.map((key) => [key.kid, known?.get(key.kid) ?? openSigner(key, options)])),
  }
}

function openSigner(key: SigningKey, { masterKey }: KeyRingOptions): Signer {
  return createSigner(readPrivateJwk(JSON.parse(unseal(key.privateKey, masterKey, sealName(key)))))
}

async function keysWithOneThatSigns(options: KeyRingOptions): Promise<SigningKey[]> {
  const { store, realmId, algorithm, now } = options
  const keys = await store.list(realmId)
  if (signingKeyAt(keys, algorithm, now())) return keys
  // Of several processes that start at once one wins; all then read the winner's key.
  const key = await makeSigningKey(options, (at) => at)
  await store.insertFirst(key, { at: now(), by: 'server' })
  return store.list(realmId)
}
