// Tokens bound to a key: stolen, shown without proof, with somebody else's proof, with a proof for something else, with one used before.
// RFC 9449 sections 7 and 11.1.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import { resolveDialect } from '@countersign/protocol/dialect/resolve'
import fc from 'fast-check'
import type { GuardOptions, GuardRequest } from '../src/guard.ts'
import type { Verdict } from '../src/verdict.ts'
import { bound, dpopGuard, key, ORIGIN, otherKey, prove, shown } from './prover.ts'
import { AUDIENCE, atOnce, bearer, denied, get, guardWith, keycloak, mint, NOW, standard, webcommander, wych } from './realm.ts'

const ALGS = 'algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519"'

const refused = (verdict: Verdict | Promise<Verdict>): readonly [number, string, string] => {
  const { status, code, reason } = denied(atOnce(verdict))
  return [status, code, reason]
}

test('a bound token passes with its proof, and the principal knows what it is bound to', () => {
  const guard = dpopGuard()
  const token = bound()
  for (const _ of ['fresh', 'remembered']) {
    const verdict = atOnce(guard.check(get(shown(token))))
    assert.ok(verdict.allow)
    assert.deepEqual(verdict.principal.claims['cnf'], { jkt: key.thumbprint })
  }
})

test('stolen and shown as a bearer token it is refused, remembered or not, in every carrier there is', () => {
  const token = bound()
  const guard = dpopGuard({ dialects: [standard, wych, webcommander] })
  const ways = [bearer(token), { authorisation: `bearer ${token}` }, { access_token: token }]
  for (const _ of ['fresh', 'remembered by a good request']) {
    for (const way of ways) assert.deepEqual(refused(guard.check(get(way))), [401, 'invalid_token', 'bound'], JSON.stringify(way))
    for (const way of ways) assert.deepEqual(refused(guard.check(get({ ...way, dpop: prove(token) }))), [401, 'invalid_token', 'bound'])
    assert.equal(atOnce(guard.check(get(shown(token)))).allow, true)
  }
  const { detail, headers } = denied(atOnce(guard.check(get(bearer(token)))))
  assert.equal(detail, 'The token is bound to a key: present it by the scheme DPoP, with a proof.')
  assert.equal(
    headers['www-authenticate'],
    `Bearer realm="partner", error="invalid_token", error_description="${detail}", DPoP realm="partner", ${ALGS}`,
  )
})

test('a guard that knows no URL of its own takes no bound token in any way', () => {
  const guard = guardWith()
  const token = bound()
  assert.deepEqual(refused(guard.check(get(bearer(token)))), [401, 'invalid_token', 'bound'])
  assert.deepEqual(refused(guard.check(get(shown(token)))), [401, 'missing_token', 'missing_token'])
  assert.deepEqual(guard.credentialHeaders, ['authorization'])
  assert.equal(denied(atOnce(guard.check(get()))).headers['www-authenticate'], 'Bearer realm="partner"')
})

const good = bound()
const another = bound()
const proof = prove(good)
const INVALID_PROOFS: readonly (readonly [what: string, dpop: string | readonly string[] | undefined, reason: string])[] = [
  ['none', undefined, 'proof_missing'],
  ['nothing in it', '', 'proof_malformed'],
  ['no JWT', 'proof', 'proof_malformed'],
  ['two, kept apart', [proof, prove(good)], 'proof_repeated'],
  ['two, joined', `${proof}, ${prove(good)}`, 'proof_repeated'],
  ['the token itself', good, 'proof_wrong_type'],
  ['one that is huge', 'a'.repeat(1_000_000), 'proof_malformed'],
  ['one for another method', prove(good, { method: 'POST' }), 'proof_wrong_method'],
  ['one for another path', prove(good, { url: `${ORIGIN}/admin` }), 'proof_wrong_url'],
  ['one for another host', prove(good, { url: 'https://evil.example/orders' }), 'proof_wrong_url'],
  ['one for another port', prove(good, { url: `${ORIGIN}:8443/orders` }), 'proof_wrong_url'],
  ['one for the same without TLS', prove(good, { url: 'http://api.example/orders' }), 'proof_wrong_url'],
  ['one for a path that decodes to this', prove(good, { url: `${ORIGIN}/x%2f..%2forders` }), 'proof_wrong_url'],
  ['an old one', prove(good, { issuedAt: NOW - 60 }), 'proof_expired'],
  ['one of tomorrow', prove(good, { issuedAt: NOW + 86_400 }), 'proof_not_yet_valid'],
  ['one for another token of the same key', prove(another), 'proof_wrong_token'],
  ['one for no token, as the token endpoint takes it', prove(good, { accessToken: undefined }), 'proof_wrong_token'],
]

