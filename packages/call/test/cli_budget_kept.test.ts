// Looking for what is wrong costs no knowledge: what all commands know of the budget is there after a doctor as before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unbiased } from '../src/cli/token_folder.ts'
import { createMemory } from '../src/memory.ts'
import type { Remembered } from '../src/token_cache.ts'
import { createMemoryCache } from '../src/token_cache.ts'

const BUDGET = { limit: 10, remaining: 0, resetAt: 2000, toldAt: 1000 }
const FAILURE = { code: 'slow_down', origin: 'https://a.example', description: 'Later.', count: 1, retryAt: 5 }

test('whoever asks without looking at what is remembered does not make the others forget it', async () => {
  let kept: Remembered = { budget: BUDGET, failure: FAILURE, rejection: { at: 1, waitMs: 2 } }
  const shared = {
    ...createMemoryCache(),
    recall: () => kept,
    remember(_key: string, remembered: Remembered) {
      kept = remembered
    },
  }
  const memory = createMemory(unbiased(shared))
  assert.deepEqual(await memory.recall('key'), {})
  await memory.note('key', { failure: { ...FAILURE, count: 2 } })
  assert.deepEqual([kept.budget, kept.failure?.count, kept.rejection?.waitMs], [BUDGET, 2, 2])
  await memory.note('key', { failure: undefined })
  assert.deepEqual([kept.budget, kept.failure], [BUDGET, undefined])
})
