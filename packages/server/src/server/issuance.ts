// What all realms of a process share: the store with its caches and counters, the clock, randomness, and the operator's ear.
import { randomBytes, randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Issuance } from '../issue/context.ts'
import { Directory } from '../issue/directory.ts'
import { SigningQueue } from '../issue/mint/signing_queue.ts'
import { createNews } from '../issue/news.ts'
import { verifyPassword } from '../issue/password.ts'
import { RevocationFeed } from '../issue/revocation_feed.ts'
import { RevocationList } from '../issue/revocation_list.ts'
import { createSecretUses } from '../issue/secret_uses.ts'
import { createThrottle } from '../issue/throttle.ts'
import { createTrustedKeys } from '../issue/trusted_keys.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Ledger } from '../model/ledger.ts'
import type { Store } from '../model/store.ts'
import type { Node } from './nodes.ts'
import { createNode } from './nodes.ts'
import { noticeToStderr } from './operator_log.ts'

/** What may be brought instead of the system's own. */
export interface Surroundings {
  /** Epoch seconds, whole; default: the system's clock. */
  readonly now?: () => number
  /** Where sentences go that the operator may want to know, and that are no errors; default: one JSON line on stderr. */
  readonly notice?: (sentence: string) => void
}

export interface IssuanceOptions extends Surroundings {
  readonly node: Pick<Node, 'see' | 'live'>
}

/** This process among those that share the store. */
export function createNodeOf({ nodes }: Pick<Store, 'nodes'>, options: Surroundings): Node {
  return createNode({ nodes, id: randomBytes(9).toString('base64url'), startedAt: (options.now ?? systemSeconds)(), ticks })
}

export function createIssuance(store: Store, ledger: Ledger, configuration: Configuration, options: IssuanceOptions): Issuance {
  const { masterKey, audit, guardsTrust } = configuration
  const { notice = noticeToStderr, now = systemSeconds, node } = options
  const revocations = new RevocationList(store.accessTokens)
  const news = createNews({ nodes: store.nodes, ticks, guardsTrust: guardsTrust === null ? null : guardsTrust * 1000 })
  const directory = new Directory(store, news)
  const feed = new RevocationFeed(store.accessTokens, revocations, randomBytes(6).toString('hex'), news.isTrusted)
  news.follow(({ revocation }) => revocations.see(revocation, now()))
  news.follow(({ revision }) => {
    if (directory.see(revision)) feed.changed()
  })
  news.follow((sight) => node.see(sight))
  return {
    store,
    ledger,
    notice,
    masterKey,
    auditTokens: audit.tokens,
    throttle: createThrottle({ nowMs: milliseconds(options), nodes: () => node.live() }),
    secretUses: createSecretUses(store.secrets),
    flights: new Map(),
    trustedKeys: createTrustedKeys({
      fetch,
      now: ticks,
      onFailure: (url, error) => notice(`The keys at ${url} cannot be fetched: ${error.message}`),
    }),
    news,
    directory,
    revocations,
    feed,
    signing: new SigningQueue({ parallel: availableParallelism() > configuration.listen.workers }),
    passwords: { verify: verifyPassword },
    random: { secret: () => randomBytes(32).toString('base64url'), id: () => randomUUID(), bytes: (length) => randomBytes(length) },
    now,
  }
}

/** The same clock in epoch milliseconds. */
export function milliseconds({ now }: Surroundings): () => number {
  return now ? () => now() * 1000 : Date.now
}

/** Milliseconds of a clock that nobody sets. */
function ticks(): number {
  return performance.now()
}

function systemSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