for (const [what, dpop, reason] of INVALID_PROOFS) {
  test(`a bound token is refused with this proof: ${what}`, () => {
    const guard = dpopGuard()
    const headers = { authorization: `DPoP ${good}`, ...(dpop !== undefined && { dpop }) }
    assert.deepEqual(refused(guard.check({ method: 'GET', path: '/orders', headers })), [401, 'invalid_dpop_proof', reason])
    // The same once more with the key of an earlier proof at hand.
    assert.equal(atOnce(guard.check(get(shown(good)))).allow, true)
    const deny = denied(atOnce(guard.check({ method: 'GET', path: '/orders', headers })))
    assert.equal(deny.reason, reason)
    assert.match(
      deny.headers['www-authenticate'] ?? '',
      /^DPoP realm="partner", error="invalid_dpop_proof", error_description="[^"]+", algs="/,
    )
    assert.doesNotMatch(deny.headers['www-authenticate'] ?? '', /Bearer/, 'who came by DPoP is not told to try Bearer')
  })
}

test("a proof by the thief's own key is refused: the token is another's", () => {
  const guard = dpopGuard()
  const dpop = prove(good, {}, otherKey)
  assert.deepEqual(refused(guard.check(get({ authorization: `DPoP ${good}`, dpop }))), [401, 'invalid_token', 'wrong_key'])
})

test('a token that is bound to nothing, or in ways that are not checked here, is refused by both schemes', () => {
  const jkt = key.thumbprint
  const half = [
    {},
    [],
    'jkt',
    1,
    true,
    { jkt: jkt.slice(1) },
    { jkt: `${jkt}A` },
    { jkt: [jkt] },
    { 'x5t#S256': jkt },
    { jkt, 'x5t#S256': jkt },
    [jkt],
  ]
  const guard = dpopGuard()
  for (const cnf of half) {
    const token = mint({ cnf })
    assert.deepEqual(refused(guard.check(get(shown(token)))), [401, 'invalid_token', 'bound'], JSON.stringify(cnf))
    assert.deepEqual(refused(guard.check(get(bearer(token)))), [401, 'invalid_token', 'bound'], JSON.stringify(cnf))
  }
  for (const cnf of [undefined, null]) {
    assert.deepEqual(refused(guard.check(get(shown(mint({ cnf }))))), [401, 'invalid_token', 'not_bound'])
    assert.equal(atOnce(guard.check(get(bearer(mint({ cnf }))))).allow, true)
  }
})

test('a proof used twice is refused the second time, whatever has changed beside it', () => {
  let now = NOW
  const guard = dpopGuard({ now: () => now })
  const headers = shown(good)
  assert.equal(atOnce(guard.check(get(headers))).allow, true)
  for (const [again, wait] of [
    [headers, 0],
    [{ ...headers, authorization: `dpop ${good}` }, 1],
    [headers, 58.9],
  ] as const) {
    now += wait
    assert.deepEqual(refused(guard.check(get(again))), [401, 'invalid_dpop_proof', 'proof_replayed'])
  }
  guard.forget()
  assert.equal(denied(atOnce(guard.check(get(headers)))).reason, 'proof_replayed', 'forgetting tokens forgets no proof')
  now = NOW + 60
  assert.equal(denied(atOnce(guard.check(get(headers)))).reason, 'proof_expired')
})

test('a proof that was refused is not used up', () => {
  const guard = dpopGuard()
  const headers = shown(good)
  assert.equal(denied(atOnce(guard.check({ ...get(headers), method: 'PUT' }))).reason, 'proof_wrong_method')
  assert.equal(atOnce(guard.check(get(headers))).allow, true)
})

