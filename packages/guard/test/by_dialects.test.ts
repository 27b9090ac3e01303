// What guards of the same dialects have in common, and what never: how they read, not what they know.
import assert from 'node:assert/strict'
import test from 'node:test'
import { presentationOf } from '../src/presentation.ts'
import { createTokenCache } from '../src/token_cache.ts'
import { jwtRulesOf } from '../src/token_rules.ts'
import { keycloak, standard, webcommander } from './realm.ts'

test('guards of the same dialects share what reads their requests', () => {
  assert.equal(presentationOf([standard, keycloak], true, true), presentationOf([standard, keycloak], true, true))
  assert.equal(jwtRulesOf([standard]), jwtRulesOf([standard]))
})

test('other dialects, another order, API keys or proofs beside: each is read by its own rules', () => {
  const all = [
    presentationOf([standard], false, false),
    presentationOf([standard], true, false),
    presentationOf([standard], false, true),
    presentationOf([standard], true, true),
    presentationOf([keycloak], false, false),
    presentationOf([standard, webcommander], false, false),
    presentationOf([webcommander, standard], false, false),
  ]
  assert.equal(new Set(all).size, all.length)
  assert.deepEqual(
    all.map((one) => [one.dpop, one.apiKeyHeader !== undefined, one.headers.includes('access_token')]),
    [
      [false, false, false],
      [false, true, false],
      [true, false, false],
      [true, true, false],
      [false, false, false],
      [false, false, true],
      [false, false, true],
    ],
  )
  assert.deepEqual([jwtRulesOf([standard]).typ, jwtRulesOf([standard, keycloak]).typ], [['at+jwt'], ['at+jwt', 'JWT']])
})

test('what is shared cannot be changed by one of those who share it', () => {
  for (const dpop of [false, true]) assert.ok(Object.isFrozen(presentationOf([standard], true, dpop).headers))
})

test('dialects that make no guard make none the second time either', () => {
  for (let time = 0; time < 2; time += 1) assert.throws(() => presentationOf([], false, false), TypeError)
})

test('a token that one guard has verified is unknown to all others', () => {
  const limits = { maxTokens: 10, maxBytes: 1000 }
  const [mine, other] = [createTokenCache<string>(limits), createTokenCache<string>(limits)]
  mine.set('token', 'entry', 1)
  assert.deepEqual([mine.get('token'), other.get('token'), other.size, createTokenCache(limits).size], ['entry', undefined, 0, 0])
  other.clear()
  assert.equal(mine.get('token'), 'entry')
})
