// Group commit by itself, over a driver made for the test: who shares a transaction, who is told what, and when.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { Batch, BatchDriver } from '../../src/store/batch.ts'
import { createBatch } from '../../src/store/batch.ts'
import type { Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'

/** Keeps what was committed, in order; a statement `bad` throws. */
const recorder = (but: Partial<BatchDriver> = {}) => {
  const committed: string[][] = []
  let open: string[] | undefined
  const driver: BatchDriver = {
    begin: (wait) => {
      assert.equal(open, undefined, 'no transaction inside another')
      if (but.begin !== undefined && !but.begin(wait)) return false
      open = []
      return true
    },
    run: (asked) => {
      if (asked.sql === 'bad') throw new Error('bad statement')
      open?.push(asked.sql)
      return asked.params.length
    },
    commit: () => {
      but.commit?.()
      if (open !== undefined) committed.push(open)
      open = undefined
    },
    rollback: () => {
      open = undefined
    },
    flush: but.flush ?? (() => Promise.resolve()),
  }
  return { driver, committed, batch: createBatch(driver, 20, 'locked: wait.') }
}

const write = (batch: Batch, ...texts: string[]): Promise<string> =>
  batch.write(function* (): Unit<string> {
    for (const text of texts) yield statement(text)
    return texts.join(' ')
  })

test('the writes of one turn share one transaction, those of the next have their own', async () => {
  const { batch, committed } = recorder()
  const first = await Promise.all([write(batch, 'a', 'b'), Promise.resolve().then(() => write(batch, 'c'))])
  assert.deepEqual(first, ['a b', 'c'])
  assert.equal(await write(batch, 'd'), 'd')
  assert.deepEqual(committed, [['a', 'b', 'c'], ['d']])
})

test('nobody hears of success before the commit has returned', async () => {
  let told = 0
  const seen: number[] = []
  const { batch } = recorder({ commit: () => seen.push(told) })
  const asked = [1, 2, 3].map((n) => write(batch, `${n}`).then(() => (told += 1)))
  await Promise.all(asked)
  assert.deepEqual(seen, [0])
  assert.equal(told, 3)
})

test('a unit hears the row count of each of its statements', async () => {
  const { batch } = recorder()
  const counts = await batch.write(function* (): Unit<number[]> {
    return [yield statement('one', 1), yield statement('three', 1, 2, 3)]
  })
  assert.deepEqual(counts, [1, 3])
})

test('a failing unit alone is rejected, and leaves nothing behind, wherever it stands', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), async (good) => {
      const { batch, committed } = recorder()
      const asked = good.map((fine, n) => (fine ? write(batch, `${n}`, `${n}!`) : write(batch, `${n}`, 'bad')))
      const results = await Promise.allSettled(asked)
      assert.deepEqual(
        results.map((result) => result.status === 'fulfilled'),
        good,
      )
      assert.deepEqual(
        committed.flat(),
        good.flatMap((fine, n) => (fine ? [`${n}`, `${n}!`] : [])),
      )
    }),
  )
})

test('a unit that throws by itself is rejected with what it threw', async () => {
  const { batch } = recorder()
  const refused = batch.write(function* (): Unit<void> {
    yield statement('a')
    throw new RangeError('out of range')
  })
  await assert.rejects(refused, RangeError)
  assert.equal(await write(batch, 'b'), 'b')
})

test('a commit that fails rejects every unit, and the next turn is served', async () => {
  let broken = true
  const { batch, committed } = recorder({
    commit: () => {
      if (broken) throw new StoreUnavailable('disk full: free some.')
    },
  })
  const results = await Promise.allSettled([write(batch, 'a'), write(batch, 'b')])
  for (const result of results) assert.ok(result.status === 'rejected' && result.reason instanceof StoreUnavailable)
  broken = false
  await write(batch, 'c')
  assert.deepEqual(committed, [['c']])
})

test('a transaction that cannot begin rejects every unit, and the next turn is served', async () => {
  let broken = true
  const { batch, committed } = recorder({
    begin: () => {
      if (broken) throw new StoreUnavailable('gone: mount it.')
      return true
    },
  })
  const results = await Promise.allSettled([write(batch, 'a'), write(batch, 'b')])
  for (const result of results) assert.ok(result.status === 'rejected' && result.reason instanceof StoreUnavailable)
  broken = false
  await write(batch, 'c')
  assert.deepEqual(committed, [['c']])
})

test('a lock held elsewhere is asked for again, and what came meanwhile joins', async () => {
  let refusals = 3
  const late: Promise<string>[] = []
  const { batch, committed } = recorder({
    begin: (wait) => {
      assert.equal(wait, false, 'the event loop is never blocked for it')
      if (refusals === 0) return true
      refusals -= 1
      late.push(write(batch, `late ${refusals}`))
      return false
    },
  })
  await write(batch, 'a')
  await Promise.all(late)
  assert.deepEqual(committed, [['a', 'late 2', 'late 1', 'late 0']])
})

test('a lock that is never given up rejects in the end with the sentence for it', async () => {
  let held = true
  const { batch, committed } = recorder({ begin: () => !held })
  await assert.rejects(write(batch, 'a'), (error) => error instanceof StoreUnavailable && error.message === 'locked: wait.')
  held = false
  await write(batch, 'b')
  assert.deepEqual(committed, [['b']])
})

test('a flood is committed in several transactions, in order and complete', async () => {
  const { batch, committed } = recorder()
  const texts = Array.from({ length: 2500 }, (_, n) => `${n}`)
  await Promise.all(texts.map((text) => write(batch, text)))
  assert.deepEqual(committed.flat(), texts)
  assert.ok(committed.length > 1 && committed.every((one) => one.length <= 1000))
})
