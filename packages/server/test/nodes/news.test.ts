// How old a node's knowledge may be: one look at a time, fresh for what is issued, and as long as the operator says for guards.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createNews } from '../../src/issue/news.ts'
import type { Sight } from '../../src/model/nodes.ts'
import { StoreUnavailable } from '../../src/model/store.ts'

function held(guardsTrust: number | null = null) {
  const clock = { ms: 0 }
  const database: { looks: number; revision: number; away: boolean; slow?: Promise<void> } = { looks: 0, revision: 1, away: false }
  const look = async (): Promise<Sight> => {
    database.looks += 1
    if (database.away) throw new StoreUnavailable('The database is away.')
    const sight = { revision: database.revision, revocation: 0, nodes: [], lease: { holder: '', beat: 0 } }
    await database.slow
    return sight
  }
  const news = createNews({ nodes: { look }, ticks: () => clock.ms, guardsTrust })
  const seen: number[] = []
  news.follow(({ revision }) => void seen.push(revision))
  return { clock, database, news, seen }
}

test('what is asked together is asked once, and told to every follower', async () => {
  const { database, news, seen } = held()
  await Promise.all([news.look(), news.look(), news.fresh()])
  assert.equal(database.looks, 1)
  assert.deepEqual(seen, [1])
})

test('knowledge of a second is fresh, older knowledge is asked for anew, and without the database there is none', async () => {
  const { clock, database, news } = held()
  await news.look()
  clock.ms = 1000
  assert.equal(news.fresh(), undefined)
  clock.ms = 1001
  const asked = news.fresh()
  assert.ok(asked)
  await asked
  assert.equal(database.looks, 2)
  database.away = true
  clock.ms = 2500
  await assert.rejects(async () => news.fresh(), StoreUnavailable)
  database.away = false
  await news.fresh()
  assert.equal(news.fresh(), undefined)
})

test('who catches up hears of what was changed before he asked, also while an older look is under way', async () => {
  const { database, news, seen } = held()
  const older = news.look()
  database.revision = 2
  await Promise.all([older, news.catchUp(), news.catchUp()])
  assert.equal(seen.at(-1), 2)
  assert.equal(database.looks, 2)
})

test('who joins another that waits for its turn hears of what was changed since, though a look began in between', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { database, news, seen } = held()
  await news.look()
  const first = news.catchUp()
  await turn()
  // Read before the change, and answered after it.
  const answer = Promise.withResolvers<void>()
  database.slow = answer.promise
  const between = news.look()
  database.revision = 2
  const second = news.catchUp()
  t.mock.timers.tick(50)
  await turn()
  answer.resolve()
  await Promise.all([first, between, second])
  assert.equal(seen.at(-1), 2)
})

test('knowledge that a follower could not take note of is not fresh', async () => {
  const { news } = held()
  let fails = true
  news.follow(() => {
    if (fails) throw new StoreUnavailable('The keys cannot be read.')
  })
  await assert.rejects(news.look(), StoreUnavailable)
  await assert.rejects(async () => news.fresh(), StoreUnavailable)
  fails = false
  await news.fresh()
  assert.equal(news.fresh(), undefined)
})

test('guards trust what they know for as long as the operator says', async () => {
  const without = held()
  const bounded = held(10_000)
  for (const { news, clock } of [without, bounded]) {
    await news.look()
    clock.ms = 10_000
    assert.equal(news.isTrusted(), true)
    clock.ms = 10_001
  }
  assert.deepEqual([without.news.isTrusted(), bounded.news.isTrusted()], [true, false])
})
