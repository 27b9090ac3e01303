// One simulated month in a thread of its own: the test runner follows every promise of its own thread, and here there are millions.
import { parentPort, workerData } from 'node:worker_threads'
import type { KeyValueStore } from '../../src/caches/key_value_cache.ts'
import { createKeyValueCache } from '../../src/caches/key_value_cache.ts'
import { readMachine } from '../../src/caches/machine_env.ts'
import { createFileCache } from '../../src/caches/token_file.ts'
import { createMemoryStore } from '../caches/memory_store.ts'
import type { MonthOptions } from './simulated_month.ts'
import { simulateMonth } from './simulated_month.ts'

/** What the replicas share: a key-value store, or files in `folder`. */
export type MonthData = Omit<MonthOptions, 'cache'> & { readonly folder: string | undefined }

const { folder, ...options } = workerData as MonthData
let store: KeyValueStore | undefined

const month = await simulateMonth({
  ...options,
  cache(clocks, time) {
    if (folder !== undefined)
      return createFileCache({ ...clocks, folder, machine: { ...readMachine(), boot: 'one', uptimeMs: () => time.ms } })
    store ??= createMemoryStore(() => time.ms)
    return createKeyValueCache(store, clocks)
  },
})
parentPort?.postMessage(month)
