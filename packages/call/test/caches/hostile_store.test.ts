// A store that others can write: whatever they put there, no header field breaks, no sentence reaches a terminal raw, nothing lasts for ever.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createKeyValueCache } from '../../src/caches/key_value_cache.ts'
import { readRemembered, readToken, writeToken } from '../../src/caches/token_record.ts'
import { createClient } from '../../src/client.ts'
import { createMemoryCache } from '../../src/token_cache.ts'
import { startProvider } from '../fake_provider.ts'
import { heldAt } from './held.ts'
import { createMemoryStore } from './memory_store.ts'

const RECORD = JSON.parse(writeToken(heldAt(0), 0)) as Record<string, unknown>
const PLAIN = RECORD['plain'] as Record<string, unknown>
const HOUR = 3_600_000

test('a token that no header field can carry, and times that nothing of ours was told in, are no token', () => {
  assert.equal(readToken(JSON.stringify(RECORD), 0, 0)?.accessToken, 'token-1')
  const plain: readonly Record<string, unknown>[] = [
    { accessToken: 'a\r\nx-admin: 1' },
    { accessToken: 'a b' },
    { accessToken: '' },
    { accessToken: 'é' },
    { accessToken: 'x'.repeat(20_000) },
    { tokenType: 'Bearer\u001b[2J' },
    { expiresAt: 1e300 },
    { lifetimeMs: 1e300 },
  ]
  for (const member of plain) {
    assert.equal(readToken(JSON.stringify({ ...RECORD, plain: { ...PLAIN, ...member } }), 0, 0), undefined, JSON.stringify(member))
  }
  for (const name of ['renewIn', 'waitIn', 'endsIn']) {
    for (const wrong of [1e300, -1e300, null, '1', [1]]) {
      assert.equal(readToken(JSON.stringify({ ...RECORD, [name]: wrong }), 0, 0), undefined, name)
    }
  }
})

test('members with the names of built-ins change nothing but the record', () => {
  const text = JSON.stringify(RECORD).replace('{', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},')
  const held = readToken(text.replace('"plain":{', '"plain":{"__proto__":{"polluted":1},"toString":1,'), 0, 0)
  assert.equal(held?.accessToken, 'token-1')
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

test('whatever is remembered can be shown on a terminal, and is over at some time', () => {
  const failure = { code: 'invalid_client', origin: 'https://a.example', description: 'No.', count: 1, retryAt: 1000 }
  const read = (value: unknown) => readRemembered(JSON.stringify({ version: 1, failure: value }), 0, 0).failure
  assert.deepEqual(read(failure), failure)
  for (const name of ['code', 'origin', 'description']) {
    for (const wrong of ['\u001b[2Jgone', 'a\nb', '\u009b31m', '\u202etxt', 'x'.repeat(2000), 5]) {
      assert.equal(read({ ...failure, [name]: wrong }), undefined, name)
    }
  }
})

test('any text at all in the place of a record is a token that can be shown, or none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), fc.record({ version: fc.constant(1), plain: fc.anything() }).map(toText)), (text) => {
      const held = readToken(text, 0, 0)
      if (held) assert.ok(new Headers({ authorization: `Bearer ${held.accessToken}` }))
      readRemembered(text, 0, 0)
    }),
  )
})

test('a store that answers with rubbish costs a token request of its own, and never an error with the token in it', async (t) => {
  const provider = await startProvider(t)
  const store = createMemoryStore(() => 0)
  const values = [
    '',
    '{}',
    '[]',
    'null',
    `{"version":1,"life":1e9,"payload":"{}"}`,
    '{"version":1,"life":"x","payload":5}',
    'x'.repeat(300_000),
  ]
  for (const value of values) {
    const cache = createKeyValueCache({ ...store, get: async () => ({ value, left: 1e9 }) })
    const client = createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret', cache })
    assert.match((await client.token()).accessToken, /^token-\d+$/)
  }
  assert.equal(provider.requests.length, values.length)
})

test('a budget told by a clock that was years ahead, or without an end, and a refusal remembered for ever, silence nobody', async (t) => {
  const provider = await startProvider(t)
  const now = 1_800_000_000
  for (const budget of [
    { limit: 10, remaining: 0, resetAt: now + 9 * 365 * 86_400, toldAt: now + 9 * 365 * 86_400 - 1000 },
    { limit: 10, remaining: 0, resetAt: Number.MAX_SAFE_INTEGER, toldAt: now },
  ]) {
    const cache = { ...createMemoryCache(), recall: () => ({ budget }), remember: () => undefined }
    const client = createClient({ tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret', cache, now: () => now })
    assert.match((await client.token()).accessToken, /^token-/)
  }
  const { nextRejection } = await import('../../src/back_off.ts')
  assert.notEqual(nextRejection({ at: 0, waitMs: 1e300 }, HOUR, HOUR), undefined)
  assert.equal(nextRejection({ at: 0, waitMs: 1e300 }, HOUR - 1, HOUR), undefined)
})

function toText(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)) ?? ''
}
