// Clients and API keys by their names, kept in memory while the store's revision stands still. Owns no truth, and does not ask whether the
// revision has moved: news.ts does.
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import type { Store } from '../model/store.ts'
import type { News } from './news.ts'

/** Entries of each kind kept for each realm; beyond it the older half goes. */
const CAPACITY = 20_000

/** Who is behind a name; synchronous for a name seen before. */
export interface Names {
  client(realmId: string, clientId: string): Client | undefined | Promise<Client | undefined>
  /** @param hash of the key as sent, `sha256:<base64url>` */
  apiKey(realmId: string, hash: string): ApiKey | undefined | Promise<ApiKey | undefined>
}

export class Directory implements Names {
  /** For guards: what is known counts, however long the database cannot be reached. */
  readonly lastKnown: Names
  readonly #store: Pick<Store, 'clients' | 'apiKeys'>
  readonly #news: Pick<News, 'fresh'>
  // By realm first: both are asked on every guarded request, and no name need be made of the two.
  readonly #clients = new Map<string, Map<string, Client>>()
  readonly #apiKeys = new Map<string, Map<string, ApiKey>>()
  #revision = -1

  constructor(store: Pick<Store, 'clients' | 'apiKeys'>, news: Pick<News, 'fresh'>) {
    this.#store = store
    this.#news = news
    this.lastKnown = {
      client: (realmId, clientId) => this.#client(realmId, clientId),
      apiKey: (realmId, hash) => this.#apiKey(realmId, hash),
    }
  }

  /** Rejects with StoreUnavailable when it cannot be known whether anything was changed. */
  client(realmId: string, clientId: string): Client | undefined | Promise<Client | undefined> {
    const stale = this.#news.fresh()
    return stale ? stale.then(() => this.#client(realmId, clientId)) : this.#client(realmId, clientId)
  }

  /** As `client`. */
  apiKey(realmId: string, hash: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    const stale = this.#news.fresh()
    return stale ? stale.then(() => this.#apiKey(realmId, hash)) : this.#apiKey(realmId, hash)
  }

  /** Drops what is kept if the revision is another one; true if so. */
  see(revision: number): boolean {
    if (revision === this.#revision) return false
    this.#revision = revision
    this.#clients.clear()
    this.#apiKeys.clear()
    return true
  }

  #client(realmId: string, clientId: string): Client | undefined | Promise<Client | undefined> {
    return (
      this.#clients.get(realmId)?.get(clientId) ?? this.#load(this.#clients, realmId, clientId, this.#store.clients.find(realmId, clientId))
    )
  }

  #apiKey(realmId: string, hash: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.#apiKeys.get(realmId)?.get(hash) ?? this.#load(this.#apiKeys, realmId, hash, this.#store.apiKeys.findByHash(realmId, hash))
  }

  async #load<Noun>(
    realms: Map<string, Map<string, Noun>>,
    realmId: string,
    name: string,
    found: Promise<Noun | undefined>,
  ): Promise<Noun | undefined> {
    const before = this.#revision
    const noun = await found
    // What was read before a change must not outlive it. Unknown names are not kept: anybody can invent them.
    if (noun !== undefined && before === this.#revision) {
      const kept = realms.get(realmId) ?? new Map<string, Noun>()
      realms.set(realmId, kept)
      keep(kept, name, noun)
    }
    return noun
  }
}

function keep<Noun>(kept: Map<string, Noun>, key: string, noun: Noun): void {
  if (kept.size >= CAPACITY) {
    let surplus = CAPACITY / 2
    for (const oldest of kept.keys()) {
      if (surplus-- <= 0) break
      kept.delete(oldest)
    }
  }
  kept.set(key, noun)
}
