// How long batches gather, told by made-up transactions: never alone, never after one wait, never long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link } from '../../src/store/adapters/postgres_link.ts'
import { createPace } from '../../src/store/adapters/postgres_pace.ts'

/** `writing`: connections that wrote lately; undefined: the question fails. */
const paced = (writing: number | undefined) => {
  const pace = createPace()
  let questions = 0
  const link: Link = {
    run: async () => {
      questions += 1
      if (writing === undefined) throw new Error('no such table')
      return { rows: [{ writing }], count: 1, command: 'SELECT' }
    },
    say: () => assert.fail('nothing else is asked'),
    hold: () => assert.fail('nothing is held'),
    isBroken: () => false,
    end: () => Promise.resolve(),
    destroy: () => undefined,
  }
  return {
    questions: () => questions,
    pause: () => pace.pause(),
    /** Transactions in a row, in microseconds. */
    took: async (times: number, waited: number, all: number): Promise<void> => {
      for (let n = 0; n < times; n += 1) {
        pace.took(waited, all, link)
        await Promise.resolve()
      }
    },
  }
}

test('who keeps waiting for others gathers for as long as a batch takes, and 3 ms at most', async () => {
  const pace = paced(2)
  await pace.took(1, 2500, 4000)
  assert.equal(pace.pause(), 0, 'one wait alone is none')
  await pace.took(1, 2500, 4000)
  assert.equal(pace.pause(), 1)
  await pace.took(100, 2500, 4000)
  assert.equal(pace.pause(), 3)
  await pace.took(1, 4_000_000, 4_100_000)
  assert.equal(pace.pause(), 3, 'a node that stood still is no reason to wait for longer')
})

test('who waits for nobody any more goes at once again', async () => {
  const pace = paced(2)
  await pace.took(100, 2500, 4000)
  await pace.took(11, 100, 2000)
  assert.equal(pace.pause(), 0)
})

test('who is alone never gathers, however long his statements take', async () => {
  const pace = paced(1)
  await pace.took(100, 2500, 4000)
  assert.equal(pace.pause(), 0)
})

test('nor does one whose question is not answered', async () => {
  const pace = paced(undefined)
  await pace.took(100, 2500, 4000)
  assert.equal(pace.pause(), 0)
})

test('work is no wait: what is short, or a small part of its transaction', async () => {
  const pace = paced(2)
  await pace.took(100, 400, 600)
  await pace.took(100, 2000, 9000)
  assert.equal(pace.pause(), 0)
  assert.equal(pace.questions(), 0)
})
