// Tokens that must not pass, and the memory of those that do: never beyond `exp`, a revocation, or its bounds.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import test from 'node:test'
import { toPem } from '@countersign/protocol/jose/jwk'
import fc from 'fast-check'
import type { GuardOptions } from '../src/guard.ts'
import {
  AUDIENCE,
  allOf,
  atOnce,
  bearer,
  claims,
  denied,
  forge,
  get,
  guardWith,
  ISSUER,
  keycloak,
  keys,
  mint,
  mintForeign,
  NOW,
  ownKid,
  ownPublic,
  signOver,
  standard,
} from './realm.ts'

const hmacToken = (): string => {
  const input = forge({ alg: 'HS256', typ: 'at+jwt', kid: ownKid }, claims()).split('.').slice(0, 2).join('.')
  return `${input}.${createHmac('sha256', toPem(ownPublic)).update(input).digest('base64url')}`
}

const good = mint()
const [head = '', body = '', signature = ''] = good.split('.')

const ATTACKS: Readonly<Record<string, string>> = {
  'of alg none': forge({ alg: 'none', typ: 'at+jwt' }, claims(), 'AA'),
  'of alg none without signature': forge({ alg: 'none', typ: 'at+jwt' }, claims(), ''),
  'of HS256 with the public key for secret': hmacToken(),
  'signed with a key it brings along': signOver({ alg: 'ES256', typ: 'at+jwt', kid: 'mine', jwk: ownPublic }, claims()),
  'signed with a key of another issuer': mintForeign(),
  'with its payload exchanged': `${head}.${forge({}, claims({ sub: 'admin' })).split('.')[1]}.${signature}`,
  'with an empty signature': `${head}.${body}.`,
  'with a signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
  'of another audience': mint({ aud: 'https://other.example' }),
  'of an audience that merely begins alike': mint({ aud: `${AUDIENCE}.evil.example` }),
  'of many audiences, none this': mint({ aud: ['https://a.example', 'https://b.example'] }),
  'without audience': mint({ aud: undefined }),
  'of another realm': mint({ iss: 'https://login.example/realms/other' }),
  'of an issuer with a slash more': mint({ iss: `${ISSUER}/` }),
  'without issuer': mint({ iss: undefined }),
  'without exp': mint({ exp: undefined }),
  'with exp as text': mint({ exp: String(NOW + 300) }),
  'not valid yet': mint({ nbf: NOW + 1 }),
  'issued in the future': mint({ iat: NOW + 60 }),
  'without subject': mint({ sub: undefined }),
  'with an empty subject': mint({ sub: '' }),
  'without client': mint({ client_id: undefined }),
  'naming two clients': mint({ azp: 'client-2' }),
  'bound to a DPoP key': mint({ cnf: { jkt: 'abc' } }),
  'bound to a certificate': mint({ cnf: { 'x5t#S256': 'abc' } }),
  'of typ JWT where the dialect says at+jwt': mint({ typ: 'Bearer' }, 'JWT'),
  'without typ': signOver({ alg: 'ES256', kid: ownKid }, claims()),
  'that is a logout token': mint({}, 'logout+jwt'),
  'that is a DPoP proof': mint({}, 'dpop+jwt'),
  'with a critical extension': signOver({ alg: 'ES256', typ: 'at+jwt', kid: ownKid, crit: ['x'], x: 1 }, claims()),
  'of five parts': `${good}.a.b`,
  'of two parts': `${head}.${body}`,
  opaque: 'ZTcwL2Q3N2IsODU4',
}

for (const [what, token] of Object.entries(ATTACKS)) {
  test(`a token ${what} does not pass`, () => {
    const deny = denied(atOnce(guardWith().check(get(bearer(token)))))
    assert.ok(deny.status === 401 && deny.code === 'invalid_token', deny.code)
  })
}

test('an ID token does not pass for an access token, whatever the family', () => {
  const guard = guardWith({ dialects: [keycloak, standard] })
  const idTokens = [
    mint({ typ: 'ID', nonce: 'n' }, 'JWT'),
    mint({ nonce: 'n' }, 'JWT'),
    mint({ typ: ['Bearer'] }, 'JWT'),
    mint({ typ: 'Refresh' }, 'JWT'),
  ]
  for (const token of idTokens) assert.equal(denied(atOnce(guard.check(get(bearer(token))))).code, 'invalid_token')
  assert.equal(atOnce(guard.check(get(bearer(mint({ typ: 'Bearer' }, 'JWT'))))).allow, true)
  assert.equal(atOnce(guard.check(get(bearer(mint({ typ: 'Bearer' }, 'application/JWT'))))).allow, true)
  assert.equal(atOnce(guard.check(get(bearer(mint())))).allow, true)
})

