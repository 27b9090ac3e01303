// SIGTERM and SIGINT: what was accepted is answered, nothing new is taken, the process ends by itself with 0, and at a second signal at once.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { Agent, request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { basic } from '../harness/http.ts'
import type { Ending, Serving } from './program.ts'
import { BOUNDED, complaint, serve, temporaryFolder } from './program.ts'
import { clientCredentials, DESK, startUpstream, tokensOf, writeShop } from './shop.ts'

/** From the contract. */
const LONGEST_DRAIN_MS = 10_000

const sockets: Socket[] = []
after(() => {
  for (const socket of sockets) socket.destroy()
})

/** An upstream that keeps its callers waiting until it is told to answer. */
const holdingUpstream = async (): Promise<{ origin: string; held: readonly ServerResponse[]; count(n: number): Promise<void> }> => {
  const held: ServerResponse[] = []
  let wake = (): void => {}
  const origin = await startUpstream((_request, response) => {
    held.push(response)
    wake()
  })
  const count = async (n: number): Promise<void> => {
    while (held.length < n) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { origin, held, count }
}

const start = async (upstream: string): Promise<Serving> => {
  const folder = temporaryFolder()
  return await serve(['--config', await writeShop(folder, upstream), '--data', join(folder, 'data')])
}

interface UnderWay {
  readonly request: ClientRequest
  readonly answer: Promise<{ status: number | undefined; text: string }>
}

const begin = (url: string, method: string, headers: Record<string, string>, agent?: Agent): UnderWay => {
  const request = httpRequest(url, { method, headers, agent: agent ?? false })
  const answer = once(request, 'response').then(async ([response]: IncomingMessage[]) => {
    let text = ''
    for await (const chunk of response?.setEncoding('utf8') ?? []) text += String(chunk)
    return { status: response?.statusCode, text }
  })
  // Looked at later.
  answer.catch(() => undefined)
  return { request, answer }
}

const SIGN_IN = new URLSearchParams({ grant_type: 'password', username: 'clerk', password: 'a password of the process tests' }).toString()
const CREDENTIALS = 'grant_type=client_credentials'

/** A token request whose head the server has read, as its `100 Continue` proves; the body is not sent yet. */
const beginTokenRequest = async (origin: string, body: string): Promise<UnderWay> => {
  const headers = {
    ...basic(DESK.clientId, DESK.secret),
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': `${body.length}`,
    expect: '100-continue',
  }
  const underWay = begin(`${origin}/realms/shop/oauth2/token`, 'POST', headers)
  underWay.request.flushHeaders()
  await once(underWay.request, 'continue')
  return underWay
}

const callApi = (origin: string, token: string, agent?: Agent): UnderWay => {
  const underWay = begin(`${origin}/apis/shop/orders`, 'GET', { authorization: `Bearer ${token}` }, agent)
  underWay.request.end()
  return underWay
}

/** An open connection that says nothing. */
const silentConnection = async (origin: string): Promise<Socket> => {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

const isRefused = async (origin: string): Promise<boolean> => {
  try {
    ;(await silentConnection(origin)).destroy()
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
  }
}

/** Sends the signal and waits until the public listener takes no connection any more; the other one goes on saying that it drains. */
const beginDrain = async ({ child, origin }: Serving): Promise<void> => {
  child.kill('SIGTERM')
  while (!(await isRefused(origin))) await pause(5)
}

/** The end, unless it takes longer than the contract allows. */
const within = async (milliseconds: number, ended: Promise<Ending>): Promise<Ending> => {
  const late = new AbortController()
  const timeUp = pause(milliseconds, 'too late' as const, { signal: late.signal }).catch(() => 'too late' as const)
  const ending = await Promise.race([ended, timeUp])
  late.abort()
  return ending === 'too late' ? assert.fail(`the program runs on ${milliseconds} ms after it was told to end`) : ending
}

test('at SIGTERM 64 requests under way are answered, new connections are refused, and the end is 0', BOUNDED, async () => {
  const upstream = await holdingUpstream()
  const server = await start(upstream.origin)
  const { access } = tokensOf(await clientCredentials(server.origin, DESK))
  const calls = Array.from({ length: 24 }, () => callApi(server.origin, access))
  const tokens = await Promise.all(Array.from({ length: 24 }, () => beginTokenRequest(server.origin, CREDENTIALS)))
  const signIns = await Promise.all(Array.from({ length: 16 }, () => beginTokenRequest(server.origin, SIGN_IN)))
  await upstream.count(calls.length)

  // Sixteen password checks take longer than it takes to stop listening: some wait in the queue when the signal comes.
  for (const { request } of signIns) request.end(SIGN_IN)
  await beginDrain(server)
  for (const { request } of tokens) request.end(CREDENTIALS)
  for (const response of upstream.held) response.end('late, but there')

  for (const { answer } of calls) assert.deepEqual(await answer, { status: 200, text: 'late, but there' })
  for (const { answer } of [...tokens, ...signIns]) {
    const { status, text } = await answer
    assert.equal(status, 200, text)
    assert.equal(typeof (JSON.parse(text) as Record<string, unknown>)['access_token'], 'string')
  }
  const ending = await within(LONGEST_DRAIN_MS, server.ended)
  assert.deepEqual([ending.code, ending.signal, complaint(ending)], [0, null, ''])
})

test('connections on which nothing is under way do not hold up the end', BOUNDED, async () => {
  const server = await start(await startUpstream())
  const { access } = tokensOf(await clientCredentials(server.origin, DESK))
  const agent = new Agent({ keepAlive: true })
  assert.equal((await callApi(server.origin, access, agent).answer).status, 200)
  const health = begin(`${server.managementOrigin}/health/live`, 'GET', {}, agent)
  health.request.end()
  assert.equal((await health.answer).status, 200)
  const silent = await Promise.all([silentConnection(server.origin), silentConnection(server.managementOrigin)])
  // Another request on a connection of its own, so that the server has surely accepted the silent ones.
  assert.equal((await clientCredentials(server.origin, DESK)).status, 200)

  // Far less than the time after which answers are cut off, far more than it takes to end.
  const ending = await within(LONGEST_DRAIN_MS / 2, server.end('SIGTERM'))
  assert.deepEqual([ending.code, ending.signal, complaint(ending)], [0, null, ''])
  agent.destroy()
  for (const socket of silent) socket.destroy()
})

test('half a request for the management listener does not hold up the end', BOUNDED, async () => {
  const server = await start(await startUpstream())
  const half = await silentConnection(server.managementOrigin)
  half.write('GET /health/live HTTP/1.1\r\nHost: ')
  const health = begin(`${server.managementOrigin}/health/live`, 'GET', {})
  health.request.end()
  assert.equal((await health.answer).status, 200)
  const ending = await within(LONGEST_DRAIN_MS / 2, server.end('SIGTERM'))
  assert.deepEqual([ending.code, ending.signal, complaint(ending)], [0, null, ''])
  half.destroy()
})

test('an answer that is streaming when SIGTERM comes is streamed to its end', BOUNDED, async () => {
  const upstream = await holdingUpstream()
  const server = await start(upstream.origin)
  const { access } = tokensOf(await clientCredentials(server.origin, DESK))
  const { request, answer } = callApi(server.origin, access)
  await upstream.count(1)
  const [response] = upstream.held
  assert.ok(response)
  response.write('one ')
  await once(request, 'response')
  await beginDrain(server)
  for (const word of ['two ', 'three ', 'four ']) {
    response.write(word)
    await pause(100)
  }
  response.end('five')
  assert.deepEqual(await answer, { status: 200, text: 'one two three four five' })
  const ending = await server.ended
  assert.deepEqual([ending.code, ending.signal, complaint(ending)], [0, null, ''])
})

test('a token request that follows on a busy connection while the server drains is answered too', BOUNDED, async () => {
  const upstream = await holdingUpstream()
  const server = await start(upstream.origin)
  const { access } = tokensOf(await clientCredentials(server.origin, DESK))
  const { hostname, port } = new URL(server.origin)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  const { authorization } = basic(DESK.clientId, DESK.secret)
  socket.write(`GET /apis/shop/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${access}\r\n\r\n`)
  await upstream.count(1)
  await beginDrain(server)
  const head = `host: x\r\nauthorization: ${authorization}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: ${CREDENTIALS.length}`
  socket.write(`POST /realms/shop/oauth2/token HTTP/1.1\r\n${head}\r\n\r\n${CREDENTIALS}`)
  upstream.held[0]?.end('first')
  let text = ''
  for await (const chunk of socket.setEncoding('utf8')) text += String(chunk)
  assert.equal((await server.ended).code, 0)
  assert.deepEqual(text.match(/HTTP\/1\.1 [0-9]+/g), ['HTTP/1.1 200', 'HTTP/1.1 200'])
})

/** A server with an answer under way that never ends. */
const startWithEndless = async (): Promise<Serving> => {
  const upstream = await holdingUpstream()
  const server = await start(upstream.origin)
  const { access } = tokensOf(await clientCredentials(server.origin, DESK))
  const { request } = callApi(server.origin, access)
  request.on('error', () => undefined)
  await upstream.count(1)
  upstream.held[0]?.write('on and on')
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('error', () => undefined).resume()
  return server
}

test('an answer that never ends is cut off in time, and the end is 0', BOUNDED, async () => {
  const server = await startWithEndless()
  server.child.kill('SIGTERM')
  const ending = await within(LONGEST_DRAIN_MS, server.ended)
  assert.deepEqual([ending.code, ending.signal], [0, null])
  assert.match(complaint(ending), /Answers that were not finished after 8 s of draining are cut off; nothing acknowledged is lost\./)
})

test('a second signal ends the process at once with 1', BOUNDED, async () => {
  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    const server = await startWithEndless()
    await beginDrain(server)
    const ending = await server.end(second)
    assert.deepEqual([ending.code, ending.signal, complaint(ending)], [1, null, ''])
  }
})
