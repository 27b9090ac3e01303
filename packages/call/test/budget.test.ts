// The token budget on the caller's side: arithmetic for every budget, and a client that acts on what it is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { OAuthError } from '@countersign/protocol/oauth/error'
import { readRateLimit, readRateLimits, writeRateLimits } from '@countersign/protocol/oauth/rate_limit'
import fc from 'fast-check'
import type { Budget } from '../src/budget.ts'
import { budgetOfFields, budgetOfUsage, isSpent, quotaOf, thriftOf } from '../src/budget.ts'
import type { Client, ClientEvents } from '../src/client.ts'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { TokenRequestFailed } from '../src/errors.ts'
import type { FakeProvider } from './fake_provider.ts'
import { serve, simulatedTime, startProvider } from './fake_provider.ts'

const MONTH = 30 * 86_400
const START = 1_800_000_000

const budgets = fc
  .record({
    limit: fc.integer({ min: 0, max: 1_000_000 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    told: fc.integer({ min: 0, max: MONTH }),
  })
  .map(({ limit, share, told }): Budget => {
    const remaining = Math.floor(limit * share)
    return { limit, remaining, startsAt: START, resetAt: START + MONTH, toldAt: START + told }
  })
const lifetimes = fc.integer({ min: 1, max: 86_400 })

const fieldsOf = (remaining: number, now: number, limit = 1000): Record<string, string> =>
  writeRateLimits([
    { name: 'requests', quota: 10, window: 60, remaining: 0, reset: 3 },
    { name: 'tokens', quota: limit, window: MONTH, remaining, reset: START + MONTH - now },
  ])

const answerOf = (count: number, fields: Record<string, string>, lifetime = 3600) => ({
  status: 200,
  headers: { 'content-type': 'application/json', ...fields },
  body: JSON.stringify({ access_token: `token-${count}`, token_type: 'Bearer', expires_in: lifetime }),
})

test('fields and usage page say the same budget, and both survive nonsense', () => {
  const now = START + 100
  const { 'ratelimit-policy': policy, ratelimit } = fieldsOf(12, now)
  const fields = budgetOfFields({ 'ratelimit-policy': policy, ratelimit }, now)
  assert.deepEqual(fields, { limit: 1000, remaining: 12, startsAt: START, resetAt: START + MONTH, toldAt: now })
  const window = { unit: 'month', start: new Date(START * 1000).toISOString() }
  const usage = budgetOfUsage({ tokens: { limit: 1000, used: 988, remaining: 12, mode: 'enforce', window, reset: MONTH - 100 } }, now)
  assert.deepEqual(usage, { ...fields, enforced: true })
  assert.equal(budgetOfFields({}, now), undefined)
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) =>
      assert.doesNotThrow(() => budgetOfFields({ 'ratelimit-policy': a, ratelimit: b }, now)),
    ),
  )
  fc.assert(fc.property(fc.anything(), (value) => assert.equal(budgetOfUsage({ tokens: value }, now), undefined)))
})

test('one policy read alone is the one among all', () => {
  const names = fc.constantFrom('tokens', 'requests', 'tokens-2', 'a')
  const count = fc.integer({ min: 0, max: 1e9 })
  const limit = fc.record({ name: names, quota: count, window: count, remaining: count, reset: count })
  fc.assert(
    fc.property(fc.uniqueArray(limit, { selector: ({ name }) => name }), (limits) => {
      const { 'ratelimit-policy': policy, ratelimit } = writeRateLimits(limits)
      assert.deepEqual(
        readRateLimit('tokens', policy, ratelimit),
        readRateLimits(policy, ratelimit).find(({ name }) => name === 'tokens'),
      )
      assert.equal(readRateLimit('tokens', policy, undefined), undefined)
    }),
  )
})