test('a good token gives its principal, which nobody can change', () => {
  const token = mint({ jti: 'j', sid: 'family', aud: [AUDIENCE, 'https://other.example'], realm_access: { roles: ['a'] } })
  const verdict = atOnce(guardWith().check(get(bearer(token))))
  assert.ok(verdict.allow)
  const { claims: read, ...rest } = verdict.principal
  assert.deepEqual(rest, {
    realm: 'partner',
    clientId: 'client-1',
    subject: 'client-1',
    scope: ['orders:read', 'profile'],
    audience: [AUDIENCE, 'https://other.example'],
    apiKeyId: undefined,
    tokenId: 'j',
    anonymous: false,
  })
  const access = read['realm_access']
  assert.ok(typeof access === 'object' && access !== null && 'roles' in access && Array.isArray(access.roles))
  const { roles } = access
  assert.throws(() => roles.push('admin'), TypeError)
  assert.throws(() => Object.assign(verdict.principal, { clientId: 'other' }), TypeError)
})

test('the client is azp where the family spells it so', () => {
  const verdict = atOnce(guardWith().check(get(bearer(mint({ client_id: undefined, azp: 'client-9' })))))
  assert.equal(verdict.allow && verdict.principal.clientId, 'client-9')
})

test('a token is refused at exactly exp, cached or not, and never a moment later accepted', () => {
  let now = NOW
  const token = mint({ exp: NOW + 10 })
  const guard = guardWith({ now: () => now })
  const code = (): string => {
    const verdict = atOnce(guard.check(get(bearer(token))))
    return verdict.allow ? 'allowed' : verdict.code
  }
  const seen = [NOW, NOW + 9.999, NOW + 10, NOW + 10.001, NOW + 1000].map((at) => {
    now = at
    return code()
  })
  assert.deepEqual(seen, ['allowed', 'allowed', 'token_expired', 'token_expired', 'token_expired'])
})

test('with a clock tolerance a token lives that much longer and no more', () => {
  let now = NOW
  const guard = guardWith({ now: () => now, clockTolerance: 5 })
  const token = mint({ exp: NOW + 10 })
  assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
  now = NOW + 14.9
  assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
  now = NOW + 15
  assert.equal(atOnce(guard.check(get(bearer(token)))).allow, false)
})

test('under any order of requests and any clock that runs on, no token passes at or beyond exp, nor revoked', () => {
  const lifetimes = [5, 10, 50, 500]
  const tokens = lifetimes.map((lifetime, index) => mint({ exp: NOW + lifetime, jti: `p${index}` }))
  const step = fc.record({ token: fc.nat(3), wait: fc.integer({ min: 0, max: 60 }), revoke: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.constantFrom(0, 2, 10), (steps, maxTokens) => {
      let now = NOW
      const revoked = new Set<string | undefined>()
      const guard = guardWith({ now: () => now, cache: { maxTokens }, revocations: { isRevoked: (jti) => revoked.has(jti) } })
      for (const { token, wait, revoke } of steps) {
        now += wait
        if (revoke) revoked.add(`p${token}`)
        const expected = now < NOW + (lifetimes[token] ?? 0) && !revoked.has(`p${token}`)
        assert.equal(atOnce(guard.check(get(bearer(tokens[token] ?? '')))).allow, expected)
      }
    }),
    { numRuns: 60 },
  )
})

test('a token revoked while it is remembered is refused at once, by its id and by its family', () => {
  const revoked = new Set<string | undefined>()
  const guard = guardWith({ revocations: { isRevoked: (jti, sid) => revoked.has(jti) || revoked.has(sid) } })
  const [one, two, three] = [mint({ jti: 'one', sid: 'a' }), mint({ jti: 'two', sid: 'b' }), mint({ jti: 'three', sid: 'b' })]
  const passed = (): boolean[] => [one, two, three].map((token) => atOnce(guard.check(get(bearer(token)))).allow)
  assert.deepEqual(passed(), [true, true, true])
  revoked.add('one')
  assert.deepEqual(passed(), [false, true, true])
  revoked.add('b')
  assert.deepEqual(passed(), [false, false, false])
  const deny = denied(atOnce(guard.check(get(bearer(one)))))
  assert.deepEqual([deny.code, deny.reason, deny.detail], ['invalid_token', 'revoked', 'The token has been revoked.'])
})

test('a token is verified once and then remembered, until its time in the cache ends or the guard forgets', () => {
  let now = NOW
  let asked = 0
  const counting: GuardOptions['keys'] = {
    find(kid, alg) {
      asked += 1
      return keys.find(kid, alg)
    },
  }
  const guard = guardWith({ keys: counting, now: () => now, cache: { seconds: 60 } })
  const token = mint()
  const check = (): number => {
    assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
    return asked
  }
  assert.deepEqual([check(), check(), check()], [1, 1, 1])
  now = NOW + 60
  assert.deepEqual([check(), check()], [2, 2])
  guard.forget()
  assert.deepEqual([check(), check()], [3, 3])
})

