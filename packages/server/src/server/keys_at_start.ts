// Signing keys when a server starts: whether the master key opens those there are, and those of a few realms made ahead of the first request.
import { ConfigError } from '../config/error.ts'
import type { RealmContext } from '../issue/context.ts'
import { checkSeals } from '../issue/keys/key_ring.ts'
import { SealError } from '../issue/keys/seal.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'
import type { Report } from './refusal.ts'
import { eachTogether } from './together.ts'

/** Keys of so few realms are made at start; those of more when they are first needed. */
const MADE_AT_START = 32

/** Before anything listens: with the wrong key every token request would fail, and a healthy process would hide it. */
export async function checkMasterKey({ signingKeys }: Store, { realms, masterKey }: Configuration): Promise<void> {
  try {
    const withKeys = await signingKeys.marks()
    const checked = realms.filter(({ realm }) => withKeys.has(realm.id))
    await eachTogether(checked, ({ realm }) => checkSeals({ store: signingKeys, realmId: realm.id, masterKey }))
  } catch (error) {
    throw error instanceof SealError ? new ConfigError([error.message]) : error
  }
}

/**
 * In the background, one after another: the first request of a realm waits for its key at most as long as making it takes,
 * and does not wait for the others' too.
 */
export async function makeKeys(contexts: readonly RealmContext[], report: Report): Promise<void> {
  for (const { keys, realm } of contexts.slice(0, MADE_AT_START)) {
    try {
      await keys.signer()
    } catch (error) {
      report(error, `the signing key of realm ${realm.id} cannot be had`)
    }
  }
}
