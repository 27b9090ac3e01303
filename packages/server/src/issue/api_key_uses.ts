// Uses of API keys, counted in memory and written behind the answers, all together.
import type { ApiKeyUse } from '../model/api_key_use.ts'
import type { UsageKey } from '../model/metering.ts'
import type { ApiKeyStore } from '../model/store.ts'

export interface ApiKeyUses {
  /** @param now epoch seconds */
  note(key: Pick<UsageKey, 'realmId' | 'clientId' | 'apiKeyId'>, address: string, now: number): void
  /** Writes what was noted since the last call. What cannot be written now is kept for the next one. */
  flush(): Promise<void>
}

type Counted = { -readonly [Member in keyof ApiKeyUse]: ApiKeyUse[Member] }

export function createApiKeyUses(store: Pick<ApiKeyStore, 'noteUse'>): ApiKeyUses {
  // By realm and by id, so that a request makes no name of the two.
  let counted = new Map<string, Map<string, Counted>>()
  // Most often one client's requests come in a row.
  let last: Counted | undefined

  const count = (known: Counted, times: number, lastUsedAt: number, address: string): void => {
    known.count += times
    if (lastUsedAt < known.lastUsedAt) return
    known.lastUsedAt = lastUsedAt
    known.address = address
  }

  const add = (use: ApiKeyUse): void => {
    const realm = counted.get(use.realmId) ?? new Map<string, Counted>()
    if (realm.size === 0) counted.set(use.realmId, realm)
    const known = realm.get(use.apiKeyId)
    if (known) count(known, use.count, use.lastUsedAt, use.address)
    last = known ?? { ...use }
    if (!known) realm.set(use.apiKeyId, last)
  }

  return {
    note({ realmId, clientId, apiKeyId }, address, now) {
      if (last?.apiKeyId === apiKeyId && last.realmId === realmId) count(last, 1, now, address)
      else add({ realmId, clientId, apiKeyId, lastUsedAt: now, count: 1, address })
    },
    async flush() {
      if (counted.size === 0) return
      const uses = [...counted.values()].flatMap((realm) => [...realm.values()])
      counted = new Map()
      last = undefined
      try {
        await store.noteUse(uses)
      } catch (error) {
        for (const use of uses) add(use)
        throw error
      }
    },
  }
}
