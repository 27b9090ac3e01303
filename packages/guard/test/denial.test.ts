// Every way to be denied, once, to the byte: status, headers, body. RFC 6750 section 3, RFC 9457.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { GuardOptions } from '../src/guard.ts'
import type { ApiKeyRecord } from '../src/ports.ts'
import type { GuardErrorCode } from '../src/verdict.ts'
import { GUARD_ERRORS, problemBody } from '../src/verdict.ts'
import { atOnce, bearer, denied, get, guardWith, mint, NOW } from './realm.ts'

const KEY: ApiKeyRecord = { id: 'key-1', clientId: 'client-1', expiresAt: null }
const withKeys = (record: ApiKeyRecord | undefined): Partial<GuardOptions> => ({ apiKey: 'required', apiKeys: { find: () => record } })
const policy: GuardOptions['policy'] = {
  routes: [{ path: '/orders', methods: ['GET'], scopes: ['orders:read', 'orders:write'] }],
  otherwise: 'deny',
}

interface Case {
  readonly options?: Partial<GuardOptions>
  readonly headers?: Record<string, string>
  readonly method?: string
  readonly path?: string
  readonly status: number
  readonly challenge?: string
  readonly detail: string
  readonly more?: Record<string, string>
}

/** By a plan: with the plan's own sentence and fields, and never a challenge. */
function refusedBy(code: 'rate_exceeded' | 'volume_exceeded' | 'concurrency_exceeded'): Case {
  const detail = 'No more today; there are new ones from midnight.'
  const limits = { 'ratelimit-policy': '"requests-day";q=10;w=86400', ratelimit: '"requests-day";r=0;t=42' }
  return {
    options: { admissions: { admit: () => ({ admitted: false, code, detail, headers: limits, retryAfter: 42 }) } },
    headers: bearer(mint()),
    status: 429,
    detail,
    more: { ...limits, 'retry-after': '42' },
  }
}

const CASES: Readonly<Record<GuardErrorCode, Case>> = {
  missing_token: { status: 401, challenge: 'Bearer realm="partner"', detail: 'This API wants an access token.' },
  invalid_token: {
    headers: bearer('a.b.c'),
    status: 401,
    challenge: 'Bearer realm="partner", error="invalid_token", error_description="The token header is not canonical base64url."',
    detail: 'The token header is not canonical base64url.',
  },
  token_expired: {
    headers: bearer(mint({ exp: NOW })),
    status: 401,
    challenge: 'Bearer realm="partner", error="invalid_token", error_description="The access token has expired."',
    detail: 'The access token has expired.',
  },
  invalid_dpop_proof: {
    options: { baseUrls: ['https://api.example'] },
    headers: { authorization: `DPoP ${mint({ cnf: { jkt: 'A'.repeat(43) } })}` },
    status: 401,
    challenge:
      'DPoP realm="partner", error="invalid_dpop_proof", error_description="The scheme DPoP wants a proof in the header DPoP.", ' +
      'algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519"',
    detail: 'The scheme DPoP wants a proof in the header DPoP.',
  },
  insufficient_scope: {
    options: { policy },
    headers: bearer(mint()),
    status: 403,
    challenge:
      'Bearer realm="partner", error="insufficient_scope", ' +
      'error_description="The access token does not have the scope this request needs.", scope="orders:read orders:write"',
    detail: 'The access token does not have the scope this request needs.',
  },
  invalid_request: {
    headers: { authorization: 'Bearer' },
    status: 400,
    challenge: 'Bearer realm="partner", error="invalid_request", error_description="The access token is not in the form its header wants."',
    detail: 'The access token is not in the form its header wants.',
  },
  missing_api_key: {
    options: withKeys(KEY),
    headers: bearer(mint()),
    status: 401,
    challenge: 'ApiKey realm="partner", header="x-api-key"',
    detail: 'This API wants an API key beside the access token.',
  },
  invalid_api_key: {
    options: withKeys(undefined),
    headers: { ...bearer(mint()), 'x-api-key': 'guess' },
    status: 401,
    challenge: 'ApiKey realm="partner", header="x-api-key"',
    detail: 'The API key is not valid here.',
  },
  client_mismatch: {
    options: withKeys({ ...KEY, clientId: 'client-2' }),
    headers: { ...bearer(mint()), 'x-api-key': 'key-of-client-2' },
    status: 403,
    detail: 'The API key and the access token belong to different clients.',
  },
  address_not_allowed: {
    options: withKeys({ ...KEY, addresses: ['203.0.113.0/24'] }),
    headers: { ...bearer(mint()), 'x-api-key': 'key-1' },
    status: 403,
    detail: 'The API key may not be used from this address.',
  },
  ambiguous_path: {
    headers: bearer(mint()),
    path: '/a/%2e%2e/orders',
    status: 400,
    detail: 'The path has a percent-escape that hides a slash, a backslash, a dot or a control character.',
  },
  no_route: { options: { policy }, headers: bearer(mint()), path: '/other', status: 404, detail: 'There is nothing at this path.' },
  method_not_allowed: {
    options: { policy },
    headers: bearer(mint()),
    method: 'DELETE',
    status: 405,
    detail: 'This path does not answer to this method.',
    more: { allow: 'GET, HEAD' },
  },
  cannot_verify: {
    options: {
      keys: {
        find: () => {
          throw new Error('no connection')
        },
      },
    },
    headers: bearer(mint()),
    status: 503,
    detail: 'The credentials cannot be verified at the moment; try again soon.',
    more: { 'retry-after': '5' },
  },
  rate_exceeded: refusedBy('rate_exceeded'),
  volume_exceeded: refusedBy('volume_exceeded'),
  concurrency_exceeded: refusedBy('concurrency_exceeded'),
  cannot_charge: {
    options: { admissions: { admit: () => Promise.reject(new Error('the ledger is away')) } },
    headers: bearer(mint()),
    status: 503,
    detail: 'The request cannot be charged to the plan at the moment; try again soon.',
    more: { 'retry-after': '5' },
  },
}