test('less left is never spent more freely, and a shorter rest never more sparingly', () => {
  fc.assert(
    fc.property(budgets, lifetimes, fc.integer({ min: 0, max: MONTH }), fc.nat(), (budget, lifetime, later, fewer) => {
      const now = budget.toldAt
      const poorer = { ...budget, remaining: Math.max(0, budget.remaining - fewer) }
      assert.ok(thriftOf(poorer, lifetime, now) >= thriftOf(budget, lifetime, now))
      assert.ok(thriftOf(budget, lifetime, now + later) <= thriftOf(budget, lifetime, now) || budget.remaining === 0)
    }),
  )
})

test('whoever keeps to the pace that lasts is never made to save', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: MONTH - 1 }), lifetimes, (limit, elapsed, lifetime) => {
      const used = Math.floor((limit * elapsed) / MONTH)
      const budget = { limit, remaining: limit - used, startsAt: START, resetAt: START + MONTH, toldAt: START + elapsed }
      assert.equal(thriftOf(budget, lifetime, budget.toldAt), 0)
      assert.equal(quotaOf(budget, 'fields', budget.toldAt)?.enoughUntil, null)
    }),
  )
})

test('a quota adds up, ends with its window, and says when it will be used up', () => {
  fc.assert(
    fc.property(budgets, (budget) => {
      const quota = quotaOf(budget, 'usage', budget.toldAt)
      if (budget.toldAt >= budget.resetAt) return assert.equal(quota, undefined)
      assert.ok(quota)
      assert.equal(quota.used + quota.remaining, quota.limit)
      assert.ok(quota.enoughUntil === null || (quota.enoughUntil >= budget.toldAt && quota.enoughUntil < budget.resetAt))
      assert.equal(quotaOf(budget, 'usage', budget.resetAt), undefined)
      assert.equal(isSpent(budget, budget.toldAt), budget.remaining === 0)
      assert.equal(isSpent(budget, budget.resetAt), false)
    }),
  )
})

interface Month {
  readonly provider: FakeProvider
  readonly time: ReturnType<typeof simulatedTime>
  readonly client: Client
  left: number
}

/** A provider with a budget that starts with the clock. */
async function startMonth(t: Parameters<typeof startProvider>[0], left: number, more: Partial<ClientOptions> = {}): Promise<Month> {
  const provider = await startProvider(t)
  const time = simulatedTime()
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientSecret: 'our-secret',
    ...time,
    random: () => 0.5,
    ...more,
  })
  const month: Month = { provider, time, client, left }
  provider.answer = (_, count) => {
    if (month.left <= 0)
      return new OAuthError('slow_down', 'The tokens are used up.', {
        retryAfter: START + MONTH - time.now(),
        headers: fieldsOf(0, time.now()),
      })
    month.left--
    return answerOf(count, fieldsOf(month.left, time.now()))
  }
  return month
}

test('with enough left a token is renewed behind the caller, with little only at its hard margin, with least nearly at its end', async () => {
  const half = MONTH / 2
  for (const [left, share] of [
    [600, 0.8],
    [474, 0.95],
    [333, 0.99],
  ] as const) {
    const time = simulatedTime()
    time.ms = half * 1000
    const wire = { asked: 0 }
    const fetch = (): Promise<Response> => {
      wire.asked++
      const { body, headers } = answerOf(wire.asked, fieldsOf(left - wire.asked, time.now()))
      return Promise.resolve(new Response(body, { headers }))
    }
    const client = createClient({ tokenUrl: 'https://login.example.com/token', clientId: 'ours', fetch, ...time, random: () => 0.5 })
    await client.token()
    for (let second = 2500; wire.asked === 1; second += 5) {
      time.ms = (half + second) * 1000
      await client.token()
      // What goes on behind the caller's back has reached the fetch by then.
      await setImmediate()
    }
    const renewedAt = (time.ms / 1000 - half) / 3600
    assert.ok(renewedAt >= share - 0.002 && renewedAt < share + 0.005, `with ${left} left at ${renewedAt}, not ${share}`)
  }
})

