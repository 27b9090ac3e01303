// What becomes of plans for requests, API keys and the gateway's settings: defaults, and what is written out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeApiKey, makeCredential } from '@countersign/protocol/oauth/credential'
import { loadConfiguration } from '../../src/config/config.ts'
import type { Api } from '../../src/model/api.ts'
import type { ApiKey } from '../../src/model/api_key.ts'
import type { RequestPlan } from '../../src/model/plan.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { SECRET } from './mistake.ts'

const load = (input: object, env: Record<string, string> = {}) => loadConfiguration({ input, env })
const requestsOf = async (requests: object): Promise<RequestPlan | null | undefined> =>
  (await load({ realms: [{ id: 'shop', plan: { requests }, clients: [] }] })).configuration.realms[0]?.realm.plan?.requests

const loadApi = (changes: object, realm: object = {}, env: Record<string, string> = {}) =>
  load(
    {
      realms: [{ id: 'shop', audiences: ['orders'], scopes: ['read'], clients: [], ...realm }],
      apis: [{ id: 'orders', realm: 'shop', upstream: 'http://127.0.0.1:9000', ...changes }],
    },
    env,
  )
const apiOf = async (changes: object, env: Record<string, string> = {}): Promise<Partial<Api>> =>
  (await loadApi(changes, {}, env)).configuration.apis[0] ?? {}
const keysOf = async (apiKeys: readonly object[], env: Record<string, string> = {}): Promise<readonly ApiKey[]> =>
  (await load({ realms: [{ id: 'shop', clients: [{ clientId: 'desk', secret: SECRET, apiKeys }] }] }, env)).configuration.realms[0]
    ?.apiKeys ?? []

test('a plan for requests without a word refuses nothing, and is closed when it cannot count', async () => {
  assert.deepEqual(await requestsOf({}), { rates: [], volumes: [], concurrency: null, mode: 'enforce', withoutLedger: 'deny' })
})

test('rates, volumes and concurrency stand side by side, each with its own window', async () => {
  const rates = [{ limit: 10, per: '1s', burst: 20 }, { limit: 300 }]
  const perMonth = { limit: 5000, timeZone: 'Europe/Lisbon', warnAt: [90, 50] }
  assert.deepEqual(await requestsOf({ rates, perDay: 1000, perMonth, concurrency: 4, withoutLedger: 'allow' }), {
    rates: [
      { limit: 10, seconds: 1, burst: 20 },
      { limit: 300, seconds: 60, burst: 300 },
    ],
    volumes: [
      { limit: 1000, window: { unit: 'day', timeZone: 'UTC' }, mode: 'enforce', warnAt: [50, 80, 95] },
      { limit: 5000, window: { unit: 'month', timeZone: 'Europe/Lisbon' }, mode: 'enforce', warnAt: [50, 90] },
    ],
    concurrency: 4,
    mode: 'enforce',
    withoutLedger: 'allow',
  })
})

test('a volume is as strict as the plan it stands in, unless it says so itself', async () => {
  const modes = async (requests: object) => (await requestsOf(requests))?.volumes.map(({ mode }) => mode)
  assert.deepEqual(await modes({ mode: 'warn', perDay: 5, perMonth: { limit: 9, mode: 'enforce' } }), ['warn', 'enforce'])
  assert.deepEqual(await modes({ perDay: { limit: 5, mode: 'warn' }, perMonth: 9 }), ['warn', 'enforce'])
})

test('a guarded API that says least has these settings', async () => {
  const { assertion, maxBodyBytes, timeout, retries, healthPath, forwardAuth, routes } = await apiOf({ routes: [{ path: '/a' }] })
  assert.deepEqual(
    { assertion, maxBodyBytes, timeout, retries, healthPath, forwardAuth, routes },
    {
      assertion: false,
      maxBodyBytes: null,
      timeout: 60,
      retries: 1,
      healthPath: null,
      forwardAuth: null,
      routes: [{ methods: [], path: '/a', scopes: [], cost: 1 }],
    },
  )
})

