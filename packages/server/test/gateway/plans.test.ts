// Plans at the gateway, from outside: what passes, what is refused with which code and fields, and that the upstream sees nothing of it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import type { PlannedShop, ShopOptions } from './planned_shop.ts'
import { startPlannedShop } from './planned_shop.ts'

/** 2026-11-21T12:00:00Z */
const NOON = 1_795_262_400

const withShop = async (options: ShopOptions, act: (shop: PlannedShop) => Promise<void>): Promise<void> => {
  const shop = await startPlannedShop(options)
  try {
    await act(shop)
    assert.deepEqual(shop.reports, [])
  } finally {
    await shop.close()
  }
}

const problem = (code: string): RegExp => new RegExp(`"type":"urn:countersign:error:${code}".*"status":429.*"code":"${code}"`)

test('every answer says what the plan has left, the upstream’s and the refusal alike', async () => {
  const plan = { rates: [{ limit: 100, per: '1m', burst: 2 }], perDay: 10, perMonth: 100 }
  await withShop({ requests: plan, now: () => NOON }, async ({ call, reached }) => {
    const policy = '"requests-60s";q=100;w=60, "requests-day";q=10;w=86400, "requests-month";q=100;w=2592000'
    const first = await call('/orders/x')
    assert.deepEqual([first.status, first.text], [200, 'hello'])
    assert.equal(first.headers['ratelimit-policy'], policy)
    assert.equal(first.headers['ratelimit'], '"requests-60s";r=1;t=1, "requests-day";r=9;t=43200, "requests-month";r=99;t=820800')
    assert.equal(first.headers['retry-after'], undefined)
    await call('/second/x')
    const refused = await call('/orders/x')
    assert.equal(refused.status, 429)
    assert.match(refused.text, problem('rate_exceeded'))
    assert.equal(refused.json['detail'], 'The plan allows 100 requests in 60 s; there are enough again in 1 s.')
    assert.equal(refused.headers['content-type'], 'application/problem+json')
    assert.equal(refused.headers['retry-after'], '1')
    assert.equal(refused.headers['www-authenticate'], undefined)
    assert.equal(refused.headers['ratelimit-policy'], policy)
    assert.equal(refused.headers['ratelimit'], '"requests-60s";r=0;t=2, "requests-day";r=8;t=43200, "requests-month";r=98;t=820800')
    assert.deepEqual(reached, ['/x', '/x'])
  })
})

test('a plan holds for all APIs of the realm together, by day and by month, until its window ends', async () => {
  let now = NOON
  await withShop({ requests: { perDay: 3, perMonth: 5 }, now: () => now }, async ({ call, reached, usage }) => {
    for (const path of ['/orders/x', '/second/x', '/orders/y']) assert.equal((await call(path)).status, 200)
    const day = await call('/second/x')
    assert.match(day.text, problem('volume_exceeded'))
    assert.equal(day.json['detail'], 'The 3 requests of this day are used up; there are more from 2026-11-22T00:00:00Z.')
    assert.equal(day.headers['retry-after'], '43200')
    now += 43_200
    for (const path of ['/orders/x', '/second/x']) assert.equal((await call(path)).status, 200, path)
    const month = await call('/orders/x')
    assert.equal(month.json['detail'], 'The 5 requests of this month are used up; there are more from 2026-12-01T00:00:00Z.')
    assert.equal(month.headers['retry-after'], String(9 * 86_400))
    assert.equal(reached.length, 5)
    const { apis } = (await usage()) as { apis: Record<string, Record<string, unknown>> }
    assert.deepEqual([apis['requests-day']?.['used'], apis['requests-day']?.['remaining'], apis['requests-day']?.['reset']], [2, 1, 86_400])
    assert.deepEqual([apis['requests-month']?.['used'], apis['requests-month']?.['remaining']], [5, 0])
  })
})

test('a route costs what it says, however its path is spelled, and one that costs nothing passes to the end', async () => {
  await withShop({ requests: { perDay: 11 } }, async ({ call, usage }) => {
    const used = async (): Promise<number> => ((await usage())['apis'] as { 'requests-day': { used: number } })['requests-day'].used
    for (const path of ['/orders/report/2026', '/orders/report/2027/']) assert.equal((await call(path)).status, 200, path)
    assert.equal(await used(), 10)
    const costly = await call('/orders/report/2026')
    assert.match(costly.text, problem('volume_exceeded'))
    for (const path of [
      '/orders/REPORT/2026',
      '/orders/x/../report/2026',
      '/orders//report/2026',
      '/orders/report%2f2026',
      '/orders/report/%32026',
    ]) {
      assert.ok([400, 404].includes((await call(path)).status), path)
    }
    assert.equal((await call('/orders/cheap')).status, 200)
    assert.equal((await call('/orders/cheap')).status, 429)
    const free = await call('/orders/free')
    assert.equal(free.status, 200)
    assert.match(String(free.headers['ratelimit']), /"requests-day";r=0;/)
  })
})

