// The last step: what a plan says to whom the guard lets in, who is asked about, and who is told of whom it does not let in.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { makeCredential } from '@countersign/protocol/oauth/credential'
import type { Denial } from '../src/options.ts'
import type { AdmissionAnswer, AdmissionRequest, Admissions } from '../src/ports.ts'
import { atOnce, bearer, denied, get, guardWith, mint } from './realm.ts'

const FIELDS = { 'ratelimit-policy': '"requests-1s";q=10;w=1', ratelimit: '"requests-1s";r=9;t=1' }
const done = (): void => undefined
const admitted: AdmissionAnswer = { admitted: true, headers: FIELDS, done }

function recording(
  answer: () => AdmissionAnswer | Promise<AdmissionAnswer> = () => admitted,
): Admissions & { readonly asked: AdmissionRequest[] } {
  const asked: AdmissionRequest[] = []
  return {
    asked,
    admit(request) {
      asked.push(request)
      return answer()
    },
  }
}

const policy = {
  routes: [
    { path: '/health', scopes: [], anonymous: true },
    { path: '/orders/:id', methods: ['GET', 'PUT'], scopes: ['orders:read'], cost: 3 },
    { path: '/secrets', scopes: ['secrets:read'] },
  ],
} as const

test('whom the plan admits passes with its headers and its end, and the plan is told who asks for what at which price', () => {
  const admissions = recording()
  const apiKeys = { find: () => ({ id: 'key-1', clientId: 'client-1', expiresAt: null }) }
  const guard = guardWith({ admissions, policy, apiKey: 'optional', apiKeys })
  const token = mint()
  const verdict = atOnce(guard.check(get(bearer(token), '/orders/7')))
  assert.ok(verdict.allow)
  assert.deepEqual([verdict.headers, verdict.done], [FIELDS, done])
  atOnce(guard.check({ ...get({ ...bearer(token), 'x-api-key': 'k' }, '/orders/7/'), method: 'HEAD' }))
  atOnce(guard.check(get(bearer(token), '/elsewhere')))
  assert.deepEqual(
    admissions.asked.map(({ principal, route, cost }) => [principal.clientId, principal.apiKeyId, route, cost]),
    [
      ['client-1', undefined, 'GET /orders/:id', 3],
      ['client-1', 'key-1', 'GET /orders/:id', 3],
      ['client-1', undefined, 'otherwise', 1],
    ],
  )
})

test('without a plan a verdict is what it was: shared, frozen, with no end to tell of', () => {
  const guard = guardWith()
  const token = mint()
  const [first, second] = [atOnce(guard.check(get(bearer(token)))), atOnce(guard.check(get(bearer(token))))]
  assert.equal(first, second)
  assert.ok(first.allow && Object.isFrozen(first) && first.done === undefined)
})

test('two requests with one token have an end each', () => {
  const guard = guardWith({ admissions: recording(() => ({ admitted: true, headers: FIELDS, done: () => undefined })) })
  const token = mint()
  const ends = [1, 2].map(() => {
    const verdict = atOnce(guard.check(get(bearer(token))))
    return verdict.allow ? verdict.done : undefined
  })
  assert.ok(ends[0] !== undefined && ends[0] !== ends[1])
})

test('the plan is asked last: nobody pays for a request that is denied, nor without being known', () => {
  const admissions = recording()
  const apiKeys = { find: (hash: string) => ({ id: hash, clientId: 'client-2', expiresAt: null }) }
  const guard = guardWith({ admissions, policy, apiKey: 'optional', apiKeys })
  const codes = [
    get({}, '/orders/7'),
    get(bearer('a.b.c'), '/health'),
    get(bearer(mint()), '/secrets'),
    get(bearer(mint()), '/a/../orders/7'),
    { ...get(bearer(mint()), '/orders/7'), method: 'DELETE' },
    get({ ...bearer(mint()), 'x-api-key': 'k' }, '/orders/7'),
  ].map((request) => denied(atOnce(guard.check(request))).code)
  assert.deepEqual(codes, [
    'missing_token',
    'invalid_token',
    'insufficient_scope',
    'ambiguous_path',
    'method_not_allowed',
    'client_mismatch',
  ])
  const anonymous = atOnce(guard.check(get({}, '/health')))
  assert.ok(anonymous.allow && anonymous.principal.anonymous && anonymous.done === undefined)
  assert.deepEqual(admissions.asked, [])
  assert.equal(atOnce(guard.check(get(bearer(mint()), '/health'))).allow, true)
  assert.equal(admissions.asked.length, 1, 'whoever shows a token on an open route is known, and counted')
})

test('a plan that answers late is waited for', async () => {
  const verdict = await guardWith({ admissions: recording(() => Promise.resolve(admitted)) }).check(get(bearer(mint())))
  assert.ok(verdict.allow && verdict.done === done)
})

test('a refusal that no waiting helps says no time to wait', () => {
  const never = {
    admitted: false,
    code: 'rate_exceeded',
    detail: 'Too dear.',
    headers: FIELDS,
    retryAfter: Number.POSITIVE_INFINITY,
  } as const
  const deny = denied(atOnce(guardWith({ admissions: recording(() => never) }).check(get(bearer(mint())))))
  assert.deepEqual([deny.headers['retry-after'], deny.headers['ratelimit']], [undefined, FIELDS.ratelimit])
  const soon = denied(atOnce(guardWith({ admissions: recording(() => ({ ...never, retryAfter: 0.2 })) }).check(get(bearer(mint())))))
  assert.equal(soon.headers['retry-after'], '1')
})