test('at zero nothing goes over the wire until the window ends, and the failure says when', async (t) => {
  const month = await startMonth(t, 1)
  const told: ClientEvents['budget'][] = []
  month.client.on('budget', (event) => told.push(event))
  await month.client.token()
  assert.equal(told[0]?.quota.remaining, 0)
  month.time.ms = 3_590_000
  assert.equal((await month.client.token()).accessToken, 'token-1', 'used to its end')
  month.time.ms = 3_600_000
  for (let call = 0; call < 50; call++) {
    await assert.rejects(month.client.token(), (error) => {
      assert.ok(error instanceof TokenRequestFailed)
      assert.deepEqual([error.code, error.temporary, error.retryAfter], ['budget_exhausted', true, MONTH - 3600])
      return true
    })
  }
  assert.equal(month.provider.requests.length, 1)
  month.left = 1000
  month.time.ms = MONTH * 1000
  assert.equal((await month.client.token()).accessToken, 'token-2')
})

test('a server that hands out its tokens again is asked once in a lifetime at zero', async (t) => {
  const { provider, time, client } = await startMonth(t, 5)
  const same = Promise.withResolvers<undefined>()
  client.on('token', ({ how }) => {
    if (how === 'same') same.resolve(undefined)
  })
  provider.answer = () => answerOf(1, fieldsOf(time.ms < 3_500_000 ? 999 : 0, time.now()), 3600 - time.ms / 1000)
  await client.token()
  time.ms = 3_000_000
  await client.token()
  await same.promise
  time.ms = 3_500_000
  await client.token()
  assert.equal(provider.requests.length, 3)
  provider.answer = () => answerOf(9, fieldsOf(0, time.now()))
  time.ms = 7_200_000
  assert.equal((await client.token()).accessToken, 'token-9')
  time.ms += 3_600_000
  provider.answer = () => new OAuthError('slow_down', 'used up', { retryAfter: 5, headers: fieldsOf(0, time.now()) })
  await assert.rejects(client.token(), { code: 'slow_down' })
  time.ms += 60_000
  await assert.rejects(client.token(), { code: 'budget_exhausted' })
  assert.equal(provider.requests.length, 5)
})

test('quota is asked of the usage page with the credentials in no URL, and what it says counts at once', async (t) => {
  const time = simulatedTime()
  let remaining = 990
  const seen: string[] = []
  const usageUrl = await serve(t, (incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url} ${incoming.headers.authorization}`)
    const window = { start: new Date(START * 1000).toISOString() }
    const body = { tokens: { limit: 1000, used: 1000 - remaining, remaining, mode: 'enforce', reset: START + MONTH - time.now(), window } }
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const month = await startMonth(t, 1, { usageUrl, ...time })
  const { client, provider } = month
  const quota = { limit: 1000, resetAt: START + MONTH, source: 'usage', toldAt: START }
  assert.deepEqual(await client.quota(), { ...quota, used: 10, remaining: 990, enoughUntil: START + 99 })
  assert.deepEqual(seen, [`POST / Basic ${btoa('ours:our-secret')}`])
  remaining = 0
  await client.quota()
  await assert.rejects(client.token(), { code: 'budget_exhausted' })
  assert.equal(provider.requests.length, 0)
  remaining = 5
  await client.quota()
  assert.equal((await client.token()).accessToken, 'token-1')
})

test('quota tells what the last answer said where there is no page, and nothing where nobody said anything', async (t) => {
  const { client, provider } = await startMonth(t, 5)
  assert.equal(await client.quota(), undefined)
  await client.token()
  assert.deepEqual(await client.quota(), {
    limit: 1000,
    used: 996,
    remaining: 4,
    resetAt: START + MONTH,
    enoughUntil: START + 4 / 996,
    source: 'fields',
    toldAt: START,
  })
  assert.equal(provider.requests.length, 1)
})

test('a usage page that is away leaves the last fields, and fails where there are none', async (t) => {
  const month = await startMonth(t, 5, { usageUrl: 'http://127.0.0.1:1/usage' })
  await assert.rejects(month.client.quota(), { name: 'TokenRequestFailed', code: 'unreachable' })
  await month.client.token()
  assert.equal((await month.client.quota())?.source, 'fields')
})