test('what an API says of itself is taken, sizes in their units', async () => {
  const api = await apiOf({ assertion: true, timeout: '5m', retries: 0, healthPath: '/health?deep=1', routes: [{ path: '/a', cost: 0 }] })
  assert.deepEqual([api.assertion, api.timeout, api.retries, api.healthPath, api.routes?.[0]?.cost], [true, 300, 0, '/health?deep=1', 0])
  for (const [maxBodyBytes, bytes] of [
    [4096, 4096],
    ['4096b', 4096],
    ['512kb', 524_288],
    ['10MB', 10_485_760],
    ['1gb', 1_073_741_824],
    ['1tb', 1_099_511_627_776],
  ] as const) {
    assert.equal((await apiOf({ maxBodyBytes })).maxBodyBytes, bytes)
  }
})

test('forward-auth is off, on for known addresses, or on for who shows the secret, which is kept as a hash', async () => {
  for (const [forwardAuth, expected] of [
    [false, null],
    [true, { secretHash: null }],
    [{}, { secretHash: null }],
    [{ secret: SECRET }, { secretHash: SECRET.hash }],
    [{ secret: { env: 'PROXY' } }, { secretHash: secretHash('what the proxy of this test shows') }],
  ] as const) {
    assert.deepEqual((await apiOf({ forwardAuth }, { PROXY: 'what the proxy of this test shows' })).forwardAuth, expected)
  }
})

test('a route that costs more than a rate gives at once is told, for the realm and for each client', async () => {
  const tight = { requests: { rates: [{ limit: 100, burst: 5 }] } }
  const routes = [
    { path: '/a', cost: 5 },
    { path: '/b', cost: 6 },
  ]
  const warned = async (realm: object) => (await loadApi({ routes }, realm)).warnings
  assert.deepEqual(await warned({ plan: tight }), [
    'apis[0].routes[1].cost is 6, and a rate of the realm gives 5 at once: no request of it ever passes there, so raise that burst.',
  ])
  const [ofClient] = await warned({ clients: [{ clientId: 'desk', secret: SECRET, plan: tight }] })
  assert.match(ofClient ?? '', /^apis\[0\]\.routes\[1\]\.cost is 6, and a rate of the client 'desk' gives 5/)
  assert.deepEqual(await warned({ plan: { requests: { ...tight.requests, mode: 'warn' } } }), [])
})

test('a key is called as the operator says, as it is called in itself, or after its hash', async () => {
  const [mine, named, nameless] = [
    makeApiKey('abcdefghijkl', bytes(1)),
    makeApiKey('mnopqrstuvwx', bytes(2)),
    makeCredential('key', bytes(3)),
  ]
  const env = { MINE: mine, NAMED: named, NAMELESS: nameless }
  const keys = await keysOf([{ id: 'Mine_1', key: { env: 'MINE' } }, { key: { env: 'NAMED' } }, { key: { env: 'NAMELESS' } }], env)
  assert.deepEqual(keys.map(({ id }) => id).slice(0, 2), ['Mine_1', 'mnopqrstuvwx'])
  assert.match(keys[2]?.id ?? '', /^key_[A-Za-z0-9_-]{12}$/)
  assert.deepEqual(
    keys.map(({ hash }) => hash),
    [mine, named, nameless].map(secretHash),
  )
})

test('a key comes from anywhere, or from the addresses that are named, each once', async () => {
  const key = { key: { hash: secretHash('a key of this test, and long enough') } }
  const places = ['203.0.113.7', '203.0.113.0/24', '2001:db8::/32', '203.0.113.7']
  assert.deepEqual(
    [await keysOf([key]), await keysOf([{ ...key, addresses: places }])].map(([one]) => [one?.addresses, one?.origin]),
    [
      [[], 'configuration'],
      [places.slice(0, 3), 'configuration'],
    ],
  )
})

function bytes(filler: number): Uint8Array {
  return new Uint8Array(32).fill(filler)
}
