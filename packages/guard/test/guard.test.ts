// The pipeline beside the token itself: what a guard must be given, scopes, anonymous routes, API keys.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import test from 'node:test'
import { compile } from '@countersign/protocol/dialect/compile'
import { createKeySet } from '@countersign/protocol/jose/key_set'
import type { GuardOptions } from '../src/guard.ts'
import { createGuard } from '../src/guard.ts'
import { AUDIENCE, atOnce, bearer, denied, get, guardWith, ISSUER, keycloak, mint, NOW, standard } from './realm.ts'

test('a guard that would guard nothing cannot be made', () => {
  const options = { realm: 'r', issuer: ISSUER, audience: AUDIENCE, keys: createKeySet([]), dialects: [standard] }
  const loose = compile({
    ...keycloak.document,
    claims: { ...keycloak.document.claims, members: keycloak.document.claims.members.filter(({ name }) => name !== 'typ') },
  })
  const bad: Partial<GuardOptions>[] = [
    { audience: [] },
    { audience: '' },
    { audience: [AUDIENCE, ''] },
    { issuer: '' },
    { realm: '' },
    { dialects: [] },
    { dialects: [loose] },
    { apiKey: 'required' },
    { apiKey: 'optional' },
  ]
  for (const change of bad) assert.throws(() => createGuard({ ...options, ...change }), TypeError, JSON.stringify(change))
  assert.doesNotThrow(() => createGuard(options))
})

test('scopes are all needed and compared whole', () => {
  const rules = (scopes: readonly string[]) => guardWith({ policy: { routes: [{ path: '/orders', scopes }] } })
  const passes = (scope: string | undefined, ...needed: string[]): boolean =>
    atOnce(rules(needed).check(get(bearer(mint({ scope }))))).allow
  assert.equal(passes('a b c', 'a', 'c'), true)
  assert.equal(passes('a b', 'a', 'c'), false)
  assert.equal(passes('ab', 'a'), false)
  assert.equal(passes('A', 'a'), false)
  assert.equal(passes(undefined, 'a'), false)
  assert.equal(passes(undefined), true)
  assert.equal(passes('EXECUTE:TOKEN_EXCHANGE READ:APP_USERS', 'READ:APP_USERS'), true)
})

test('an anonymous route wants nothing, but does not take a bad token for nothing', () => {
  const guard = guardWith({ policy: { routes: [{ path: '/health', scopes: [], anonymous: true }] } })
  const check = (headers: Record<string, string>) => atOnce(guard.check(get(headers, '/health')))
  const none = check({})
  assert.ok(none.allow)
  assert.deepEqual([none.principal.anonymous, none.principal.clientId, none.principal.realm], [true, undefined, 'partner'])
  const known = check(bearer(mint()))
  assert.ok(known.allow)
  assert.deepEqual([known.principal.anonymous, known.principal.clientId], [false, 'client-1'])
  assert.equal(check(bearer(mint({ exp: NOW }))).allow, false)
})

test("an API key is asked for by its hash, must live, and must be of the token's client", async () => {
  const asked: string[] = []
  const record = { id: 'key-1', clientId: 'client-1', expiresAt: NOW + 10 }
  let now = NOW
  const apiKeys = {
    find: (hash: string) => {
      asked.push(hash)
      return Promise.resolve(hash === `sha256:${createHash('sha256').update('right').digest('base64url')}` ? record : undefined)
    },
  }
  const guard = guardWith({ apiKey: 'required', apiKeys, now: () => now })
  const check = (token: string, key: string) => guard.check(get({ ...bearer(token), 'x-api-key': key }))
  const mine = mint({ exp: NOW + 300 })
  const verdict = await check(mine, 'right')
  assert.ok(verdict.allow)
  assert.equal(verdict.principal.apiKeyId, 'key-1')
  assert.equal(denied(await check(mine, 'wrong')).code, 'invalid_api_key')
  assert.equal(denied(await check(mint({ client_id: 'client-2' }), 'right')).code, 'client_mismatch')
  now = NOW + 10
  assert.equal(denied(await check(mine, 'right')).code, 'invalid_api_key')
  assert.ok(asked.every((hash) => /^sha256:[\w-]{43}$/.test(hash)))
})

test('an optional API key is judged when it comes, and the token alone passes without one', () => {
  const guard = guardWith({ apiKey: 'optional', apiKeys: { find: () => undefined } })
  const token = mint()
  for (const _ of ['fresh', 'remembered']) {
    assert.equal(atOnce(guard.check(get(bearer(token)))).allow, true)
    assert.equal(denied(atOnce(guard.check(get({ ...bearer(token), 'x-api-key': 'guess' })))).code, 'invalid_api_key')
    assert.equal(denied(atOnce(guard.check(get({ ...bearer(token), 'x-api-key': '' })))).code, 'invalid_request')
  }
  const off = guardWith()
  const verdict = atOnce(off.check(get({ ...bearer(token), 'x-api-key': 'guess' })))
  assert.equal(verdict.allow && verdict.principal.apiKeyId, undefined, 'where keys are off none is looked at')
})

test('a key that was found before is read no other way than the first time, and is asked after each time', () => {
  let lives = true
  const record = { id: 'key-1', clientId: 'client-1', expiresAt: null }
  const guard = guardWith({ apiKey: 'required', apiKeys: { find: () => (lives ? record : undefined) } })
  const token = mint()
  const codeOf = (key: string | string[] | undefined): string => {
    const headers = { ...bearer(token), 'x-api-key': key }
    const verdict = atOnce(guard.check({ ...get({}), headers }))
    return verdict.allow ? 'allowed' : verdict.code
  }
  for (const _ of ['fresh', 'remembered']) {
    assert.deepEqual(['right', ' right\t', ['right'], ['right', 'right'], 'right, right', undefined].map(codeOf), [
      'allowed',
      'allowed',
      'allowed',
      'invalid_request',
      'invalid_request',
      'missing_api_key',
    ])
  }
  lives = false
  assert.equal(codeOf('right'), 'invalid_api_key')
})

test('the key a token came with before is not taken for the one it comes with now', () => {
  const guard = guardWith({ apiKey: 'optional', apiKeys: { find: (hash) => ({ id: hash, clientId: 'client-1', expiresAt: null }) } })
  const token = mint()
  const ids = ['a', 'b', 'a', undefined].map((key) => {
    const verdict = atOnce(guard.check(get({ ...bearer(token), 'x-api-key': key })))
    return verdict.allow ? verdict.principal.apiKeyId : 'denied'
  })
  assert.equal(ids[0], ids[2])
  assert.notEqual(ids[0], ids[1])
  assert.equal(ids[3], undefined)
})