test('the URL is compared as its parts mean, and the query is not looked at', () => {
  const passes = (htu: string, path: string, baseUrls = [ORIGIN]): boolean => {
    const guard = dpopGuard({ baseUrls })
    return atOnce(guard.check(get(shown(good, { url: htu }), path))).allow
  }
  assert.equal(passes(`${ORIGIN}/orders?page=1#top`, '/orders?page=2'), true)
  assert.equal(passes('HTTPS://API.example:443/a/../orders', '/orders'), true)
  assert.equal(passes(`${ORIGIN}/caf%c3%a9`, '/caf%C3%A9'), true)
  assert.equal(passes(ORIGIN, '/'), true)
  assert.equal(passes(`${ORIGIN}/`, '/?x'), true)
  assert.equal(passes(`${ORIGIN}/orders/`, '/orders'), false)
  assert.equal(passes(`${ORIGIN}/Orders`, '/orders'), false)
  assert.equal(passes(`${ORIGIN}/orders%3Fpage=2`, '/orders?page=2'), false)
  const mounted = ['https://one.example:8080/apis/shop/', 'https://two.example']
  assert.equal(passes('https://one.example:8080/apis/shop/orders', '/orders', mounted), true)
  assert.equal(passes('https://two.example/orders', '/orders', mounted), true)
  assert.equal(passes('https://one.example:8080/apis/shop', '/', mounted), true)
  assert.equal(passes('https://one.example:8080/apis/shop/', '/', mounted), true)
  assert.equal(passes('https://one.example:8080/orders', '/orders', mounted), false)
  assert.equal(passes('https://two.example/apis/shop/orders', '/orders', mounted), false)
  assert.equal(passes('https://one.example:8080/apis/shoporders', '/orders', mounted), false)
})

test('a base URL that is none stops the guard from being made', () => {
  for (const url of ['', 'api.example', '/apis', 'ftp://api.example', `${ORIGIN}?x`, `${ORIGIN}/#`, 'https://u:p@api.example', '*']) {
    assert.throws(() => dpopGuard({ baseUrls: [ORIGIN, url] }), TypeError, url)
  }
})

test('the scheme may be written in any case, and the token is refused malformed as everywhere', () => {
  const guard = dpopGuard()
  for (const scheme of ['DPoP', 'dpop', 'DPOP']) {
    assert.equal(atOnce(guard.check(get({ ...shown(good), authorization: `${scheme}  ${good}` }))).allow, true, scheme)
  }
  for (const authorization of ['DPoP', 'DPoP ', `DPoP ${good} x`, `DPoP ${good}, Bearer ${good}`]) {
    const deny = denied(atOnce(guard.check(get({ ...shown(good), authorization }))))
    assert.deepEqual([deny.status, deny.code], [400, 'invalid_request'], authorization)
    assert.match(deny.headers['www-authenticate'] ?? '', /^DPoP realm="partner", error="invalid_request"/)
  }
  const beside = denied(atOnce(guard.check(get({ ...shown(good), authorization: `DPoPx ${good}` }))))
  assert.deepEqual([beside.code, beside.headers['www-authenticate']], ['missing_token', 'Bearer realm="partner"'])
})

test('both schemes at once are refused, as are two carriers', () => {
  const guard = dpopGuard({ dialects: [standard, wych, webcommander] })
  const { authorization, dpop } = shown(good)
  const rawHeaders = ['Authorization', authorization, 'authorization', `Bearer ${good}`, 'DPoP', dpop]
  const twice = denied(atOnce(guard.check({ ...get({ authorization, dpop }), rawHeaders })))
  assert.equal(twice.code, 'invalid_request')
  assert.match(twice.headers['www-authenticate'] ?? '', /^Bearer .*error="invalid_request".*, DPoP .*error="invalid_request"/)
  for (const more of [{ authorisation: `bearer ${good}` }, { access_token: good }]) {
    assert.equal(denied(atOnce(guard.check(get({ authorization, dpop, ...more })))).code, 'invalid_request')
  }
})

