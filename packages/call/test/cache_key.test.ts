// The key that a token is held by: everything that shaped the token is in it, and nobody gets a person's password back from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { slowDigest } from '../src/slow_digest.ts'
import { createMemoryCache } from '../src/token_cache.ts'

const PERSON: ClientOptions = { tokenUrl: 'https://login.example.com/token', clientId: 'app', username: 'ada', password: 'summer' }

/** The name under which the client keeps its token. */
async function keyOf(options: ClientOptions): Promise<string> {
  const keys: string[] = []
  const memory = createMemoryCache()
  const set: typeof memory.set = (key, held) => {
    keys.push(key)
    return memory.set(key, held)
  }
  const cache = { ...memory, set }
  const fetch = async (): Promise<Response> => Response.json({ access_token: 'abc', token_type: 'Bearer', expires_in: 60 })
  await createClient({ ...options, cache, fetch }).token()
  assert.equal(keys.length, 1)
  return keys[0] ?? ''
}

test('the same person has the same key everywhere, another password another one', async () => {
  assert.equal(await keyOf(PERSON), await keyOf({ ...PERSON }))
  const others: Partial<ClientOptions>[] = [{ password: 'winter' }, { username: 'bob' }, { clientId: 'other' }, { scope: 'read' }]
  const keys = await Promise.all([{}, ...others].map((other) => keyOf({ ...PERSON, ...other })))
  assert.equal(new Set(keys).size, keys.length)
})

test('a password is digested slowly, with a salt of its own, before it goes into the key', async (t) => {
  const slow = await slowDigest('summer', 'salt')
  assert.match(slow, /^[0-9a-f]{64}$/)
  assert.notEqual(slow, await slowDigest('summer', 'other'))
  assert.notEqual(slow, await slowDigest('winter', 'salt'))
  const slowly = t.mock.method(crypto.subtle, 'deriveBits')
  const fast = t.mock.method(crypto.subtle, 'digest')
  await keyOf(PERSON)
  assert.equal(slowly.mock.callCount(), 1)
  const digested = fast.mock.calls.map(({ arguments: [, bytes] }) => new TextDecoder().decode(bytes))
  assert.ok(
    digested.length > 0 && digested.every((text) => !text.includes('summer')),
    'whoever lists the keys could try a dictionary on it',
  )
})
