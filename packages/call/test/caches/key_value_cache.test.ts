// The cache in a store that many machines reach: real Redis by both npm clients, and a store in memory where time is to be moved.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { after, before, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { KeyValueCacheOptions, KeyValueStore } from '../../src/caches/key_value_cache.ts'
import { createKeyValueCache } from '../../src/caches/key_value_cache.ts'
import { createRedisStore } from '../../src/caches/redis_store.ts'
import type { Pair } from './conformance.ts'
import { conforms } from './conformance.ts'
import { clocksOf, heldAt, KEY } from './held.ts'
import { createMemoryStore } from './memory_store.ts'
import type { Connection, RedisServer } from './redis_server.ts'
import { connectIovalkey, connectNodeRedis, NO_REDIS, startRedis } from './redis_server.ts'

let server: RedisServer
let prefixes = 0
before(async () => {
  if (NO_REDIS === false) server = await startRedis()
})
after(() => (NO_REDIS === false ? server.stop() : undefined))

/** A machine under load may be slow, and its Redis is not away. */
const PATIENT_MS = 20_000

const CLIENTS = [
  ['iovalkey', connectIovalkey],
  ['node-redis', connectNodeRedis],
] as const

async function open(t: TestContext, connect: (socket: string) => Promise<Connection>): Promise<Connection> {
  const connection = await connect(server.socket)
  t.after(connection.close)
  return connection
}

for (const [name, connect] of CLIENTS) {
  const pair = async (t: TestContext, more: KeyValueCacheOptions = {}): Promise<Pair> => {
    const prefix = `test-${++prefixes}:`
    const [one, other] = [await open(t, connect), await open(t, connect)]
    return {
      one: createKeyValueCache(one.store, { prefix, timeoutMs: PATIENT_MS, ...more }),
      other: createKeyValueCache(other.store, { prefix, timeoutMs: PATIENT_MS, ...more }),
    }
  }
  conforms(`redis by ${name}`, pair, NO_REDIS)
  conforms(`redis by ${name}, encrypted`, (t) => pair(t, { encryptionKey: new Uint8Array(32).fill(7) }), NO_REDIS)

  test(`redis by ${name}: entries and locks end by themselves, and are what their names say`, { skip: NO_REDIS }, async (t) => {
    const prefix = `test-${++prefixes}:`
    const { store, keys } = await open(t, connect)
    const cache = createKeyValueCache(store, { prefix, timeoutMs: PATIENT_MS })
    await cache.exclusively(KEY, async () => {
      await cache.set(KEY, heldAt(performance.now()))
      await cache.remember(KEY, { rejection: { at: Date.now(), waitMs: 5000 } })
      const names = (await keys()).filter((one) => one.startsWith(prefix)).sort()
      assert.deepEqual(
        names,
        ['known', 'lock', 'token'].map((kind) => `${prefix}{${KEY}}:${kind}`),
      )
      for (const one of names) assert.ok(((await store.get(one))?.left ?? 0) > 0, one)
    })
    assert.equal(await store.get(`${prefix}{${KEY}}:lock`), undefined)
    await cache.set(KEY, heldAt(performance.now() - 3_600_000))
    assert.equal(await store.get(`${prefix}{${KEY}}:token`), undefined, 'of an ended token nothing is kept')
    await store.set('short', 'value', () => 30)
    while (await store.get('short')) await turn()
  })

  test(`redis by ${name}: a lock is held beyond its life while its holder renews it`, { skip: NO_REDIS }, async (t) => {
    const options = { prefix: `test-${++prefixes}:`, lockMs: 900, timeoutMs: PATIENT_MS }
    const [{ store }, { store: same }] = [await open(t, connect), await open(t, connect)]
    const renewedLong = Promise.withResolvers<undefined>()
    let renewals = 0
    const prolong: KeyValueStore['prolong'] = async (...call) => {
      const answer = await store.prolong(...call)
      if (++renewals === 4) renewedLong.resolve(undefined)
      return answer
    }
    const order: string[] = []
    const { later } = await createKeyValueCache({ ...store, prolong }, options).exclusively(KEY, async () => {
      const next = createKeyValueCache(same, options).exclusively(KEY, () => Promise.resolve(order.push('other')))
      await renewedLong.promise
      order.push('one')
      return { later: next }
    })
    await later
    assert.deepEqual(order, ['one', 'other'])
  })

  test(`redis by ${name}: when the server stops the client works on, and says so once`, { skip: NO_REDIS }, async (t) => {
    const own = await startRedis()
    const connection = await connect(own.socket)
    t.after(connection.close)
    const troubles: string[] = []
    const options = { timeoutMs: 200, onTrouble: (error: Error) => troubles.push(error.message) }
    const cache = createKeyValueCache(connection.store, options)
    await cache.set(KEY, heldAt(performance.now(), 'very-secret'))
    await own.stop()
    assert.equal(await cache.exclusively(KEY, async () => (await cache.get(KEY))?.accessToken), 'very-secret')
    await cache.set(KEY, heldAt(performance.now(), 'more-secret'))
    assert.equal((await cache.get(KEY))?.accessToken, 'more-secret')
    assert.equal(troubles.length, 1)
    assert.match(troubles[0] ?? '', /^The store of shared tokens cannot be used \([\w-]+\); going on without it\.$/)
  })
}

