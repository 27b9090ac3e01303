// The rate of the token endpoint, and the RateLimit fields on every answer to a client that has proven itself.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { RateLimit } from '@countersign/protocol/oauth/rate_limit'
import { readRateLimits } from '@countersign/protocol/oauth/rate_limit'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'
import { hashed } from './orders.ts'

const SECRET = 'a secret that is long enough'
/** Six in a minute, evenly: one each ten seconds, three of them at once. */
const RATE = { limit: 6, per: '1m', burst: 3 }

let clock = 0
let server: TestServer
before(async () => {
  const client = (clientId: string, plan: Record<string, unknown>, more = {}) => ({ clientId, secret: hashed(SECRET), plan, ...more })
  const clients = [
    client('paced', { rate: RATE }),
    client('paced-too', { rate: RATE }),
    client('reusing', { rate: RATE }, { reuse: true }),
    client('both', { rate: RATE, tokens: { limit: 100 } }),
  ]
  server = await startConfigured({ realms: [{ id: 'shop', clients }] }, {}, () => clock)
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})
let hour = 0
beforeEach(() => {
  clock = Date.UTC(2032, 0, 1, hour++) / 1000
})

const ask = (clientId: string, more: Record<string, string> = {}, secret = SECRET): Promise<Answer> =>
  postForm(`${server.origin}/realms/shop/oauth2/token`, { grant_type: 'client_credentials', ...more }, basic(clientId, secret))
const limitsOf = ({ headers }: Answer): readonly RateLimit[] =>
  readRateLimits(headers.get('ratelimit-policy') ?? '', headers.get('ratelimit') ?? '')
const statuses = async (clientId: string, times: number): Promise<number[]> => {
  const answers: number[] = []
  for (let asked = 0; asked < times; asked++) answers.push((await ask(clientId)).status)
  return answers
}

test('a burst, then an even pace; Retry-After is true', async () => {
  assert.deepEqual(await statuses('paced', 4), [200, 200, 200, 429])
  const refused = await ask('paced')
  assertRefused(refused, 429, 'slow_down')
  const wait = Number(refused.headers.get('retry-after'))
  assert.ok(wait >= 1 && wait <= 10, String(wait))
  clock += wait
  assert.deepEqual(await statuses('paced', 2), [200, 429])
})

test('each client has a rate of its own', async () => {
  assert.deepEqual(await statuses('paced', 4), [200, 200, 200, 429])
  assert.equal((await ask('paced-too')).status, 200)
})

test('a token served again costs a tenth of a fresh one', async () => {
  const answers = await statuses('reusing', 40)
  // Three fresh prices: one for the first token, and ten tenths of each of the other two.
  assert.equal(answers.filter((one) => one === 200).length, 21)
  assert.equal(answers[21], 429)
})

test('every answer to a proven client names both limits: granted, refused, exhausted', async () => {
  const answers = [await ask('both'), await ask('both', { scope: 'unknown' }), await ask('both', { grant_type: 'nonsense' })]
  assert.deepEqual(
    answers.map((one) => one.status),
    [200, 400, 400],
  )
  for (const one of answers) {
    assert.deepEqual(
      limitsOf(one).map(({ name, quota, remaining }) => [name, quota, remaining]),
      [
        ['tokens', 100, 99],
        ['requests', 6, limitsOf(one)[1]?.remaining],
      ],
    )
  }
  await statuses('both', 3)
  const refused = await ask('both')
  assert.equal(refused.status, 429)
  assert.equal(limitsOf(refused)[1]?.remaining, 0)
})

test('whoever fails to prove himself learns nothing of the client’s limits, and takes nothing of them', async () => {
  for (let guess = 0; guess < 30; guess++) {
    const refused = await ask('both', {}, `guess ${guess}, long enough`)
    assert.ok(refused.status === 401 || refused.status === 429, refused.text)
    assert.deepEqual(limitsOf(refused), [])
  }
  assert.deepEqual(await statuses('both', 4), [200, 200, 200, 429])
})

test('the usage tells the rate as it stands, and asking draws nothing', async () => {
  await ask('paced')
  const usage = async () => (await send(`${server.origin}/realms/shop/usage`, { headers: basic('paced', SECRET) })).json['requests']
  const expected = { limit: 6, seconds: 60, burst: 3, remaining: 2, reset: 10 }
  assert.deepEqual(await usage(), expected)
  assert.deepEqual(await usage(), expected)
})
