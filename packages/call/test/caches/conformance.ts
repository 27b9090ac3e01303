// What every cache that is shared must do, over two instances of it that see the same store and know nothing of each other.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Remembered, TokenCache } from '../../src/token_cache.ts'
import { heldAt, KEY } from './held.ts'

export interface Pair {
  readonly one: Required<TokenCache>
  readonly other: Required<TokenCache>
}

/** @param make two caches over one new store. Their clocks are this process's own. */
export function conforms(name: string, make: (t: TestContext) => Promise<Pair>, skip: string | false = false): void {
  const at = (): number => performance.now()

  test(`${name}: what one wrote the other reads, with its times`, { skip }, async (t) => {
    const { one, other } = await make(t)
    assert.equal(await other.get(KEY), undefined)
    const held = heldAt(at(), 'token-1', 3600, { scope: ['a', 'b'], refreshToken: 'refresh-1', refreshEndsAt: at() + 7_200_000 })
    await one.set(KEY, held)
    assert.deepEqual(await one.get(KEY), held)
    const found = await other.get(KEY)
    assert.ok(found)
    const { freshness, refreshEndsAt = 0, ...plain } = found
    const { freshness: meant, refreshEndsAt: meantEnd = 0, ...same } = held
    assert.deepEqual(plain, same)
    for (const moment of ['renewAt', 'waitAt', 'endsAt'] as const) assert.ok(Math.abs(freshness[moment] - meant[moment]) < 10_000, moment)
    assert.ok(Math.abs(refreshEndsAt - meantEnd) < 10_000)
    await other.delete(KEY)
    await one.delete(KEY)
    assert.equal(await one.get(KEY), undefined)
  })

  test(`${name}: the longest token that is kept is found again`, { skip }, async (t) => {
    const { one, other } = await make(t)
    const refreshToken = 'r'.repeat(60_000)
    await one.set(KEY, heldAt(at(), 'token-1', 3600, { refreshToken }))
    assert.equal((await other.get(KEY))?.refreshToken, refreshToken)
  })

  test(`${name}: an ended token keeps its refresh token`, { skip }, async (t) => {
    const { one, other } = await make(t)
    await one.set(KEY, heldAt(at() - 5_000_000, 'token-1', 3600, { refreshToken: 'refresh-1' }))
    const found = await other.get(KEY)
    assert.equal(found?.refreshToken, 'refresh-1')
    assert.ok(found.freshness.endsAt <= at())
    const never = { renewAt: Number.NEGATIVE_INFINITY, waitAt: Number.NEGATIVE_INFINITY, endsAt: Number.NEGATIVE_INFINITY }
    await one.set(KEY, heldAt(at(), 'token-2', 3600, { refreshToken: 'refresh-2', freshness: never }))
    assert.equal((await other.get(KEY))?.refreshToken, 'refresh-2', 'whatever way "ended" is said')
  })

  test(`${name}: replace puts a token only in the place of the one it names, and of many at once one succeeds`, { skip }, async (t) => {
    const { one, other } = await make(t)
    await one.set(KEY, heldAt(at()))
    assert.equal(await other.replace(KEY, 'token-0', heldAt(at(), 'token-2')), false)
    const caches = [one, other, one, other, one, other]
    const answers = await Promise.all(caches.map(async (cache, index) => cache.replace(KEY, 'token-1', heldAt(at(), `next-${index}`))))
    assert.equal(answers.filter(Boolean).length, 1)
    const winner = `next-${answers.indexOf(true)}`
    assert.equal((await other.get(KEY))?.accessToken, winner)
    assert.equal(await other.replace(KEY, winner, undefined), true)
    assert.equal(await other.get(KEY), undefined)
  })

  test(`${name}: work for one key is done by one at a time, and each sees what the one before wrote`, { skip }, async (t) => {
    const { one, other } = await make(t)
    let inside = 0
    const turns = await Promise.all(
      [one, other, one, other, one, other].map((cache) =>
        cache.exclusively(KEY, async () => {
          assert.equal(++inside, 1)
          const count = Number((await cache.get(KEY))?.accessToken.slice('token-'.length) ?? 0) + 1
          await cache.set(KEY, heldAt(at(), `token-${count}`))
          inside--
          return count
        }),
      ),
    )
    assert.deepEqual(
      turns.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6],
    )
  })

  test(`${name}: what work throws is thrown, and the lock is free again`, { skip }, async (t) => {
    const { one, other } = await make(t)
    await assert.rejects(
      one.exclusively(KEY, () => Promise.reject(new RangeError('of the work'))),
      /of the work/,
    )
    assert.equal(await other.exclusively(KEY, () => Promise.resolve('in turn')), 'in turn')
  })

  test(`${name}: failures, budget and refusals are remembered for all, and forgotten for all`, { skip }, async (t) => {
    const { one, other } = await make(t)
    assert.deepEqual(await other.recall(KEY), {})
    const nowMs = Date.now()
    const known: Remembered = {
      failure: {
        code: 'invalid_client',
        origin: 'https://login.example.com',
        status: 401,
        description: 'No.',
        count: 3,
        retryAt: nowMs + 60_000,
      },
      budget: { limit: 1000, remaining: 7, resetAt: Math.ceil(nowMs / 1000) + 3600, toldAt: Math.floor(nowMs / 1000), enforced: true },
      rejection: { at: nowMs, waitMs: 2000 },
    }
    await one.remember(KEY, known)
    const found = await other.recall(KEY)
    assert.deepEqual(found?.budget, known.budget)
    assert.deepEqual({ ...found?.failure, retryAt: 0 }, { ...known.failure, retryAt: 0 })
    assert.ok(Math.abs((found?.failure?.retryAt ?? 0) - nowMs - 60_000) < 10_000)
    assert.ok(Math.abs((found?.rejection?.at ?? 0) - nowMs) < 10_000)
    await other.remember(KEY, { failure: undefined })
    assert.deepEqual(await one.recall(KEY), {})
  })
}