test('a token that was remembered does not let another pass that differs in one character', () => {
  const guard = guardWith()
  assert.equal(atOnce(guard.check(get(bearer(good)))).allow, true)
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.constantFrom(...'ABab01-_.=+/'.split('')), (at, character) => {
      fc.pre(good[at] !== character)
      const other = good.slice(0, at) + character + good.slice(at + 1)
      assert.equal(atOnce(guard.check(get(bearer(other)))).allow, false)
    }),
    { numRuns: 300 },
  )
})

test('a token that comes in many requests at once is verified once', async () => {
  let asked = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const guard = guardWith({
    keys: {
      async find(kid, alg) {
        asked += 1
        await promise
        return keys.find(kid, alg)
      },
    },
  })
  const token = mint()
  const verdicts = Array.from({ length: 20 }, () => guard.check(get(bearer(token))))
  resolve()
  assert.ok((await allOf(verdicts)).every((verdict) => verdict.allow))
  assert.equal(asked, 1)
  assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
})

test('a JWT that expires while its key is fetched is refused', async () => {
  let now = NOW
  const { promise, resolve } = Promise.withResolvers<void>()
  const guard = guardWith({ now: () => now, keys: { find: (kid, alg) => promise.then(() => keys.find(kid, alg)) } })
  const verdict = guard.check(get(bearer(mint({ exp: NOW + 10 }))))
  now = NOW + 10
  resolve()
  assert.equal(denied(await verdict).code, 'token_expired')
})

test('a token that expires or is revoked while its verification is under way is refused', async () => {
  for (const change of ['time', 'revocation']) {
    let now = NOW
    let revoked = false
    const { promise, resolve } = Promise.withResolvers<void>()
    const guard = guardWith({
      now: () => now,
      revocations: { isRevoked: () => revoked },
      introspection: { introspect: () => promise.then(() => ({ aud: AUDIENCE, client_id: 'c', exp: NOW + 10, active: true })) },
    })
    const verdicts = [guard.check(get(bearer('opaque'))), guard.check(get(bearer('opaque')))]
    if (change === 'time') now = NOW + 10
    else revoked = true
    resolve()
    for (const verdict of await allOf(verdicts)) assert.equal(verdict.allow, false, change)
  }
})

const ANSWER = {
  active: true,
  aud: [AUDIENCE],
  client_id: 'client-1',
  sub: 'user-1',
  scope: 'a b',
  exp: NOW + 60,
  jti: 'o1',
  token_type: 'Bearer',
}

test('an opaque token is introspected, every time unless the guard may remember', async () => {
  for (const [opaqueSeconds, expected] of [
    [0, [1, 2, 3]],
    [10, [1, 1, 1]],
  ] as const) {
    let asked = 0
    const introspection = {
      introspect: async () => {
        asked += 1
        return ANSWER
      },
    }
    const guard = guardWith({ introspection, cache: { opaqueSeconds } })
    const seen: number[] = []
    for (const _ of expected) {
      const verdict = await guard.check(get(bearer('opaque')))
      assert.ok(verdict.allow)
      assert.deepEqual([verdict.principal.subject, verdict.principal.scope, verdict.principal.tokenId], ['user-1', ['a', 'b'], 'o1'])
      seen.push(asked)
    }
    assert.deepEqual(seen, expected)
  }
})

test('an introspection answer that is not for this API, not an access token, or not alive does not pass', () => {
  const bad: Record<string, unknown>[] = [
    { aud: 'https://other.example' },
    { aud: undefined },
    { aud: [] },
    { iss: 'https://other.example' },
    { exp: NOW },
    { exp: String(NOW + 60) },
    { nbf: NOW + 1 },
    { active: 'true' },
    { active: false },
    { token_type: 'DPoP' },
    { token_type: 'refresh_token' },
    { typ: 'Refresh' },
    { cnf: { jkt: 'x' } },
    { client_id: undefined },
    { sub: 7 },
  ]
  for (const change of bad) {
    const guard = guardWith({ introspection: { introspect: () => ({ ...ANSWER, ...change }) } })
    assert.equal(denied(atOnce(guard.check(get(bearer('opaque'))))).status, 401, JSON.stringify(change))
  }
  const inactive = guardWith({ introspection: { introspect: () => undefined } })
  assert.equal(denied(atOnce(inactive.check(get(bearer('opaque'))))).reason, 'inactive')
})

test("an introspection answer stays the port's own: it is not frozen", () => {
  const answer = { ...ANSWER, nested: { list: [1] } }
  const guard = guardWith({ introspection: { introspect: () => answer } })
  assert.equal(atOnce(guard.check(get(bearer('opaque')))).allow, true)
  answer.nested.list.push(2)
  assert.deepEqual(answer.nested.list, [1, 2])
})

test('a JWT that is refused never falls through to introspection', () => {
  let asked = 0
  const introspection = {
    introspect: () => {
      asked += 1
      return ANSWER
    },
  }
  const guard = guardWith({ introspection })
  for (const token of [mintForeign(), mint({ exp: NOW }), 'a.b.c', '..', mint({ aud: 'x' })]) {
    assert.equal(atOnce(guard.check(get(bearer(token)))).allow, false)
  }
  assert.equal(asked, 0)
})