test('a holder that no longer renews its lock loses it, and its release does not touch the next one', async () => {
  const time = { ms: 0 }
  const store = createMemoryStore(() => time.ms)
  const dead: KeyValueStore = { ...store, prolong: () => Promise.reject(new Error('gone')) }
  const [one, other] = [createKeyValueCache(dead, clocksOf(time)), createKeyValueCache(store, clocksOf(time))]
  const [inside, released] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  const first = one.exclusively(KEY, async () => {
    inside.resolve(undefined)
    await released.promise
  })
  await inside.promise
  time.ms = 10_000
  await other.exclusively(KEY, async () => {
    released.resolve(undefined)
    await first
    assert.ok(await store.get(`countersign:{${KEY}}:lock`), 'the lock of the second is still there')
  })
})

test('machines whose clocks differ by hours agree on what is left of a token', async () => {
  const time = { ms: 0 }
  const store = createMemoryStore(() => 5_000_000_000 + time.ms)
  const writer = clocksOf(time, 1000, 7_200_000)
  await createKeyValueCache(store, writer).set(KEY, heldAt(writer.monotonic()))
  time.ms = 3_000_000
  for (const ahead of [-7_200_000, 0, 300_000]) {
    const reader = clocksOf(time, 999_000, ahead)
    const held = await createKeyValueCache(store, reader).get(KEY)
    assert.equal(held && held.freshness.endsAt - reader.monotonic(), 600_000)
  }
})

test('what is encrypted shows no token and no failure in the store', async () => {
  const store = createMemoryStore(() => performance.now())
  const cache = createKeyValueCache(store, { encryptionKey: new Uint8Array(32).fill(7) })
  await cache.set(KEY, heldAt(performance.now(), 'very-secret'))
  const failure = {
    code: 'invalid_client',
    origin: 'https://secret.example',
    description: 'secret',
    count: 1,
    retryAt: Date.now() + 60_000,
  }
  await cache.remember(KEY, { failure })
  assert.equal(store.entries.size, 2)
  for (const { value } of store.entries.values()) assert.doesNotMatch(value, /secret|accessToken|invalid_client/)
  assert.equal((await createKeyValueCache(store).get(KEY)) ?? 'none', 'none')
})

test('a thousand calls in one second ask the store once, and what another changed is seen after it', async () => {
  const time = { ms: 0 }
  const store = createMemoryStore(() => time.ms)
  let asked = 0
  const counting: KeyValueStore = {
    ...store,
    get: (name) => {
      asked++
      return store.get(name)
    },
  }
  const [one, other] = [createKeyValueCache(counting, clocksOf(time)), createKeyValueCache(store, clocksOf(time))]
  await other.set(KEY, heldAt(0))
  for (let call = 0; call < 1000; call++) {
    time.ms = call
    assert.equal((await one.get(KEY))?.accessToken, 'token-1')
  }
  assert.equal(asked, 1)
  await other.replace(KEY, 'token-1', heldAt(time.ms, 'token-2'))
  time.ms = 1000
  assert.equal((await one.get(KEY))?.accessToken, 'token-2')
  time.ms = 3_000_000
  for (let call = 0; call < 5; call++) assert.ok(await one.get(KEY))
  assert.equal(asked, 7, 'an aging token is looked up each time: its successor may be there')
})

test('an entry that arrives late at Redis does not end later for it', async () => {
  let ms = 1000
  const ended: number[] = []
  const store = createRedisStore(async (script, _, values) => {
    ms += 5000
    if (script.includes('TIME')) return ['2000', '500000']
    ended.push(Number(values[1]))
    return 1
  })
  await store.set('name', 'value', () => 60_000 - ms)
  assert.deepEqual(ended, [2_000_500 + 60_000 - 6000])
})

test('what a driver says in its errors does not reach the one who is told, since it repeats what was sent', async () => {
  const troubles: string[] = []
  const failing = createRedisStore((_, __, values) => Promise.reject(new Error(`ERR unknown command 'EVAL', args: ${values.join()}`)))
  const cache = createKeyValueCache(failing, { onTrouble: ({ message }) => troubles.push(message) })
  await cache.set(KEY, heldAt(performance.now(), 'very-secret'))
  assert.deepEqual(troubles, ['The store of shared tokens cannot be used (ERR); going on without it.'])
})

test('an entry that never ends, or is of no use, is no token', async () => {
  const time = { ms: 0 }
  const store = createMemoryStore(() => time.ms)
  const [name, cache] = [`countersign:{${KEY}}:token`, createKeyValueCache(store, clocksOf(time))]
  await cache.set(KEY, heldAt(0))
  const value = store.entries.get(name)?.value ?? ''
  for (const damaged of ['', 'null', '{}', value.slice(0, -1), value.replace('"version":1', '"version":2')]) {
    await store.set(name, damaged, () => 1000)
    assert.equal(await createKeyValueCache(store, clocksOf(time)).get(KEY), undefined)
  }
  const endless: KeyValueStore = { ...store, get: () => Promise.resolve({ value, left: -1 }) }
  assert.equal(await createKeyValueCache(endless, clocksOf(time)).get(KEY), undefined)
})
