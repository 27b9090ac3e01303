// The token budget of a plan: exact, told with every answer, refused with 429 in the dialect's words, by the calendar.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { readRateLimits } from '@countersign/protocol/oauth/rate_limit'
import type { Answer } from '../harness/http.ts'
import { postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { hashed } from './orders.ts'

const SECRET = 'a secret that is long enough'
const at = (text: string): number => Date.parse(text) / 1000

const ALL = ['client_credentials', 'password', 'refresh_token']
/** `a password`, argon2id at its cheapest. */
const ADA = '$argon2id$v=19$m=8192,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

let clock = 0
let server: TestServer
before(async () => {
  const client = (clientId: string, more: Record<string, unknown> = {}) => ({ clientId, secret: hashed(SECRET), ...more })
  const clients = [
    client('monthly', { plan: { tokens: { limit: 3 } } }),
    client('lisbon', { plan: { tokens: { limit: 1, per: 'day', timeZone: 'Europe/Lisbon' } } }),
    client('warned', { plan: { tokens: { limit: 4, mode: 'warn', warnAt: [50, 100] } } }),
    client('nothing', { plan: { tokens: { limit: 0 } } }),
    client('free', { plan: {} }),
    client('of-the-realm'),
    client('two-of-the-realm'),
    { clientId: 'app', public: true, grants: ['password', 'refresh_token'], plan: { tokens: { limit: 2 } } },
  ]
  const users = [{ username: 'ada', password: { hash: ADA } }]
  const renamed = { extends: 'auth0', name: 'renamed', error: { codes: { slow_down: 'too_many_requests' } } }
  server = await startConfigured(
    { realms: [{ id: 'shop', plan: { tokens: { limit: 2 } }, dialects: ['standard', renamed], grants: ALL, clients, users } as never] },
    {},
    () => clock,
  )
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})
let month = 0
beforeEach(() => {
  // Each test has a month of its own.
  clock = Date.UTC(2030, month++, 10) / 1000
})

const ask = (clientId: string, more: Record<string, string> = {}, path = '/oauth2/token'): Promise<Answer> =>
  postForm(`${server.origin}/realms/shop${path}`, { grant_type: 'client_credentials', client_id: clientId, client_secret: SECRET, ...more })

const limitsOf = ({ headers }: Answer) => readRateLimits(headers.get('ratelimit-policy') ?? '', headers.get('ratelimit') ?? '')

test('every answer says what the plan allows and what is left, and the one too many is refused', async () => {
  clock = at('2027-02-27T12:00:00Z')
  const answers = [await ask('monthly'), await ask('monthly'), await ask('monthly'), await ask('monthly')]
  assert.deepEqual(
    answers.map((one) => one.status),
    [200, 200, 200, 429],
  )
  assert.deepEqual(
    answers.map((one) => limitsOf(one)[0]?.remaining),
    [2, 1, 0, 0],
  )
  const whole = { name: 'tokens', quota: 3, window: 28 * 86_400, remaining: 0, reset: 36 * 3600 }
  assert.deepEqual(limitsOf(answers[3] as Answer), [whole])
})

test('the refusal names the end of the window, and Retry-After is true', async () => {
  clock = at('2027-04-30T23:00:00Z')
  for (let spent = 0; spent < 3; spent++) await ask('monthly')
  const refused = await ask('monthly')
  assert.equal(refused.json['error'], 'slow_down')
  assert.match(
    String(refused.json['error_description']),
    /The 3 tokens of this month are used up; there are new ones from 2027-05-01T00:00:00Z\./,
  )
  assert.equal(refused.headers.get('retry-after'), '3600')
  assert.equal(refused.headers.get('cache-control'), 'no-store')
  clock += 3599
  assert.equal((await ask('monthly')).status, 429)
  clock += 1
  assert.equal((await ask('monthly')).status, 200)
})

test('a dialect refuses in its own words', async () => {
  for (let spent = 0; spent < 3; spent++) await ask('monthly')
  const refused = await ask('monthly', {}, '/oauth/token')
  assert.deepEqual([refused.status, refused.json['error']], [429, 'too_many_requests'])
})

test('a day begins and ends where the plan’s time zone says, daylight saving included', async () => {
  // Lisbon leaves summer time on 2027-10-31: that day has 25 hours.
  clock = at('2027-10-30T23:00:00Z')
  assert.equal(limitsOf(await ask('lisbon'))[0]?.reset, 25 * 3600)
  clock = at('2027-10-31T23:59:59Z')
  assert.equal((await ask('lisbon')).status, 429)
  clock = at('2027-11-01T00:00:00Z')
  assert.equal((await ask('lisbon')).status, 200)
})

test('64 requests at once get exactly what is left', async () => {
  const answers = await Promise.all(Array.from({ length: 64 }, () => ask('monthly')))
  const statuses = answers.map((one) => one.status).sort((a, b) => a - b)
  assert.deepEqual(statuses, [...Array(3).fill(200), ...Array(61).fill(429)])
})

test('a client without a plan has its realm’s, each for itself; an empty plan is no limit', async () => {
  for (const clientId of ['of-the-realm', 'two-of-the-realm']) {
    const statuses = [await ask(clientId), await ask(clientId), await ask(clientId)].map((one) => one.status)
    assert.deepEqual(statuses, [200, 200, 429])
  }
  for (let asked = 0; asked < 5; asked++) {
    const answer = await ask('free')
    assert.deepEqual([answer.status, answer.headers.get('ratelimit')], [200, null])
  }
  assert.equal((await ask('nothing')).status, 429)
})

test('a plan that only warns refuses nothing, and tells the operator at each threshold once', async () => {
  const before = server.notices.length
  const left: (string | undefined)[] = []
  for (let spent = 0; spent < 6; spent++) {
    const { status, headers } = await ask('warned')
    assert.equal(status, 200)
    left.push(/"tokens";r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1])
  }
  assert.deepEqual(left, ['3', '2', '1', undefined, undefined, undefined], 'r=0 would stop a client that nothing stops')
  assert.deepEqual(server.notices.slice(before), [
    'Client warned of realm shop has used 50 % of its 4 tokens of this month.',
    'Client warned of realm shop has used 100 % of its 4 tokens of this month.',
  ])
})

test('what is refused costs nothing: wrong secret, unknown scope, wrong method, wrong grant, wrong password', async () => {
  const free = [
    await ask('monthly', { client_secret: 'wrong' }),
    await ask('monthly', { scope: 'unknown' }),
    await ask('monthly', { audience: 'unknown' }),
    await ask('monthly', { grant_type: 'refresh_token', refresh_token: 'none' }),
    await ask('monthly', { grant_type: 'nonsense' }),
    await postForm(`${server.origin}/realms/shop/oauth2/token`, {
      grant_type: 'password',
      client_id: 'app',
      username: 'ada',
      password: 'wrong',
    }),
  ]
  for (const one of free) assert.ok(one.status === 400 || one.status === 401, one.text)
  assert.equal((await fetch(`${server.origin}/realms/shop/oauth2/token`)).status, 405)
  assert.equal(limitsOf(await ask('monthly'))[0]?.remaining, 2)
})
