// Remote key sets against a real HTTP server: caching, single flight, rotation, outages and hostile answers.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import type { RequestListener, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { JoseError } from '@countersign/protocol/jose/error'
import type { PublicJwk } from '@countersign/protocol/jose/jwk'
import { publicOf } from '@countersign/protocol/jose/jwk'
import { signJwt, verifyJwt } from '@countersign/protocol/jose/jwt'
import type { RemoteKeySet, RemoteKeySetOptions } from '@countersign/protocol/jose/remote_key_set'
import { createRemoteKeySet } from '@countersign/protocol/jose/remote_key_set'
import { claimsOf, expect, freshKey, keyFor } from './keys.ts'

const first = await keyFor('ES256')
const second = await freshKey('ES256')
const firstJwk = publicOf(first.jwk)
const secondJwk = publicOf(second.jwk)

interface Stage {
  readonly keys: RemoteKeySet
  readonly failures: JoseError[]
  /** Emits `failure`. */
  readonly news: EventEmitter
  /** What the server answers with; a test may replace it. */
  answer: RequestListener
  requests: number
  nowMs: number
}

const publish =
  (...keys: readonly PublicJwk[]): RequestListener =>
  (_request, response) =>
    sendJson(response, { keys })
const sendJson = (response: ServerResponse, body: unknown): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const listen = async (context: TestContext, listener: RequestListener): Promise<string> => {
  const server: Server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const setStage = async (context: TestContext, answer: RequestListener, options: Partial<RemoteKeySetOptions> = {}): Promise<Stage> => {
  const failures: JoseError[] = []
  const news = new EventEmitter()
  const onFailure = (error: JoseError): void => {
    failures.push(error)
    news.emit('failure')
  }
  const url = await listen(context, (request, response) => {
    stage.requests++
    stage.answer(request, response)
  })
  const keys = createRemoteKeySet({ url: `${url}/jwks`, fetch, now: () => stage.nowMs, onFailure, ...options })
  const stage: Stage = { keys, failures, news, answer, requests: 0, nowMs: 5_000_000 }
  return stage
}

const unavailable = { name: 'JoseError', code: 'key_unavailable' }
const find = async (stage: Stage, jwk: PublicJwk): Promise<string | undefined> => (await stage.keys.find(jwk.kid, jwk.alg))?.kid
/** Fetches in the background are awaited by nobody: a test waits until so many have failed. */
const failed = async (stage: Stage, count: number): Promise<void> => {
  while (stage.failures.length < count) await once(stage.news, 'failure')
}

test('The first question fetches once for all who ask, later ones are answered at once', async (context) => {
  const stage = await setStage(context, publish(firstJwk))
  const found = await Promise.all(Array.from({ length: 50 }, async () => stage.keys.find(first.jwk.kid, 'ES256')))
  assert.deepEqual(new Set(found.map((verifier) => verifier?.kid)), new Set([first.jwk.kid]))
  const now = stage.keys.find(first.jwk.kid, 'ES256')
  assert.ok(now !== undefined && !(now instanceof Promise))
  assert.equal(stage.requests, 1)
})

test('Tokens are verified through it, later first, then at once', async (context) => {
  const stage = await setStage(context, publish(firstJwk))
  const token = signJwt(first.signer, 'at+jwt', claimsOf())
  const pending = verifyJwt(token, expect(), stage.keys)
  assert.ok(pending instanceof Promise)
  assert.equal((await pending).subject, 'client-1')
  assert.ok(!(verifyJwt(token, expect(), stage.keys) instanceof Promise))
})

test('Prefetching leaves nothing to wait for', async (context) => {
  const stage = await setStage(context, publish(firstJwk))
  await Promise.all([stage.keys.prefetch(), stage.keys.prefetch()])
  assert.ok(!(stage.keys.find(first.jwk.kid, 'ES256') instanceof Promise))
  await stage.keys.prefetch()
  assert.equal(stage.requests, 1)
})

test('An unsupported algorithm never causes a fetch', async (context) => {
  const stage = await setStage(context, publish(firstJwk))
  const bad = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.e30.AA`
  assert.throws(() => verifyJwt(bad, expect(), stage.keys), { code: 'unsupported' })
  assert.equal(stage.requests, 0)
})

test('A new key is found by its first token, strangers cost one fetch in a cooldown', async (context) => {
  const stage = await setStage(context, publish(firstJwk), { cooldownMs: 30_000 })
  await stage.keys.prefetch()
  stage.answer = publish(firstJwk, secondJwk)
  assert.equal(await find(stage, secondJwk), second.jwk.kid)
  assert.equal(stage.requests, 2)
  for (let stranger = 0; stranger < 100; stranger++) assert.equal(await stage.keys.find(`stranger-${stranger}`, 'ES256'), undefined)
  stage.nowMs += 29_999
  assert.equal(stage.keys.find('stranger', 'ES256'), undefined)
  assert.equal(stage.requests, 2)
  stage.nowMs += 1
  await Promise.all(Array.from({ length: 20 }, async (_, index) => stage.keys.find(`stranger-${index}`, 'ES256')))
  assert.equal(stage.requests, 3)
})

test('A stranger asking first costs one fetch, not two', async (context) => {
  const stage = await setStage(context, publish(firstJwk))
  assert.equal(await stage.keys.find('stranger', 'ES256'), undefined)
  assert.equal(stage.requests, 1)
})

test('Aged keys answer at once while new ones are fetched behind them', async (context) => {
  const stage = await setStage(context, publish(firstJwk), { maxAgeMs: 60_000 })
  await stage.keys.prefetch()
  stage.answer = publish(secondJwk)
  stage.nowMs += 59_999
  assert.ok(!(stage.keys.find(first.jwk.kid, 'ES256') instanceof Promise))
  assert.equal(stage.requests, 1)
  stage.nowMs += 1
  const stale = stage.keys.find(first.jwk.kid, 'ES256')
  assert.ok(stale !== undefined && !(stale instanceof Promise))
  assert.equal(await find(stage, secondJwk), second.jwk.kid)
  assert.equal(stage.requests, 2)
  stage.nowMs += 30_000
  assert.equal(await find(stage, firstJwk), undefined)
})

test('Very old keys are not trusted before a fetch was tried', async (context) => {
  const stage = await setStage(context, publish(firstJwk), { maxStaleMs: 3_600_000 })
  await stage.keys.prefetch()
  stage.answer = publish(secondJwk)
  stage.nowMs += 3_600_000
  assert.equal(await find(stage, firstJwk), undefined)
})

test('Without any keys an outage is key_unavailable, tried again with growing patience', async (context) => {
  const stage = await setStage(context, (_request, response) => void response.writeHead(500).end('secret-detail'))
  await assert.rejects(async () => stage.keys.find('a', 'ES256'), unavailable)
  assert.throws(() => void stage.keys.find('a', 'ES256'), unavailable)
  assert.equal(stage.requests, 1)
  for (const wait of [1000, 2000, 4000]) {
    stage.nowMs += wait - 1
    assert.throws(() => void stage.keys.find('a', 'ES256'), unavailable)
    stage.nowMs += 1
    await assert.rejects(async () => stage.keys.find('a', 'ES256'), unavailable)
  }
  assert.equal(stage.requests, 4)
  await assert.rejects(stage.keys.prefetch(), unavailable)
  stage.answer = publish(firstJwk)
  await stage.keys.prefetch()
  assert.equal(await find(stage, firstJwk), first.jwk.kid)
  assert.equal(stage.failures.length, 5)
  for (const failure of stage.failures) assert.doesNotMatch(failure.message, /secret-detail/)
})

test('With old keys an outage is noticed by the operator only, and unknown keys are unavailable rather than unknown', async (context) => {
  const stage = await setStage(context, publish(firstJwk), { maxAgeMs: 60_000, cooldownMs: 30_000, maxStaleMs: 120_000 })
  await stage.keys.prefetch()
  stage.answer = (_request, response) => void response.writeHead(503).end()
  stage.nowMs += 60_000
  assert.equal(await find(stage, firstJwk), first.jwk.kid)
  await failed(stage, 1)
  for (let again = 0; again < 10; again++) assert.equal(await find(stage, firstJwk), first.jwk.kid)
  await assert.rejects(async () => stage.keys.find(second.jwk.kid, 'ES256'), unavailable)
  assert.equal(stage.requests, 2)
  stage.nowMs += 60_000
  assert.equal(await find(stage, firstJwk), first.jwk.kid)
  assert.equal(stage.requests, 3)
  assert.ok(!(stage.keys.find(first.jwk.kid, 'ES256') instanceof Promise))
  stage.answer = publish(secondJwk)
  stage.nowMs += 30_000
  assert.equal(await find(stage, secondJwk), second.jwk.kid)
})

test('A redirect is not followed', async (context) => {
  let reached = 0
  const elsewhere = await listen(context, (_request, response) => {
    reached++
    sendJson(response, { keys: [secondJwk] })
  })
  for (const status of [301, 302, 303, 307, 308]) {
    const stage = await setStage(context, (_request, response) => void response.writeHead(status, { location: elsewhere }).end())
    await assert.rejects(async () => stage.keys.find(second.jwk.kid, 'ES256'), unavailable)
  }
  assert.equal(reached, 0)
})

test('Hostile answers are failures: too long, endless, cut off, not JSON, no set, no usable key', async (context) => {
  const endless: RequestListener = (_request, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(16_384)));
    }
    response.writeHead(200).on('drain', more)
    more()
  }
  const answers: readonly RequestListener[] = [
    (_request, response) => void response.end(JSON.stringify({ keys: [firstJwk], pad: 'x'.repeat(262_144) })),
    endless,
    (_request, response) => void response.writeHead(200, { 'content-length': '1000' }).write('{"keys":[', () => response.destroy()),
    (request) => void request.socket.destroy(),
    (_request, response) => void response.end('<html>'),
    (_request, response) => void response.end(''),
    (_request, response) => void response.end(Buffer.from([0x7b, 0xff, 0x7d])),
    (_request, response) => void response.end('{"keys":[],"keys":[]}'),
    (_request, response) => void response.end(`${'['.repeat(1000)}${']'.repeat(1000)}`),
    (_request, response) => sendJson(response, {}),
    (_request, response) => sendJson(response, { keys: Array(101).fill(firstJwk) }),
    (_request, response) =>
      sendJson(response, {
        keys: [
          { ...firstJwk, kid: 'k' },
          { ...secondJwk, kid: 'k' },
        ],
      }),
    (_request, response) => sendJson(response, { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }),
    (_request, response) => void response.writeHead(201).end(JSON.stringify({ keys: [firstJwk] })),
  ]
  for (const answer of answers) {
    const stage = await setStage(context, answer)
    await assert.rejects(async () => stage.keys.find(first.jwk.kid, 'ES256'), unavailable)
    stage.answer = publish(firstJwk)
    stage.nowMs += 60_000
    assert.equal(await find(stage, firstJwk), first.jwk.kid)
    stage.answer = answer
    stage.nowMs += 600_000
    assert.equal(await find(stage, firstJwk), first.jwk.kid)
    await failed(stage, 2)
    assert.equal(await find(stage, firstJwk), first.jwk.kid)
  }
})

test('An answer that never comes is given up', async (context) => {
  const stage = await setStage(context, () => undefined, { timeoutMs: 50 })
  await assert.rejects(async () => stage.keys.find('a', 'ES256'), { code: 'key_unavailable', message: /within 50 ms/ })
  const halfway = await setStage(context, (_request, response) => void response.writeHead(200).write('{"keys":['), { timeoutMs: 50 })
  await assert.rejects(async () => halfway.keys.find('a', 'ES256'), { code: 'key_unavailable', message: /within 50 ms/ })
})

test('A server that is not there is key_unavailable', async () => {
  const keys = createRemoteKeySet({ url: 'http://127.0.0.1:1/', fetch, now: () => 0 })
  await assert.rejects(async () => keys.find('a', 'ES256'), unavailable)
})

test('Only https, or http on a loopback host, is fetched from', () => {
  const make = (url: string, allowHttp = false): unknown => createRemoteKeySet({ url, fetch, now: () => 0, allowHttp })
  for (const url of [
    '',
    '/jwks',
    'ftp://a/',
    'file:///etc/passwd',
    'http://a.example/',
    'http://127.0.0.1.example/',
    'http://localhost.example/',
    'https://user:pw@a.example/',
    'data:,{}',
  ]) {
    assert.throws(() => make(url), TypeError, url)
  }
  for (const url of ['https://a.example/jwks', 'http://127.0.0.1:1/', 'http://localhost/', 'http://[::1]:1/', 'http://a.localhost/'])
    make(url)
  make('http://a.example/', true)
  assert.throws(() => make('ftp://a.example/', true), TypeError)
})
