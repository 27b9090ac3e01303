// The last step of the pipeline alone, with a guard that says what it is told to: limits, malfunctions, strangers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Guard, GuardRequest } from '@countersign/guard'
import type { Outcome } from '@countersign/guard/ports'
import type { Allow, Deny, Verdict } from '@countersign/guard/verdict'
import type { Assertions } from '../../src/gateway/assertion.ts'
import { createForwardAuth } from '../../src/gateway/forward_auth.ts'
import type { Api } from '../../src/model/api.ts'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import { startUpstream } from '../harness/upstream.ts'

const API: Api = {
  id: 'orders',
  realmId: 'shop',
  hosts: [],
  prefix: '/apis/orders',
  upstream: 'http://127.0.0.1:9',
  audience: 'https://api.example.com',
  apiKey: 'off',
  routes: [],
  otherwise: 'authenticated',
  credentials: 'pass',
  assertion: false,
  maxBodyBytes: null,
  timeout: 60,
  retries: 0,
  healthPath: null,
  forwardAuth: { secretHash: null },
}

const PRINCIPAL: Allow['principal'] = {
  realm: 'shop',
  clientId: 'one',
  subject: 'jürgen',
  scope: ['read'],
  audience: [],
  claims: {},
  apiKeyId: undefined,
  tokenId: undefined,
  anonymous: false,
}

const LIMITED: Deny = {
  allow: false,
  status: 429,
  code: 'rate_exceeded',
  title: 'Rate exceeded',
  detail: 'Zu häufig: 名',
  headers: { 'content-type': 'application/problem+json', 'retry-after': '7', ratelimit: '"second";r=0;t=7' },
  reason: 'rate_exceeded',
}

interface Told {
  readonly answers: readonly RawAnswer[]
  readonly codes: readonly string[]
  readonly requests: readonly GuardRequest[]
}

/** Asks once for each profile and is told the verdict. */
async function told(
  verdict: Verdict | Promise<Verdict>,
  profiles: readonly string[],
  { isProxy = true, assertion }: { isProxy?: boolean; assertion?: Assertions } = {},
): Promise<Told> {
  const codes: string[] = []
  const requests: GuardRequest[] = []
  const guard: Guard = {
    check(request: GuardRequest) {
      requests.push(request)
      return verdict
    },
    credentialHeaders: [],
    now: () => 0,
    forget: () => undefined,
  }
  const forwardAuth = createForwardAuth({
    apis: [{ api: API, guard, assertion }],
    isProxy: () => isProxy,
    onVerdict: (_api, code) => codes.push(code),
    onMalfunction: (_api, error) => codes.push(String(error)),
  })
  const server = await startUpstream((request, response) => {
    if (!forwardAuth.take(request, response)) response.writeHead(404).end()
  })
  try {
    const headers = { 'x-original-method': 'GET', 'x-original-uri': '/a', 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/a' }
    const ask = (profile: string): Promise<RawAnswer> => sendAs(`${server.origin}/realms/shop/forward-auth/orders/${profile}`, { headers })
    return { answers: await Promise.all(profiles.map(ask)), codes, requests }
  } finally {
    await server.close()
  }
}

test('an admitted request is counted as one whose end is never seen, at once and once', async () => {
  const outcomes: Outcome[] = []
  const verdict: Allow = {
    allow: true,
    principal: PRINCIPAL,
    headers: { ratelimit: '"second";r=4;t=1' },
    done: (outcome) => outcomes.push(outcome),
  }
  const { answers, codes } = await told(verdict, ['caddy'])
  assert.deepEqual([answers[0]?.status, answers[0]?.headers['ratelimit'], codes], [200, '"second";r=4;t=1', ['allowed']])
  assert.equal(answers[0]?.headers['x-countersign-subject'], 'j%C3%BCrgen')
  assert.deepEqual(outcomes, [{ status: 0, bytesIn: 0, bytesOut: 0, milliseconds: 0 }])
})

test('a refusal for too many requests is 429, for nginx a 403 that says so in visible ASCII', async () => {
  const { answers, codes } = await told(Promise.resolve(LIMITED), ['haproxy', 'nginx'])
  const [plain, veiled] = answers
  assert.deepEqual([plain?.status, plain?.json['code'], plain?.json['detail']], [429, 'rate_exceeded', LIMITED.detail])
  assert.deepEqual([plain?.headers['retry-after'], plain?.headers['ratelimit']], ['7', '"second";r=0;t=7'])
  assert.deepEqual([veiled?.status, veiled?.headers['x-guard-status'], veiled?.headers['retry-after']], [403, '429', '7'])
  const problem = String(veiled?.headers['x-guard-problem'])
  assert.match(problem, /^[\x20-\x7e]+$/)
  assert.deepEqual(JSON.parse(problem), plain?.json)
  assert.deepEqual(codes, ['rate_exceeded', 'rate_exceeded'])
})

test('a caller that cannot be vouched for does not pass, and is counted once', async () => {
  const outcomes: Outcome[] = []
  const verdict: Allow = { allow: true, principal: PRINCIPAL, headers: {}, done: (outcome) => outcomes.push(outcome) }
  const { answers, codes } = await told(verdict, ['caddy'], { assertion: () => Promise.reject(new Error('no key')) })
  assert.deepEqual([answers[0]?.status, answers[0]?.json['code'], answers[0]?.headers['retry-after']], [503, 'cannot_name_caller', '5'])
  assert.deepEqual([codes, outcomes.length], [['Error: no key', 'cannot_name_caller'], 1])
})

test('a stranger is not answered, and the guard is not asked', async () => {
  const { answers, requests } = await told(LIMITED, ['nginx', 'haproxy', 'caddy', 'traefik', 'envoy'], { isProxy: false })
  assert.deepEqual(
    answers.map(({ status }) => status),
    [404, 404, 404, 404, 404],
  )
  assert.deepEqual(requests, [])
})
