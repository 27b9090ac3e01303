// Part of the conformance suite: revocations, numbered for those who ask what they have not seen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { auditEntry, NOW } from './samples.ts'

export const runRevocationConformance = (withStore: WithStore): void => {
  test('revocations are numbered upwards, read in pages, and recorded once', withStore(revocations))
  test('a revocation asked for again with a later end gets a later number', withStore(longerRevocation))
  test('numbers of forgotten revocations are never given again', withStore(numbersAfterSweep))
}

const REVOKED = auditEntry('a', { event: 'token.revoked' })

const jti = (value: string, expiresAt = NOW + 300) => ({ realmId: 'a', kind: 'jti' as const, value, expiresAt })

const revocations = async (store: Store): Promise<void> => {
  await Promise.all(['one', 'two', 'one', 'three'].map((value) => store.accessTokens.revoke(jti(value), REVOKED)))
  await store.accessTokens.revoke(jti('one'), REVOKED)
  await store.accessTokens.revoke({ ...jti('one'), kind: 'family' }, REVOKED)
  const all = await store.accessTokens.revocationsAfter(0, 10)
  assert.deepEqual(
    all.map(({ kind, value }) => `${kind} ${value}`),
    ['jti one', 'jti two', 'jti three', 'family one'],
  )
  const numbers = all.map((found) => found.sequence)
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  )
  const page = await store.accessTokens.revocationsAfter(numbers[0] ?? 0, 2)
  assert.deepEqual(
    page.map((found) => found.value),
    ['two', 'three'],
  )
  assert.deepEqual(await store.accessTokens.revocationsAfter(numbers.at(-1) ?? 0, 2), [])
}

const longerRevocation = async (store: Store): Promise<void> => {
  await store.accessTokens.revoke(jti('one', NOW + 100), REVOKED)
  const before = (await store.accessTokens.revocationsAfter(0, 10)).at(-1)?.sequence ?? 0
  await store.accessTokens.revoke(jti('one', NOW + 50), REVOKED)
  assert.deepEqual(await store.accessTokens.revocationsAfter(before, 10), [], 'an earlier end is no news')
  await store.accessTokens.revoke(jti('one', NOW + 200), REVOKED)
  assert.deepEqual(
    (await store.accessTokens.revocationsAfter(before, 10)).map((found) => found.expiresAt),
    [NOW + 200],
  )
  assert.equal((await store.accessTokens.revocationsAfter(0, 10)).length, 1)
}

const numbersAfterSweep = async (store: Store): Promise<void> => {
  await store.accessTokens.revoke(jti('old', NOW), REVOKED)
  const last = (await store.accessTokens.revocationsAfter(0, 10)).at(-1)?.sequence ?? 0
  await store.sweep(NOW + 1)
  assert.deepEqual(await store.accessTokens.revocationsAfter(0, 10), [])
  await store.accessTokens.revoke(jti('new'), REVOKED)
  assert.deepEqual(
    (await store.accessTokens.revocationsAfter(last, 10)).map((found) => found.value),
    ['new'],
  )
}