test('a plan that cannot be asked is 503 cannot_charge, which is not cannot_verify', async () => {
  const failure = new Error('the ledger is away')
  const raise = (): never => {
    throw failure
  }
  for (const answer of [raise, () => Promise.reject(failure)]) {
    const told: unknown[] = []
    const deny = denied(
      await guardWith({ admissions: recording(answer), onMalfunction: (error) => told.push(error) }).check(get(bearer(mint()))),
    )
    assert.deepEqual([deny.status, deny.code, deny.headers['retry-after'], told], [503, 'cannot_charge', '5', [failure]])
  }
})

test('a plan that answers nonsense is a malfunction, whether it answers at once or late', async () => {
  const nonsense: AdmissionAnswer = JSON.parse('null')
  for (const answer of [() => nonsense, () => Promise.resolve(nonsense)]) {
    const verdict = await guardWith({ admissions: recording(answer) }).check(get(bearer(mint())))
    assert.equal(denied(verdict).code, 'cannot_charge')
  }
})

test('of what a plan refuses whoever audits is told once, however many were waited for', async () => {
  const refused: AdmissionAnswer = { admitted: false, code: 'rate_exceeded', detail: 'Slowly.', headers: {}, retryAfter: 1 }
  const record = { id: 'key-1', clientId: 'client-1', expiresAt: null }
  for (const found of [record, Promise.resolve(record)]) {
    for (const answer of [() => refused, () => Promise.resolve(refused), () => Promise.reject(new Error('away'))]) {
      const told: Denial[] = []
      const apiKeys = { find: () => found }
      const options = { admissions: recording(answer), apiKey: 'required', apiKeys } as const
      const guard = guardWith({ ...options, onDenied: (denial: Denial) => void told.push(denial) })
      const { code } = denied(await guard.check(get({ ...bearer(mint()), 'x-api-key': 'k' })))
      assert.deepEqual(
        told.map((one) => [one.code, one.clientId, one.apiKeyId]),
        [[code, 'client-1', 'key-1']],
      )
    }
  }
})

test('one of our own keys that is mistyped never reaches the port, and one that was seen before is asked about each time', () => {
  const asked: string[] = []
  const key = makeCredential('key', randomBytes(32))
  let live = true
  const apiKeys = {
    find(hash: string) {
      asked.push(hash)
      return live ? { id: 'key-1', clientId: 'client-1', expiresAt: null } : undefined
    },
  }
  const guard = guardWith({ apiKey: 'required', apiKeys })
  const check = (one: string) => atOnce(guard.check(get({ ...bearer(mint()), 'x-api-key': one })))
  for (const [at, typo] of [
    [10, key[10] === 'a' ? 'b' : 'a'],
    [key.length - 1, ''],
    [20, ''],
  ] as const) {
    const deny = denied(check(key.slice(0, at) + typo + key.slice(at + 1)))
    assert.deepEqual([deny.code, deny.status, deny.reason], ['invalid_api_key', 401, 'key_damaged'])
  }
  assert.deepEqual(asked, [])
  assert.equal(check(key).allow, true)
  assert.equal(check(key).allow, true)
  live = false
  assert.equal(denied(check(key)).reason, 'key_unknown')
  assert.equal(asked.length, 3)
  assert.equal(new Set(asked).size, 1)
})

test('whoever audits is told of every denial, once, with what is known of the caller and no credential', async () => {
  const told: Denial[] = []
  const records = new Map([
    ['key-1', 'client-1'],
    ['key-2', 'client-2'],
  ])
  const hashes = new Map<string, string>()
  const apiKeys = {
    find(hash: string) {
      const id = hashes.get(hash) ?? (hashes.size === 0 ? 'key-1' : 'key-2')
      hashes.set(hash, id)
      return Promise.resolve({ id, clientId: records.get(id) ?? '', expiresAt: null, addresses: ['203.0.113.7'] })
    },
  }
  const options = { apiKey: 'optional', apiKeys, policy, onDenied: (denial: Denial) => void told.push(denial) } as const
  const guard = guardWith(options)
  const check = (headers: Record<string, string>, path = '/orders/7', address = '203.0.113.7') =>
    guard.check({ ...get(headers, path), address })
  await check({ ...bearer(mint()), 'x-api-key': 'Zmlyc3Q' })
  assert.deepEqual(told, [])
  await check({ ...bearer(mint()), 'x-api-key': 'c2Vjb25k' })
  await check({ ...bearer(mint()), 'x-api-key': 'Zmlyc3Q' }, '/orders/7', '203.0.113.8')
  await check(bearer(mint()), '/secrets')
  await check({})
  assert.deepEqual(
    told.map(({ code, clientId, apiKeyId, address }) => [code, clientId, apiKeyId, address]),
    [
      ['client_mismatch', 'client-1', 'key-2', '203.0.113.7'],
      ['address_not_allowed', 'client-1', 'key-1', '203.0.113.8'],
      ['insufficient_scope', 'client-1', undefined, '203.0.113.7'],
      ['missing_token', undefined, undefined, '203.0.113.7'],
    ],
  )
  assert.doesNotMatch(JSON.stringify(told), /Zmlyc3Q|c2Vjb25k|eyJ/)
  const silent = guardWith({
    ...options,
    onDenied: () => {
      throw new Error('disk full')
    },
  })
  assert.equal(denied(await silent.check(get())).code, 'missing_token')
})
