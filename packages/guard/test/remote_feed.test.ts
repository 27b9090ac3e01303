// A feed of revocations that misbehaves: what is not known must not pass, and no credential leaves for anywhere else.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createRemoteApiKeys } from '../src/remote_api_keys.ts'
import { RemoteGuardError } from '../src/remote_exchange.ts'
import type { FollowedRevocations, RevocationFeedOptions } from '../src/remote_feed.ts'
import { followRevocations } from '../src/remote_feed.ts'
import { createRemoteGuard } from '../src/remote_guard.ts'

const BOUNDED = { timeout: 10_000 }
const URL_OF_FEED = 'https://login.example/realms/main/revocations'
const STREAM = { headers: { 'content-type': 'text/event-stream' } }

const event = (name: string, data: unknown, id?: string): string =>
  `event: ${name}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`
const revoked = (value: string): string => event('revoked', { kind: 'jti', value, expires_at: 9000 }, `f-${value}`)
const OPENING = event('hello', { sequence: 1, heartbeat: 5 })

interface Line {
  readonly headers: Headers
  say(text: string): void
  end(): void
}

/** A server of feeds: each call of `lines` waits for the next connection. */
function exchangeOf(): { readonly fetch: typeof fetch; readonly line: () => Promise<Line> } {
  const waiting: ((line: Line) => void)[] = []
  const come: Line[] = []
  return {
    fetch: async (_url, init) => {
      let out: ReadableStreamDefaultController<Uint8Array> | undefined
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          out = controller
        },
      })
      init?.signal?.addEventListener('abort', () => {
        try {
          out?.error(new Error('aborted'))
        } catch {
          // It has ended before.
        }
      })
      const line: Line = {
        headers: new Headers(init?.headers),
        say: (text) => out?.enqueue(new TextEncoder().encode(text)),
        end: () => out?.close(),
      }
      const next = waiting.shift()
      if (next) next(line)
      else come.push(line)
      return new Response(body, STREAM)
    },
    line: () => {
      const one = come.shift()
      return one
        ? Promise.resolve(one)
        : new Promise((resolve) => {
            waiting.push(resolve)
          })
    },
  }
}

const follow = (options: Partial<RevocationFeedOptions>): FollowedRevocations =>
  followRevocations({
    url: URL_OF_FEED,
    authorization: 'Basic s3cret',
    fetch,
    nowMs: () => 0,
    now: () => 1000,
    maxSilenceMs: 15_000,
    maxRevocations: 1000,
    onChanged: () => undefined,
    onTrouble: () => undefined,
    ...options,
  })

/** After all that was said has been read. */
const settled = (): Promise<void> => setImmediate()

test('nothing is known before all of the past is told, nor after the longest silence', BOUNDED, async () => {
  const { fetch, line } = exchangeOf()
  let clock = 0
  const feed = follow({ fetch, nowMs: () => clock })
  const one = await line()
  one.say(OPENING + revoked('a'))
  await settled()
  assert.throws(() => feed.isRevoked('b', undefined), RemoteGuardError)
  one.say(event('caught_up', { sequence: 1 }))
  await feed.caughtUp
  assert.deepEqual([feed.isRevoked('a', undefined), feed.isRevoked('b', undefined)], [true, false])
  clock = 15_000
  assert.equal(feed.isRevoked('b', undefined), false)
  clock = 15_001
  assert.throws(() => feed.isRevoked('b', undefined), /silent for more than 15000 ms/)
  one.say(event('beat', {}))
  await settled()
  await settled()
  assert.equal(feed.isRevoked('b', undefined), false)
  feed.close()
})

test('a feed that broke off is taken up where it ended, and is not trusted before it has caught up', BOUNDED, async () => {
  const { fetch, line } = exchangeOf()
  let clock = 0
  let changes = 0
  const feed = follow({ fetch, nowMs: () => clock, onChanged: () => changes++ })
  const first = await line()
  first.say(OPENING + revoked('a') + event('caught_up', { sequence: 1 }))
  await feed.caughtUp
  first.end()
  const second = await line()
  assert.equal(second.headers.get('last-event-id'), 'f-a')
  clock = 20_000
  second.say(OPENING)
  await settled()
  await settled()
  assert.throws(() => feed.isRevoked('b', undefined), RemoteGuardError)
  second.say(revoked('b') + event('caught_up', { sequence: 2 }))
  await settled()
  await settled()
  assert.equal(feed.isRevoked('b', undefined), true)
  // What was changed while nobody listened is asked for anew.
  assert.equal(changes, 1)
  feed.close()
})

