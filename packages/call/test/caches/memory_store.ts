// A key-value store in memory with a clock of its own, which the test moves: what Redis is to many machines.
import type { KeyValueStore } from '../../src/caches/key_value_cache.ts'

/** @param clock milliseconds by the store. */
export function createMemoryStore(
  clock: () => number,
): KeyValueStore & { readonly entries: ReadonlyMap<string, { readonly value: string }> } {
  const entries = new Map<string, { value: string; endsAt: number }>()
  const find = (name: string): { value: string; endsAt: number } | undefined => {
    const found = entries.get(name)
    if (found && found.endsAt > clock()) return found
    entries.delete(name)
    return undefined
  }
  const put = (name: string, value: string, life: number): true => {
    entries.set(name, { value, endsAt: clock() + life })
    return true
  }
  return {
    entries,
    async get(name) {
      const found = find(name)
      return found && { value: found.value, left: found.endsAt - clock() }
    },
    async set(name, value, left) {
      put(name, value, left())
    },
    replace: async (name, expected, value, left) => find(name)?.value === expected && put(name, value, left()),
    add: async (name, value, life) => !find(name) && put(name, value, life),
    prolong: async (name, expected, life) => find(name)?.value === expected && put(name, expected, life),
    delete: async (name, expected) => (expected === undefined || find(name)?.value === expected) && entries.delete(name),
  }
}
