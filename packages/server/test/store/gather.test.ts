// Gathering by itself, over a group commit made for the test: who shares a unit, what a second run of it sees, who is told what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { BatchDriver } from '../../src/store/batch.ts'
import { createBatch } from '../../src/store/batch.ts'
import { gather } from '../../src/store/gather.ts'
import type { Sql, Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'

/** A statement `bad` throws, `full` is a full disk. `held`: attempts at the lock that fail first. */
const fakeSql = (held = 0) => {
  let refusals = held
  let closed = false
  const driver: BatchDriver = {
    begin: () => {
      refusals -= 1
      return refusals < 0
    },
    run: ({ sql }) => {
      if (sql === 'bad') throw new RangeError('bad')
      if (sql === 'full') throw new StoreUnavailable('There is no space left: free some.')
      return 1
    },
    commit: () => undefined,
    rollback: () => undefined,
    flush: () => Promise.resolve(),
  }
  const batch = createBatch(driver, 1000, 'locked: wait.')
  const sql: Sql = {
    read: () => assert.fail(),
    write: async (unit) => {
      if (closed) throw new StoreUnavailable('closed')
      return batch.write(unit)
    },
    commit: async (unit) => {
      if (closed) throw new StoreUnavailable('closed')
      return batch.commit(unit)
    },
    flush: () => Promise.resolve(),
    close: async () => {
      closed = true
    },
    snapshot: () => Promise.reject(new Error('not here')),
    isClosed: () => closed,
  }
  return sql
}

/** Answers each with itself doubled, by a statement of its name; keeps every list that it was given. */
const doubling = (sql: Sql) => {
  const lists: string[][] = []
  const ask = gather(sql, function* (all: readonly string[]): Unit<readonly string[]> {
    lists.push([...all])
    for (const one of all) yield statement(one)
    return all.map((one) => one + one)
  })
  return { ask, lists }
}

const outcomes = async (asked: readonly Promise<string>[]): Promise<string[]> =>
  (await Promise.allSettled(asked)).map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)))

test('what is asked for in one turn is one unit, answered in order; the next turn has its own', async () => {
  const { ask, lists } = doubling(fakeSql())
  const first = [ask('a'), ask('b'), Promise.resolve().then(() => ask('c'))]
  assert.deepEqual(await Promise.all(first), ['aa', 'bb', 'cc'])
  assert.equal(await ask('d'), 'dd')
  assert.deepEqual(lists, [['a', 'b', 'c'], ['d']])
})

test('a unit that is run again after a roll-back finds the same list, and what came meanwhile has its own', async () => {
  const sql = fakeSql()
  const late: Promise<string>[] = []
  const lists: string[][] = []
  const ask = gather(sql, function* (all: readonly string[]): Unit<readonly string[]> {
    lists.push([...all])
    if (late.length === 0) late.push(ask('late'))
    yield statement('fine')
    return all
  })
  const asked = [ask('a'), ask('b')]
  const spoiled = sql.write(function* (): Unit<void> {
    yield statement('bad')
  })
  await assert.rejects(spoiled, RangeError)
  assert.deepEqual(await outcomes([...asked, ...late]), ['a', 'b', 'late'])
  assert.deepEqual(lists, [['a', 'b'], ['a', 'b'], ['late']])
})

test('what cannot be done together is done one by one, and only what cannot be done alone is refused', async () => {
  const { ask, lists } = doubling(fakeSql())
  assert.deepEqual(await outcomes(['a', 'bad', 'c'].map(ask)), ['aa', 'RangeError: bad', 'cc'])
  assert.deepEqual(lists.slice(-3), [['a'], ['bad'], ['c']])
})

test('where the database is unavailable all are refused at once', async () => {
  const { ask, lists } = doubling(fakeSql())
  const sentence = 'StoreUnavailable: There is no space left: free some.'
  assert.deepEqual(await outcomes(['a', 'full', 'c'].map(ask)), [sentence, sentence, sentence])
  assert.deepEqual(new Set(lists.map((list) => list.join(' '))), new Set(['a full c']))
  assert.equal(await ask('d'), 'dd')
})

test('while another process holds the lock what comes joins what waits', async () => {
  const { ask, lists } = doubling(fakeSql(5))
  const asked = [ask('a')]
  for (const name of ['b', 'c']) {
    await new Promise(setImmediate)
    asked.push(ask(name))
  }
  assert.deepEqual(await outcomes(asked), ['aa', 'bb', 'cc'])
  assert.deepEqual(lists, [['a', 'b', 'c']])
})

test('nothing joins after the end', async () => {
  const sql = fakeSql()
  const { ask, lists } = doubling(sql)
  const before = ask('a')
  await sql.close()
  assert.deepEqual(await outcomes([before, ask('b')]), ['aa', 'StoreUnavailable: closed'])
  assert.deepEqual(lists, [['a']])
})

test('a flood is several units', async () => {
  const { ask, lists } = doubling(fakeSql())
  const names = Array.from({ length: 1234 }, (_, n) => `${n} `)
  assert.deepEqual(
    await outcomes(names.map(ask)),
    names.map((name) => name + name),
  )
  assert.deepEqual(lists.flat(), names)
  assert.ok(lists.length > 1 && lists.every((list) => list.length <= 500))
})

test('a unit that does not answer all is a malfunction', async () => {
  const short = gather(fakeSql(), function* (): Unit<readonly string[]> {
    yield statement('fine')
    return ['one']
  })
  assert.deepEqual(await outcomes([short('a'), short('b')]), ['one', 'one'], 'together it is none, alone it is')
  const none = gather(fakeSql(), function* (): Unit<readonly string[]> {
    yield statement('fine')
    return []
  })
  await assert.rejects(none('a'), TypeError)
})