test('a feed that falls silent is given up for another', BOUNDED, async () => {
  const { fetch, line } = exchangeOf()
  const told: string[] = []
  const feed = follow({ fetch, onTrouble: (error) => told.push(error.message) })
  const first = await line()
  first.say(event('hello', { sequence: 0, heartbeat: 0.1 }) + event('caught_up', { sequence: 0 }))
  await line()
  assert.deepEqual(told, [`${URL_OF_FEED} broke off`])
  feed.close()
})

test('more revocations than are kept are said, not forgotten', BOUNDED, async () => {
  const { fetch, line } = exchangeOf()
  const feed = follow({ fetch, maxRevocations: 2 })
  const one = await line()
  one.say(OPENING + ['a', 'b', 'c'].map(revoked).join('') + event('caught_up', { sequence: 3 }))
  await feed.caughtUp
  assert.throws(() => feed.isRevoked('d', undefined), /more than 2 revocations/)
  feed.close()
})

test('what is no feed is told to the operator without the credentials, and tried again', BOUNDED, async () => {
  const answers: (() => Response)[] = [
    () => new Response('', { status: 401 }),
    () => Response.redirect('https://elsewhere.example/', 307),
    () => Response.json({}),
    () => new Response(`data: ${'a'.repeat(100_000)}`, STREAM),
    () => new Response(event('hello', {}).replace('{}', '{"a":1,"a":2}'), STREAM),
  ]
  await Promise.all(
    answers.map(async (answer) => {
      const asked: (readonly [string, RequestInit['redirect']])[] = []
      const told: string[] = []
      await new Promise<void>((resolve) => {
        const feed = follow({
          fetch: async (url, init) => {
            asked.push([url as string, init?.redirect])
            if (asked.length === 1) return answer()
            feed.close()
            resolve()
            throw new Error('over')
          },
          onTrouble: (error) => told.push(error.message),
        })
      })
      assert.ok(asked.every(([url, redirect]) => url === URL_OF_FEED && redirect === 'manual'))
      assert.equal(told.length, 1)
      assert.doesNotMatch(told.join(), /s3cret/)
    }),
  )
})

test('an API key is kept until something changed, also where the change overtakes the answer', BOUNDED, async () => {
  const answers: ((response: Response) => void)[] = []
  const fetch = (): Promise<Response> =>
    new Promise((resolve) => {
      answers.push(resolve)
    })
  const keys = createRemoteApiKeys({ url: 'https://login.example/realms/main/api-key', authorization: 'Basic x', fetch, maxKeys: 2 })
  const record = { id: 'k', client_id: 'shop', expires_at: null, addresses: [] }
  const [first, joined] = [keys.find('sha256:a'), keys.find('sha256:a')]
  assert.equal(answers.length, 1)
  keys.forget()
  answers[0]?.(Response.json(record))
  assert.deepEqual(await Promise.all([first, joined]), [
    { id: 'k', clientId: 'shop', expiresAt: null, addresses: [] },
    { id: 'k', clientId: 'shop', expiresAt: null, addresses: [] },
  ])
  const again = keys.find('sha256:a')
  assert.equal(answers.length, 2)
  answers[1]?.(Response.json({ found: false }, { status: 404 }))
  assert.equal(await again, undefined)
  const malformed = keys.find('sha256:b')
  answers[2]?.(Response.json({ ...record, addresses: 'all' }))
  await assert.rejects(async () => malformed, RemoteGuardError)
  const lost = keys.find('sha256:c')
  answers[3]?.(Response.json({}, { status: 404 }))
  await assert.rejects(async () => lost, /is not where API keys are asked for/)
})

test('a description that leads away from the origin it came from is refused', BOUNDED, async () => {
  const well = { issuer: 'https://login.example/realms/main', realm: 'main', jwks: '/j', revocations: '/r', api_key: '/k', dialects: [] }
  const evil = [
    { jwks: 'https://elsewhere.example/jwks' },
    { revocations: '//elsewhere.example/r' },
    { api_key: '/\\elsewhere.example' },
    { jwks: null },
  ]
  for (const change of evil) {
    const asked: string[] = []
    const setup = {
      url: 'https://login.example/realms/main',
      clientId: 'api',
      clientSecret: 's3cret',
      audience: 'https://api.example',
      fetch: async (url: string | URL | Request) => {
        asked.push(url as string)
        return Response.json({ ...well, ...change })
      },
      nowMs: () => performance.now(),
      now: () => 1000,
      startWithinMs: 1,
    }
    await assert.rejects(createRemoteGuard(setup), RemoteGuardError, JSON.stringify(change))
    assert.deepEqual(asked, ['https://login.example/realms/main/guard'])
  }
  await assert.rejects(
    createRemoteGuard({
      url: 'http://login.example/realms/main',
      clientId: 'api',
      clientSecret: 's3cret',
      audience: 'https://api.example',
      fetch,
      nowMs: () => 0,
      now: () => 0,
    }),
    TypeError,
  )
})
