// Clients and API keys by their names, kept in memory while the store's revision stands still. Owns no truth, and does not ask whether the
// revision has moved: news.ts does.
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import type { Store } from '../model/store.ts'
import { KnownNames } from './known_names.ts'
import type { News } from './news.ts'

/** Of each kind, for all realms together. A client of a usual document takes 1.3 kB, an API key less: 130 MB at most. */
const CAPACITY = 100_000

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
  readonly #clients = new KnownNames<Client>(CAPACITY)
  readonly #apiKeys = new KnownNames<ApiKey>(CAPACITY)
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
    return this.#clients.get(realmId, clientId) ?? this.#load(this.#clients, realmId, clientId, this.#store.clients.find(realmId, clientId))
  }

  #apiKey(realmId: string, hash: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.#apiKeys.get(realmId, hash) ?? this.#load(this.#apiKeys, realmId, hash, this.#store.apiKeys.findByHash(realmId, hash))
  }

  async #load<Noun>(known: KnownNames<Noun>, realmId: string, name: string, found: Promise<Noun | undefined>): Promise<Noun | undefined> {
    const before = this.#revision
    const noun = await found
    // What was read before a change must not outlive it. Unknown names are not kept: anybody can invent them.
    if (noun !== undefined && before === this.#revision) known.keep(realmId, name, noun)
    return noun
  }
}