for (const [code, one] of Object.entries(CASES)) {
  test(`${code} has its status, its headers and its body`, async () => {
    const { options, headers = {}, method = 'GET', path = '/orders', status, challenge, detail, more } = one
    const deny = denied(await guardWith(options).check({ method, path, headers }))
    assert.equal(deny.code, code)
    assert.equal(deny.status, status)
    assert.deepEqual(deny.headers, {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...more,
      ...(challenge !== undefined && { 'www-authenticate': challenge }),
    })
    const title = GUARD_ERRORS[deny.code].title
    assert.deepEqual(JSON.parse(problemBody(deny)), { type: `urn:countersign:error:${code}`, title, status, detail, code })
  })
}

test('every code of the table is denied with above', () => assert.deepEqual(Object.keys(CASES).sort(), Object.keys(GUARD_ERRORS).sort()))

test('with API keys required, nothing, and the key alone, get the challenge without an error code', () => {
  const guard = guardWith(withKeys(KEY))
  for (const headers of [{}, { 'x-api-key': 'right' }]) {
    const deny = denied(atOnce(guard.check(get(headers))))
    assert.deepEqual([deny.code, deny.headers['www-authenticate']], ['missing_token', 'Bearer realm="partner"'])
  }
})

test('the metadata of the resource are named in every Bearer challenge', () => {
  const guard = guardWith({ resourceMetadata: 'https://api.example/.well-known/oauth-protected-resource' })
  const end = 'resource_metadata="https://api.example/.well-known/oauth-protected-resource"'
  assert.equal(denied(atOnce(guard.check(get()))).headers['www-authenticate'], `Bearer realm="partner", ${end}`)
  assert.ok(denied(atOnce(guard.check(get(bearer('a.b.c'))))).headers['www-authenticate']?.endsWith(`, ${end}`))
})

test('who holds no valid token learns nothing of API keys', () => {
  const asked: string[] = []
  const apiKeys = {
    find(hash: string) {
      asked.push(hash)
      return undefined
    },
  }
  const guard = guardWith({ apiKey: 'required', apiKeys })
  for (const token of [mint({ exp: NOW }), mint({ aud: 'https://other.example' }), 'opaque']) {
    const deny = denied(atOnce(guard.check(get({ ...bearer(token), 'x-api-key': 'guess' }))))
    assert.match(deny.code, /token/)
  }
  assert.deepEqual(asked, [])
})

test('no denial repeats a credential', () => {
  const secret = 'Zm9yYmlkZGVu'
  const guards = [guardWith(), guardWith(withKeys(undefined))]
  const presented = [bearer(secret), bearer(`${secret}.${secret}.${secret}`), { authorization: `Bearer ${secret} ${secret}` }]
  for (const guard of guards) {
    for (const headers of presented) {
      const deny = denied(atOnce(guard.check(get({ ...headers, 'x-api-key': secret }))))
      assert.doesNotMatch(JSON.stringify(deny) + problemBody(deny), new RegExp(secret))
    }
  }
})

test('a port that fails makes the guard say 503 and tells the operator why', async () => {
  const failure = new Error('the store is away')
  const reject = () => Promise.reject(failure)
  const raise = (): never => {
    throw failure
  }
  const key = { ...bearer(mint()), 'x-api-key': 'key' }
  const failing: [Partial<GuardOptions>, Record<string, string>][] = [
    [{ introspection: { introspect: reject } }, bearer('opaque')],
    [{ introspection: { introspect: raise } }, bearer('opaque')],
    [{ keys: { find: reject } }, bearer(mint())],
    [{ revocations: { isRevoked: raise } }, bearer(mint())],
    [{ apiKey: 'optional', apiKeys: { find: reject } }, key],
    [{ apiKey: 'optional', apiKeys: { find: raise } }, key],
    [{ now: raise }, bearer(mint())],
  ]
  for (const [options, headers] of failing) {
    const told: unknown[] = []
    const deny = denied(await guardWith({ ...options, onMalfunction: (error) => told.push(error) }).check(get(headers)))
    assert.deepEqual([deny.code, deny.status, deny.headers['retry-after']], ['cannot_verify', 503, '5'])
    assert.deepEqual(told, [failure])
  }
})

test('a log that fails does not change the verdict', () => {
  const raise = (): never => {
    throw new Error('disk full')
  }
  const guard = guardWith({ retryAfter: 30, revocations: { isRevoked: raise }, onMalfunction: raise })
  const deny = denied(atOnce(guard.check(get(bearer(mint())))))
  assert.deepEqual([deny.code, deny.headers['retry-after']], ['cannot_verify', '30'])
})
