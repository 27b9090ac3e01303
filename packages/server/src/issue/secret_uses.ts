// Uses of client secrets, counted in memory and written behind the answers, all together: a row a request would cost more than the token.
import type { SecretUse } from '../model/secret_use.ts'
import type { SecretStore } from '../model/store.ts'

export interface SecretUses {
  note(realmId: string, clientId: string, secretId: string, address: string, now: number): void
  /** Writes what was noted since the last call. What cannot be written now is kept for the next one. */
  flush(): Promise<void>
}

interface Counted {
  lastUsedAt: number
  count: number
  address: string
}

export function createSecretUses(store: Pick<SecretStore, 'noteUse'>): SecretUses {
  let counted = new Map<string, SecretUse & Counted>()

  const add = (use: SecretUse): void => {
    const key = `${use.realmId}\n${use.clientId}\n${use.secretId}`
    const known = counted.get(key)
    if (!known) return void counted.set(key, { ...use })
    known.count += use.count
    if (use.lastUsedAt < known.lastUsedAt) return
    known.lastUsedAt = use.lastUsedAt
    known.address = use.address
  }

  return {
    note: (realmId, clientId, secretId, address, now) => add({ realmId, clientId, secretId, lastUsedAt: now, count: 1, address }),
    async flush() {
      if (counted.size === 0) return
      const uses = [...counted.values()]
      counted = new Map()
      try {
        await store.noteUse(uses)
      } catch (error) {
        for (const use of uses) add(use)
        throw error
      }
    },
  }
}
