// Bodies through the gateway: streamed both ways, whole, and ended when either side goes.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import { API, hashed } from '../issue/orders.ts'

const SECRET = 'a secret that is long enough'
const arrivals = new EventEmitter()
let server: TestServer
let upstream: Upstream
let bearer: string

before(async () => {
  // What the upstream does is the test's to say: each gets its own request and response.
  upstream = await startUpstream((incoming, response) => arrivals.emit(incoming.url ?? '', incoming, response))
  server = await startConfigured({
    realms: [{ id: 'shop', audiences: [API], clients: [{ clientId: 'one', secret: hashed(SECRET) }] }],
    apis: [{ id: 'files', realm: 'shop', upstream: upstream.origin }],
  })
  const { json } = await postForm(`${server.origin}/realms/shop/oauth2/token`, { grant_type: 'client_credentials' }, basic('one', SECRET))
  bearer = `Bearer ${String(json['access_token'])}`
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
  await upstream.close()
})

async function open(
  path: string,
  method: string,
  headers: Record<string, string> = {},
): Promise<{ sent: ClientRequest; arrived: Promise<[IncomingMessage, ServerResponse]> }> {
  const { hostname, port } = new URL(server.origin)
  const arrived = once(arrivals, path) as Promise<[IncomingMessage, ServerResponse]>
  const sent = request({ hostname, port, method, path: `/apis/files${path}`, headers: { authorization: bearer, ...headers }, agent: false })
  // Those that break on purpose say so here; whoever waits for an event hears of it there.
  sent.on('error', () => undefined)
  return { sent, arrived }
}

const answered = async (sent: ClientRequest): Promise<IncomingMessage> => (await once(sent, 'response'))[0]

async function whole(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

test('the upstream reads the first part of an upload before the caller has sent the second', async () => {
  const { sent, arrived } = await open('/upload', 'POST')
  sent.write('first')
  const [incoming, response] = await arrived
  assert.equal(String((await once(incoming, 'data'))[0]), 'first')
  // Only now is there a second part: had the gateway waited for the whole, nothing would have come.
  sent.end('second')
  assert.equal(String((await once(incoming, 'data'))[0]), 'second')
  response.end('done')
  assert.equal(String(await whole(await answered(sent))), 'done')
})

test('the caller reads the first part of an answer before the upstream has sent the second', async () => {
  const { sent, arrived } = await open('/download', 'GET')
  sent.end()
  const [, response] = await arrived
  response.write('first')
  const answer = await answered(sent)
  assert.equal(String((await once(answer, 'data'))[0]), 'first')
  response.end('second')
  assert.equal(String((await once(answer, 'data'))[0]), 'second')
})

test('the answer may begin while the upload still goes on', async () => {
  const { sent, arrived } = await open('/both', 'POST')
  sent.write('question 1')
  const [incoming, response] = await arrived
  await once(incoming, 'data')
  response.write('answer 1')
  const answer = await answered(sent)
  assert.equal(String((await once(answer, 'data'))[0]), 'answer 1')
  sent.write('question 2')
  assert.equal(String((await once(incoming, 'data'))[0]), 'question 2')
  sent.end()
  response.end('answer 2')
  assert.equal(String(await whole(answer)), 'answer 2')
})

for (const [how, headers] of [
  ['with a length', { 'content-length': String(5 << 20) }],
  ['in chunks', {}],
] as const) {
  test(`5 MiB each way ${how} arrive as they were sent`, async () => {
    const bytes = randomBytes(5 << 20)
    const { sent, arrived } = await open('/large', 'PUT', headers)
    // Given with the end, the bytes would get a length.
    sent.write(bytes)
    sent.end()
    const [incoming, response] = await arrived
    assert.equal(incoming.headers['content-length'], headers['content-length' as keyof typeof headers])
    const received = await whole(incoming)
    assert.equal(digest(received), digest(bytes))
    response.end(received)
    assert.equal(digest(await whole(await answered(sent))), digest(bytes))
  })
}

test('a caller who goes away ends the request at the upstream, before the answer and in its middle', async () => {
  const early = await open('/abort-early', 'GET')
  early.sent.end()
  const [, waiting] = await early.arrived
  early.sent.destroy()
  await once(waiting, 'close')
  assert.equal(waiting.writableFinished, false)

  const late = await open('/abort-late', 'GET')
  late.sent.end()
  const [, writing] = await late.arrived
  writing.write('some')
  await once(await answered(late.sent), 'data')
  late.sent.destroy()
  await once(writing, 'close')
  assert.equal(writing.writableFinished, false)
})

test('a caller who goes away in the middle of an upload ends it at the upstream', async () => {
  const { sent, arrived } = await open('/abort-upload', 'POST', { 'content-length': '100' })
  sent.write('some')
  const [incoming] = await arrived
  // It arrives as an error or as an early end; a complete request it must never be.
  const ended = new Promise<void>((resolve) => {
    incoming.on('error', () => undefined).once('close', resolve)
  })
  await once(incoming, 'data')
  sent.destroy()
  await ended
  assert.equal(incoming.complete, false)
})

test('an upstream that breaks off in the middle of its answer breaks off at the caller too: half is never whole', async () => {
  for (const headers of [{ 'content-length': '100' }, {}]) {
    const { sent, arrived } = await open('/break', 'GET')
    sent.end()
    const [, response] = await arrived
    response.writeHead(200, headers).write('some')
    const answer = await answered(sent)
    await once(answer, 'data')
    response.destroy()
    await assert.rejects(whole(answer), /aborted/)
    assert.equal(answer.complete, false)
  }
})

test('an upstream that refuses before it has read the upload is heard', async () => {
  const { sent, arrived } = await open('/refuse', 'POST', { 'content-length': String(5 << 20) })
  sent.write(randomBytes(1 << 16))
  const [, response] = await arrived
  response.writeHead(413, { connection: 'close' }).end('too large')
  const answer = await answered(sent)
  assert.deepEqual([answer.statusCode, String(await whole(answer))], [413, 'too large'])
  sent.destroy()
})

test('a request without a body arrives without one, and an empty one stays empty', async () => {
  for (const [method, headers] of [
    ['GET', {}],
    ['DELETE', {}],
    ['POST', { 'content-length': '0' }],
  ] as const) {
    const { sent, arrived } = await open('/empty', method, headers)
    sent.end()
    const [incoming, response] = await arrived
    assert.deepEqual([incoming.headers['transfer-encoding'], (await whole(incoming)).length], [undefined, 0], method)
    response.end()
    await whole(await answered(sent))
  }
})

test('Expect: 100-continue is answered here, and the body follows', async () => {
  const { sent, arrived } = await open('/expect', 'POST', { expect: '100-continue', 'content-length': '4' })
  sent.flushHeaders()
  await once(sent, 'continue')
  sent.end('body')
  const [incoming, response] = await arrived
  assert.deepEqual([incoming.headers['expect'], String(await whole(incoming))], [undefined, 'body'])
  response.end()
  assert.equal((await answered(sent)).statusCode, 200)
})