test('the scheme is read in the header authorization alone, and only where a dialect has it', () => {
  const guard = dpopGuard({ dialects: [wych] })
  const { authorization, dpop } = shown(good)
  assert.equal(atOnce(guard.check(get({ authorization, dpop }))).allow, true)
  assert.equal(denied(atOnce(guard.check(get({ authorisation: authorization, dpop })))).code, 'missing_token')
  const presentation = { token: [{ header: 'access_token', scheme: null }] }
  const bare = dpopGuard({ dialects: [compile(resolveDialect({ extends: 'webcommander', name: 'bare', presentation }))] })
  assert.deepEqual(bare.credentialHeaders, ['access_token'])
  assert.equal(atOnce(bare.check(get({ access_token: mint(), authorization: 'DPoP of somebody else', dpop: 'x' }))).allow, true)
  assert.equal(denied(atOnce(bare.check(get({ authorization, dpop })))).headers['www-authenticate'], 'Bearer realm="partner"')
  assert.deepEqual(guard.credentialHeaders, ['authorisation', 'authorization', 'dpop'])
})

test('a dialect that has the scheme for bare tokens has it no more where bound ones are taken', () => {
  const dpop = { header: 'authorization', scheme: 'dpop' }
  const bare = mint()
  for (const token of [[dpop], [{ header: 'authorization', scheme: 'Bearer' }, dpop]]) {
    const dialects = [compile(resolveDialect({ extends: 'standard', name: 'bare', presentation: { token } }))]
    assert.equal(atOnce(guardWith({ dialects }).check(get(shown(bare)))).allow, true)
    const guard = dpopGuard({ dialects })
    for (const headers of [shown(bare), shown(bare), shown(good), { authorization: `DPoP ${good}` }, { authorization: `DPoP ${bare}` }]) {
      assert.equal(atOnce(guard.check(get(headers))).allow, 'dpop' in headers && headers.authorization.endsWith(good))
    }
  }
})

test('a bearer token passes with a proof beside it, which nobody asked for', () => {
  const guard = dpopGuard()
  const token = mint()
  for (const _ of ['fresh', 'remembered']) assert.equal(atOnce(guard.check(get({ ...bearer(token), dpop: 'anything' }))).allow, true)
})

test('an introspected token is bound by what the answer says', async () => {
  const cnf = { jkt: key.thumbprint }
  const answers: Record<string, Record<string, unknown>> = {
    bound: { cnf, token_type: 'DPoP' },
    typed: { cnf, token_type: 'DPoP', typ: 'DPoP' },
    untyped: { cnf },
    unbound: { token_type: 'Bearer' },
    broken: { token_type: 'DPoP' },
  }
  const guard = dpopGuard({
    introspection: { introspect: (token) => Promise.resolve({ aud: AUDIENCE, client_id: 'client-1', exp: NOW + 9, ...answers[token] }) },
  })
  const codes = async (token: string): Promise<readonly string[]> =>
    (await Promise.all([guard.check(get(shown(token))), guard.check(get(bearer(token)))])).map((one) =>
      one.allow ? 'allowed' : one.reason,
    )
  assert.deepEqual(await codes('bound'), ['allowed', 'bound'])
  assert.deepEqual(await codes('typed'), ['allowed', 'bound'])
  assert.deepEqual(await codes('untyped'), ['allowed', 'bound'])
  assert.deepEqual(await codes('unbound'), ['not_bound', 'allowed'])
  assert.deepEqual(await codes('broken'), ['bound', 'bound'])
})

