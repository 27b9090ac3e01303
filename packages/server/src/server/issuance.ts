// What all realms of a process share: the store with its caches and counters, the clock, randomness, and the operator's ear.
import { randomBytes, randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Issuance } from '../issue/context.ts'
import { Directory } from '../issue/directory.ts'
import { SigningQueue } from '../issue/mint/signing_queue.ts'
import { verifyPassword } from '../issue/password.ts'
import { RevocationFeed } from '../issue/revocation_feed.ts'
import { RevocationList } from '../issue/revocation_list.ts'
import { createSecretUses } from '../issue/secret_uses.ts'
import { createThrottle } from '../issue/throttle.ts'
import { createTrustedKeys } from '../issue/trusted_keys.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Ledger } from '../model/ledger.ts'
import type { Store } from '../model/store.ts'
import { noticeToStderr } from './operator_log.ts'

/** What may be brought instead of the system's own. */
export interface Surroundings {
  /** Epoch seconds, whole; default: the system's clock. */
  readonly now?: () => number
  /** Where sentences go that the operator may want to know, and that are no errors; default: one JSON line on stderr. */
  readonly notice?: (sentence: string) => void
}

export function createIssuance(store: Store, ledger: Ledger, { masterKey, audit }: Configuration, options: Surroundings): Issuance {
  const { notice = noticeToStderr, now = systemSeconds } = options
  const revocations = new RevocationList(store.accessTokens)
  return {
    store,
    ledger,
    notice,
    masterKey,
    auditTokens: audit.tokens,
    throttle: createThrottle({ nowMs: milliseconds(options) }),
    secretUses: createSecretUses(store.secrets),
    flights: new Map(),
    trustedKeys: createTrustedKeys({
      fetch,
      now: () => performance.now(),
      onFailure: (url, error) => notice(`The keys at ${url} cannot be fetched: ${error.message}`),
    }),
    directory: new Directory(store),
    revocations,
    feed: new RevocationFeed(store.accessTokens, revocations, randomBytes(6).toString('hex')),
    signing: new SigningQueue({ parallel: availableParallelism() > 1 }),
    passwords: { verify: verifyPassword },
    random: { secret: () => randomBytes(32).toString('base64url'), id: () => randomUUID(), bytes: (length) => randomBytes(length) },
    now,
  }
}

/** The same clock in epoch milliseconds. */
export function milliseconds({ now }: Surroundings): () => number {
  return now ? () => now() * 1000 : Date.now
}

function systemSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
