// The usage of a client's budget, told to itself and nobody else.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused, assertUncached } from '../harness/verify.ts'
import { hashed } from './orders.ts'

const SECRET = 'a secret that is long enough'
const DAY = 86_400

let clock = Date.parse('2027-06-01T00:00:00Z') / 1000
let server: TestServer
before(async () => {
  const client = (clientId: string, more: Record<string, unknown> = {}) => ({ clientId, secret: hashed(SECRET), ...more })
  const clients = [
    client('spender', { plan: { tokens: { limit: 30, timeZone: 'Europe/Lisbon' } } }),
    client('free'),
    { clientId: 'app', public: true, grants: [] },
  ]
  server = await startConfigured({ realms: [{ id: 'shop', clients }] }, {}, () => clock)
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

const spend = (agent: string) =>
  postForm(
    `${server.origin}/realms/shop/oauth2/token`,
    { grant_type: 'client_credentials', client_id: 'spender', client_secret: SECRET },
    { 'user-agent': agent },
  )
const usage = async (clientId = 'spender') => {
  const answer = await send(`${server.origin}/realms/shop/usage`, { headers: basic(clientId, SECRET) })
  assert.equal(answer.status, 200, answer.text)
  assertUncached(answer.headers)
  return answer.json
}

test('limit, used, remaining, reset, what counted, and how long it will last', async () => {
  clock = Date.parse('2027-06-05T12:00:00Z') / 1000
  await spend('robot/1')
  await spend('robot/1')
  clock = Date.parse('2027-06-11T00:00:00Z') / 1000
  for (let spent = 0; spent < 13; spent++) await spend('robot/2')
  const { client_id, tokens } = await usage()
  assert.equal(client_id, 'spender')
  assert.deepEqual(tokens, {
    limit: 30,
    used: 15,
    remaining: 15,
    mode: 'enforce',
    // June in Lisbon begins and ends at 23:00 UTC: it is summer time.
    window: { unit: 'month', time_zone: 'Europe/Lisbon', start: '2027-05-31T23:00:00Z', end: '2027-06-30T23:00:00Z' },
    reset: 20 * DAY - 3600,
    counted: [
      { day: '2027-06-11', address: '127.0.0.1', user_agent: 'robot/2', tokens: 13 },
      { day: '2027-06-05', address: '127.0.0.1', user_agent: 'robot/1', tokens: 2 },
    ],
    forecast: { enough_until: '2027-06-21T01:00:00Z', sentence: 'At this rate enough until 2027-06-21T01:00:00Z.' },
  })
})

test('a new month begins with the whole budget', async () => {
  clock = Date.parse('2027-07-02T00:00:00Z') / 1000
  const { tokens } = (await usage()) as { tokens: { used: number; counted: unknown[]; forecast: { enough_until: unknown } } }
  assert.deepEqual([tokens.used, tokens.counted, tokens.forecast.enough_until], [0, [], null])
})

test('credentials in a body do as well; a client without a budget is told so', async () => {
  const answer = await postForm(`${server.origin}/realms/shop/usage`, { client_id: 'free', client_secret: SECRET })
  assert.deepEqual([answer.status, answer.json], [200, { client_id: 'free', tokens: null, requests: null, apis: null }])
})

test('asking for usage costs nothing', async () => {
  clock = Date.parse('2027-08-02T00:00:00Z') / 1000
  await usage()
  assert.equal(((await usage()) as { tokens: { used: number } }).tokens.used, 0)
})

test('nobody else is told: no credentials, wrong ones, a public client, credentials in the URL', async () => {
  const url = `${server.origin}/realms/shop/usage`
  assertRefused(await send(url), 401, 'invalid_client')
  assertRefused(await send(url, { headers: basic('spender', 'wrong') }), 401, 'invalid_client')
  assertRefused(await postForm(url, { client_id: 'app' }), 400, 'unauthorized_client')
  assertRefused(await send(`${url}?client_id=spender&client_secret=${encodeURIComponent(SECRET)}`), 400, 'invalid_request')
})