test('the challenge of whoever came by DPoP is for DPoP, whatever was wrong', () => {
  const policy: GuardOptions['policy'] = { routes: [{ path: '/orders', scopes: ['orders:write'] }] }
  const challenge = (options: Partial<GuardOptions>, token: string): string =>
    denied(atOnce(dpopGuard(options).check(get(shown(token))))).headers['www-authenticate'] ?? ''
  assert.match(challenge({ policy }, bound()), /^DPoP realm="partner", error="insufficient_scope", .*scope="orders:write", algs="/)
  assert.match(
    challenge({}, bound({ exp: NOW })),
    /^DPoP realm="partner", error="invalid_token", error_description="The access token has expired."/,
  )
  assert.doesNotMatch(challenge({}, bound({ exp: NOW })), /Bearer/)
  const resourceMetadata = `${ORIGIN}/.well-known/oauth-protected-resource`
  assert.ok(challenge({ resourceMetadata }, mint()).endsWith(`resource_metadata="${resourceMetadata}"`))
})

test('a key beside a bound token is judged after the proof, and must be of its client', () => {
  const guard = dpopGuard({ apiKey: 'required', apiKeys: { find: () => ({ id: 'key-1', clientId: 'client-1', expiresAt: null }) } })
  const verdict = atOnce(guard.check(get({ ...shown(good), 'x-api-key': 'right' })))
  assert.ok(verdict.allow)
  assert.equal(verdict.principal.apiKeyId, 'key-1')
  assert.equal(denied(atOnce(guard.check(get(shown(good))))).code, 'missing_api_key')
  assert.equal(denied(atOnce(guard.check(get({ authorization: `DPoP ${good}`, 'x-api-key': 'right' })))).code, 'invalid_dpop_proof')
  const theirs = bound({ client_id: 'client-2' })
  assert.equal(denied(atOnce(guard.check(get({ ...shown(theirs), 'x-api-key': 'right' })))).code, 'client_mismatch')
})

test('several guards that share a memory of proofs let a proof pass once between them', async () => {
  const seen = new Map<string, number>()
  const replays: GuardOptions['replays'] = {
    claim: (name, expiresAt) => Promise.resolve(!seen.has(name) && seen.set(name, expiresAt).has(name)),
  }
  const guards = [dpopGuard({ replays }), dpopGuard({ replays }), dpopGuard({ replays, dialects: [keycloak, standard] })]
  const headers = shown(good)
  const verdicts = await Promise.all([...guards, ...guards].map(async (guard) => guard.check(get(headers))))
  assert.deepEqual(verdicts.map((one) => (one.allow ? 'allowed' : one.reason)).sort(), [
    'allowed',
    ...Array.from({ length: 5 }, () => 'proof_replayed'),
  ])
  assert.deepEqual(
    [...seen].map(([name, at]) => [name.length, at >= NOW + 60]),
    [[43, true]],
  )
})

test('a memory that cannot be asked is 503, and never lets a proof through', async () => {
  const told: unknown[] = []
  const away = new Error('away')
  const onMalfunction = (error: unknown): void => void told.push(error)
  const broken: readonly NonNullable<GuardOptions['replays']>[] = [
    { claim: () => Promise.reject(away) },
    {
      claim: () => {
        throw away
      },
    },
  ]
  for (const replays of broken) {
    const verdict = denied(await dpopGuard({ replays, onMalfunction }).check(get(shown(good))))
    assert.deepEqual([verdict.status, verdict.code, verdict.headers['retry-after']], [503, 'cannot_verify', '5'])
  }
  assert.deepEqual(told, [away, away])
})

test('whatever one thing is changed about a good request, it is refused', () => {
  const guard = dpopGuard()
  const method = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE')
  const path = fc.constantFrom('/orders', '/orders/1', '/admin', '/')
  fc.assert(
    fc.property(method, path, fc.nat(1000), fc.nat(5), (verb, target, at, what) => {
      const token = what % 2 === 0 ? good : another
      const own: GuardRequest = {
        method: verb,
        path: target,
        headers: { authorization: `DPoP ${token}`, dpop: prove(token, { method: verb, url: ORIGIN + target }) },
      }
      const dpop = String(own.headers['dpop'])
      const cut = at % dpop.length
      const changed: readonly GuardRequest[] = [
        { ...own, method: 'PATCH' },
        { ...own, path: `${target.replace(/\/$/, '')}/other` },
        { ...own, headers: { ...own.headers, authorization: `DPoP ${token === good ? another : good}` } },
        { ...own, headers: { ...own.headers, authorization: `Bearer ${token}` } },
        { ...own, headers: { ...own.headers, dpop: dpop.slice(0, cut) + dpop.slice(cut + 1) } },
        { ...own, headers: { authorization: `DPoP ${token}` } },
      ]
      assert.equal(atOnce(guard.check(changed[what] ?? own)).allow, false)
      assert.equal(atOnce(guard.check(own)).allow, true)
    }),
    { numRuns: 150 },
  )
})
