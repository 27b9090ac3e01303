// The same token again: what repeats costs nothing, what differs never shares, and whatever changes a right cuts it.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { readRateLimits } from '@countersign/protocol/oauth/rate_limit'
import { decodeJwt } from 'jose'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'
import { hashed } from './orders.ts'

const SECRET = 'a secret that is long enough'
const OTHER_SECRET = 'another secret, long enough'
const LIFE = 1000
const MONTHLY = { tokens: { limit: 2 } }

let clock = 0
let server: TestServer
before(async () => {
  const client = (clientId: string, more: Record<string, unknown> = {}) => ({
    clientId,
    secrets: [hashed(SECRET), hashed(OTHER_SECRET)],
    scopes: ['read', 'write'],
    defaultScopes: [],
    defaultAudience: 'orders',
    ...more,
  })
  const realm = (id: string, algorithm: string, more: Record<string, unknown> = {}) => ({
    id,
    algorithm,
    reuse: 0.25,
    scopes: ['read', 'write'],
    audiences: ['orders', 'files'],
    accessTokenLifetime: LIFE,
    grants: ['client_credentials', 'password', 'refresh_token'],
    keyRotation: { every: false },
    clients: [
      client('budgeted', { plan: MONTHLY }),
      client('plain'),
      client('fresh', { reuse: false }),
      client('eager', { reuse: 1 }),
      client('opaque', { tokenFormat: 'opaque' }),
    ],
    ...more,
  })
  const auth0 = { extends: 'auth0', name: 'other' }
  server = await startConfigured(
    { realms: [realm('es', 'ES256', { dialects: ['standard', auth0] }), realm('rs', 'RS256'), realm('ed', 'EdDSA')] as never },
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
  // Each test has a month of its own, so that no token of another test lives.
  clock = Date.UTC(2031, month++, 10) / 1000
})

interface Ask {
  readonly realm?: string
  readonly path?: string
  readonly secret?: string
  readonly [parameter: string]: string | undefined
}

async function ask(clientId: string, { realm = 'es', path = '/oauth2/token', secret = SECRET, ...more }: Ask = {}): Promise<Answer> {
  const parameters = { grant_type: 'client_credentials', ...(more as Record<string, string>) }
  return postForm(`${server.origin}/realms/${realm}${path}`, parameters, basic(clientId, secret))
}

async function tokenOf(clientId: string, more: Ask = {}): Promise<string> {
  const answer = await ask(clientId, more)
  assert.equal(answer.status, 200, answer.text)
  return String(answer.json['access_token'])
}

const jtiOf = async (clientId: string, more: Ask = {}): Promise<unknown> => decodeJwt(await tokenOf(clientId, more)).jti

for (const realm of ['rs', 'ed']) {
  test(`${realm}: the token served again is the same to the byte`, async () => {
    const first = await tokenOf('plain', { realm })
    clock += 700
    assert.equal(await tokenOf('plain', { realm }), first)
  })
}

test('with ES256 it says the same, under a signature of its own', async () => {
  const first = await tokenOf('plain')
  const again = await tokenOf('plain')
  assert.deepEqual(decodeJwt(again), decodeJwt(first))
})

test('expires_in tells the truth, and the budget stays as it is', async () => {
  const first = await ask('budgeted')
  clock += 600
  const again = await ask('budgeted')
  assert.deepEqual([first.json['expires_in'], again.json['expires_in']], [LIFE, LIFE - 600])
  for (const one of [first, again]) {
    assert.equal(readRateLimits(one.headers.get('ratelimit-policy') ?? '', one.headers.get('ratelimit') ?? '')[0]?.remaining, 1)
  }
})

test('a token is served again while a quarter of its life is left, and not a second longer', async () => {
  const first = await jtiOf('budgeted')
  clock += 750
  assert.equal(await jtiOf('budgeted'), first)
  clock += 1
  assert.notEqual(await jtiOf('budgeted'), first)
})

test('a whole life as share means: only within the second it was made', async () => {
  const first = await jtiOf('eager')
  assert.equal(await jtiOf('eager'), first)
  clock += 1
  assert.notEqual(await jtiOf('eager'), first)
})

test('an exhausted budget still serves the token that lives, and refuses what would be a new one', async () => {
  const first = await jtiOf('budgeted')
  await jtiOf('budgeted', { scope: 'read' })
  assertRefused(await ask('budgeted', { scope: 'write' }), 429, 'slow_down')
  assert.equal(await jtiOf('budgeted'), first)
  clock += 751
  assertRefused(await ask('budgeted'), 429, 'slow_down')
})

test('the order of scopes means nothing, and the answer echoes the one that was asked', async () => {
  const one = await ask('plain', { scope: 'read write' })
  const other = await ask('plain', { scope: 'write read' })
  assert.equal(decodeJwt(String(other.json['access_token'])).jti, decodeJwt(String(one.json['access_token'])).jti)
  assert.deepEqual([one.json['scope'], other.json['scope']], ['read write', 'write read'])
})

test('another scope, audience, client, secret, dialect or realm is another token', async () => {
  const jtis = [
    await jtiOf('plain'),
    await jtiOf('plain', { scope: 'read' }),
    await jtiOf('plain', { scope: 'read write' }),
    await jtiOf('plain', { audience: 'files' }),
    await jtiOf('plain', { secret: OTHER_SECRET }),
    await jtiOf('plain', { path: '/oauth/token' }),
    await jtiOf('plain', { realm: 'rs' }),
    await jtiOf('budgeted'),
  ]
  assert.equal(new Set(jtis).size, jtis.length)
})

test('whoever asks for fresh tokens, and every opaque token, gets a new one each time', async () => {
  assert.notEqual(await jtiOf('fresh'), await jtiOf('fresh'))
  assert.notEqual(await tokenOf('opaque'), await tokenOf('opaque'))
})

test('a revoked token is not served again', async () => {
  const first = await tokenOf('budgeted')
  const revoked = await postForm(`${server.origin}/realms/es/oauth2/revoke`, { token: first }, basic('budgeted', SECRET))
  assert.equal(revoked.status, 200)
  assert.notEqual(await jtiOf('budgeted'), decodeJwt(first).jti)
})

test('a hundred replicas that start at once cost one token', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('budgeted')))
  assert.deepEqual([...new Set(answers.map((one) => one.status))], [200])
  assert.equal(new Set(answers.map((one) => decodeJwt(String(one.json['access_token'])).jti)).size, 1)
  const last = answers.at(-1)
  assert.equal(readRateLimits(last?.headers.get('ratelimit-policy') ?? '', last?.headers.get('ratelimit') ?? '')[0]?.remaining, 1)
})

test('1200 requests over 64 sockets cost one token', async () => {
  const jtis = new Set<unknown>()
  let left = 1200
  const lane = async (): Promise<void> => {
    while (left-- > 0) jtis.add(await jtiOf('budgeted'))
  }
  await Promise.all(Array.from({ length: 64 }, lane))
  assert.equal(jtis.size, 1)
})
