// Clients and API keys by their names, kept in memory while the store's revision stands still. Owns no truth.
import type { ApiKey } from '../model/api_key.ts'
import type { Client } from '../model/client.ts'
import type { Store } from '../model/store.ts'

/** Entries of each kind kept for each realm; beyond it the older half goes. */
const CAPACITY = 20_000

export class Directory {
  readonly #store: Store
  // By realm first: both are asked on every guarded request, and no name need be made of the two.
  readonly #clients = new Map<string, Map<string, Client>>()
  readonly #apiKeys = new Map<string, Map<string, ApiKey>>()
  #revision = -1

  constructor(store: Store) {
    this.#store = store
  }

  /** Synchronous for a client seen before. */
  client(realmId: string, clientId: string): Client | undefined | Promise<Client | undefined> {
    return (
      this.#clients.get(realmId)?.get(clientId) ?? this.#load(this.#clients, realmId, clientId, this.#store.clients.find(realmId, clientId))
    )
  }

  /** @param hash of the key as sent, `sha256:<base64url>`. Synchronous for a key seen before. */
  apiKey(realmId: string, hash: string): ApiKey | undefined | Promise<ApiKey | undefined> {
    return this.#apiKeys.get(realmId)?.get(hash) ?? this.#load(this.#apiKeys, realmId, hash, this.#store.apiKeys.findByHash(realmId, hash))
  }

  /** Drops what is kept if anything was changed since the last call, by whichever process; true if so. */
  async refresh(): Promise<boolean> {
    const revision = await this.#store.revision()
    if (revision === this.#revision) return false
    this.#revision = revision
    this.#clients.clear()
    this.#apiKeys.clear()
    return true
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