test('each client has its own plan: its own, or its realm’s', async () => {
  await withShop({ requests: { perDay: 1 }, realmRequests: { perDay: 2 } }, async ({ call }) => {
    const statuses = async (clientId: string): Promise<number[]> => [
      (await call('/orders/x', { clientId })).status,
      (await call('/orders/x', { clientId })).status,
      (await call('/orders/x', { clientId })).status,
    ]
    assert.deepEqual(await statuses('one'), [200, 429, 429])
    assert.deepEqual(await statuses('two'), [200, 200, 429])
  })
})

test('a soft plan lets everything pass, and tells the operator', async () => {
  const requests = { mode: 'warn' as const, rates: [{ limit: 1, per: '1h' }], perDay: 2, concurrency: 1 }
  await withShop({ requests, now: () => NOON }, async ({ call, notices }) => {
    for (let n = 0; n < 5; n++) assert.equal((await call('/orders/x')).status, 200)
    assert.ok(notices.includes('Client one of realm shop is over its request rate; its plan lets it pass.'), notices.join('\n'))
    assert.ok(notices.includes('Client one of realm shop has used 95 % of its 2 requests of this day.'), notices.join('\n'))
  })
})

test('a request that only wants a token that is not there pays nothing', async () => {
  await withShop({ requests: { perDay: 1 } }, async ({ call, origin }) => {
    assert.equal((await fetch(`${origin}/apis/orders/x`)).status, 401)
    assert.equal((await call('/orders/x', { headers: { authorization: 'Bearer wrong' } })).status, 401)
    assert.equal((await call('/orders/x')).status, 200)
    assert.equal((await call('/orders/x')).status, 429)
  })
})

test('a place is free again when the answer has left, has broken off, or nobody waits for it any more', { timeout: 20_000 }, async () => {
  await withShop({ requests: { concurrency: 2 } }, async ({ call, held, waiting, origin, bearer, reached }) => {
    const first = call('/orders/slow')
    const abandoned = httpRequest(`${origin}/apis/orders/slow`, { headers: { authorization: bearer('one') } })
    abandoned.on('error', () => undefined)
    abandoned.end()
    await waiting(2)
    const refused = await call('/orders/x')
    assert.equal(refused.status, 429)
    assert.match(refused.text, problem('concurrency_exceeded'))
    assert.equal(refused.headers['retry-after'], '1')
    assert.equal((await call('/orders/x', { clientId: 'two' })).status, 200, 'others have their own places')
    held[0]?.end('at last')
    assert.equal((await first).text, 'at last')
    assert.equal((await call('/orders/x')).status, 200)
    // The caller goes: its place is free once the gateway has let go of the upstream.
    const [, second] = held
    assert.ok(second)
    const gone = once(second, 'close')
    abandoned.destroy()
    await gone
    for (let n = 0; n < 4; n++) assert.equal((await call('/orders/broken')).status, 502, `a broken answer, number ${n}`)
    const both = [call('/orders/slow'), call('/orders/slow')]
    await waiting(4)
    assert.equal((await call('/orders/x')).status, 429)
    for (const response of held.slice(2)) response.end()
    await Promise.all(both)
    assert.equal(reached.filter((path) => path === '/slow').length, 4)
  })
})

test('64 sockets at once get exactly the volume', { timeout: 30_000 }, async () => {
  await withShop({ requests: { perDay: 500 } }, async ({ call, reached, usage }) => {
    const tally = { passed: 0, refused: 0 }
    const lane = async (): Promise<void> => {
      for (let n = 0; n < 12; n++) {
        const { status } = await call('/orders/x')
        if (status === 200) tally.passed += 1
        else if (status === 429) tally.refused += 1
      }
    }
    await Promise.all(Array.from({ length: 64 }, lane))
    assert.deepEqual([tally, reached.length], [{ passed: 500, refused: 268 }, 500])
    const { apis } = (await usage()) as { apis: Record<string, Record<string, unknown>> }
    assert.deepEqual([apis['requests-day']?.['used'], apis['requests-day']?.['remaining']], [500, 0])
  })
})
