// How a batch waits for a lock that another process holds: a millisecond at a time while it is a worker's, longer while it is not.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import { createBatch } from '../../src/store/batch.ts'
import type { Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'

function* nothing(): Unit<void> {
  yield statement('nothing')
}

test('a lock that is held for long is asked for every millisecond first, and every ten in the end, until patience ends', async (t) => {
  const pauses: number[] = []
  const { setTimeout: real } = globalThis
  t.after(() => mock.restoreAll())
  mock.method(globalThis, 'setTimeout', (act: () => void, pause: number) => {
    pauses.push(pause)
    return real(act, 0)
  })
  const driver = { run: () => 0, commit: () => undefined, flush: async () => undefined, rollback: () => undefined }
  const held = createBatch({ ...driver, begin: () => false }, 1000, 'The lock cannot be had.')
  await assert.rejects(held.write(nothing), StoreUnavailable)
  assert.deepEqual(pauses.slice(0, 16), Array(16).fill(1))
  assert.deepEqual(new Set(pauses), new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))
  assert.deepEqual(
    pauses,
    pauses.toSorted((a, b) => a - b),
  )
  const waited = pauses.reduce((sum, one) => sum + one, 0)
  assert.ok(waited >= 1000 && waited < 1010)
})
