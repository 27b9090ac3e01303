// The request's id and its line in the log: the same in the answer, at the upstream and in the log; nobody's words but ours; and a log that
// nobody reads stops nothing.
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { secretHash } from '../../src/model/secret_hash.ts'
import { createLogSink } from '../../src/server/log_sink.ts'
import { connectTo, readUntil } from '../gateway/gate.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { startEcho } from '../harness/upstream.ts'
import { BOUNDED, serve } from '../process/program.ts'
import { CREDENTIALS, folder, SHOP } from './used.ts'

async function started(listen: object) {
  const upstream = await startEcho()
  const place = folder()
  const config = join(place, 'countersign.json')
  const client = { clientId: 'shop', secret: { hash: secretHash(SHOP) } }
  const input = {
    listen,
    log: { requests: true },
    realms: [{ id: 'depot', audiences: ['goods'], clients: [client] }],
    apis: [{ id: 'goods', realm: 'depot', upstream: upstream.origin, routes: [{ path: '/orders/:id' }] }],
  }
  writeFileSync(config, JSON.stringify(input))
  const server = await serve(['--config', config])
  return { ...server, upstream, tokenUrl: `${server.origin}/realms/depot/oauth2/token` }
}

type Line = Readonly<Record<string, string | number | undefined>>
const linesOf = (text: string): Line[] => text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Line] : []))

test('each request leaves one line, with what is proven and configured and nothing that the caller wrote', BOUNDED, async () => {
  const server = await started({ trustedProxies: ['127.0.0.1'] })
  const granted = await postForm(server.tokenUrl, CREDENTIALS, basic('shop', SHOP))
  const token = String(granted.json['access_token'])
  const refused = await postForm(server.tokenUrl, { ...CREDENTIALS, scope: 'a-word-of-the-caller' }, basic('nobody-we-know', SHOP))
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'from.the:proxy-1' }
  const passed = await send(`${server.origin}/apis/goods/orders/a-path-of-the-caller?a-query=1`, { headers })
  const told = await send(`${server.origin}/realms/depot/usage`, { headers: basic('shop', SHOP) })
  const unknown = await send(`${server.origin}/a-path-of-the-caller`, { headers: { 'x-request-id': 'not safe"' } })
  await server.end('SIGTERM')
  await server.upstream.close()
  const lines = linesOf(server.stdout())
  const seen = lines.map(({ realm, endpoint, grant, api, route, client_id, method, status, code, address }) =>
    [realm, endpoint, grant, api, route, client_id, method, status, code, address].map((one) => one ?? '-').join(' '),
  )
  assert.deepEqual(seen, [
    'depot token client_credentials - - shop POST 200 ok 127.0.0.1',
    'depot token - - - - POST 401 invalid_client 127.0.0.1',
    'depot - - goods * /orders/:id shop GET 200 allowed 127.0.0.1',
    'depot usage - - - shop GET 200 ok 127.0.0.1',
    '- - - - - - GET 404 - 127.0.0.1',
  ])
  const ids = [granted, refused, passed, told, unknown].map((answer) => answer.headers.get('x-request-id'))
  assert.deepEqual(
    lines.map((line) => line['request_id']),
    ids,
  )
  assert.equal(new Set(ids).size, 5)
  assert.equal(ids[2], 'from.the:proxy-1')
  for (const id of ids) assert.match(String(id), /^[\w.:-]{1,128}$/)
  assert.equal((passed.json['headers'] as Record<string, string>)['x-request-id'], 'from.the:proxy-1')
  for (const line of lines) assert.ok(typeof line['milliseconds'] === 'number' && Number(line['bytes']) > 50)
  for (const secret of [SHOP, token, 'of-the-caller', 'nobody-we-know', 'a-query']) assert.ok(!server.stdout().includes(secret), secret)
})

test('a caller that is no trusted proxy does not name his request, and the upstream is told our name', BOUNDED, async () => {
  const server = await started({})
  const token = String((await postForm(server.tokenUrl, CREDENTIALS, basic('shop', SHOP))).json['access_token'])
  const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'mine', X_Request_Id: 'mine' }
  const answer = await send(`${server.origin}/apis/goods/orders/1`, { headers })
  await server.end('SIGTERM')
  await server.upstream.close()
  const id = answer.headers.get('x-request-id')
  assert.match(String(id), /^[\w-]+-[0-9]+$/)
  const received = answer.json['headers'] as Record<string, string>
  assert.equal(received['x-request-id'], id)
  assert.ok(!JSON.stringify(received).includes('mine'))
})

test('the line is the same whoever reads the request: this server itself, or node:http', BOUNDED, async () => {
  const server = await started({ trustedProxies: ['127.0.0.1'] })
  const token = String((await postForm(server.tokenUrl, CREDENTIALS, basic('shop', SHOP))).json['access_token'])
  const form = 'grant_type=client_credentials'
  const authorization = `Authorization: ${basic('shop', SHOP)['authorization']}\r\n`
  const bearer = `Authorization: Bearer ${token}\r\n`
  const requests = [
    `POST /realms/depot/oauth2/token HTTP/1.1\r\nHost: x\r\n${authorization}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`,
    'POST /realms/depot/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    'GET /realms/depot/.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n',
    'HEAD /realms/depot/.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n',
    `GET /apis/goods/orders/1 HTTP/1.1\r\nHost: x\r\n${bearer}\r\n`,
    `PUT /apis/goods/orders/1 HTTP/1.1\r\nHost: x\r\n${bearer}Content-Length: 4\r\n\r\nbody`,
    'GET /apis/goods/orders/1 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
  ]
  for (const one of requests) {
    for (const also of ['', 'Connection: keep-alive, x\r\n']) {
      const socket = await connectTo(server.origin)
      socket.write(one.replace('Host: x\r\n', `Host: x\r\nX-Request-Id: one\r\n${also}`))
      await readUntil(socket, one.startsWith('HEAD') ? /\r\n\r\n$/ : /\}/)
      socket.destroy()
    }
  }
  await server.end('SIGTERM')
  await server.upstream.close()
  const told = linesOf(server.stdout()).map(({ time: _time, milliseconds: _milliseconds, ...line }) => line)
  assert.equal(told.length, 1 + 2 * requests.length)
  for (let at = 1; at < told.length; at += 2) assert.deepEqual(told[at], told[at + 1])
})

test('lines leave in order, also where they are written in parts', async () => {
  let written = ''
  const sink = createLogSink(-1, (bytes, done) => {
    const part = bytes.subarray(0, 7)
    written += part.toString()
    setImmediate(done, null, part.length)
  })
  const lines = Array.from({ length: 50 }, (_, n) => `line ${n}\n`)
  for (const line of lines) sink.write(line)
  while (written.length < lines.join('').length) await new Promise(setImmediate)
  assert.equal(written, lines.join(''))
})

test('where nobody reads, what waits is bounded, the rest is dropped and counted, and the log says so when it goes on', async () => {
  const waiting: ((error: null, written: number) => void)[] = []
  const sizes: number[] = []
  let written = ''
  const sink = createLogSink(-1, (bytes, done) => {
    sizes.push(bytes.length)
    written += bytes.toString()
    waiting.push(done)
  })
  const line = `${'x'.repeat(1023)}\n`
  sink.write(line)
  await new Promise(setImmediate)
  for (let n = 0; n < 10_000; n += 1) sink.write(line)
  assert.ok(sink.dropped() > 5000)
  for (let size = sizes.shift(); size !== undefined; size = sizes.shift()) waiting.shift()?.(null, size)
  assert.ok(written.length < 5 * 1024 * 1024)
  assert.match(written, new RegExp(`"what":"${sink.dropped()} log lines were dropped`))
})

test('at the end what waits for a slow reader is written too, before what came after it', async () => {
  const path = join(folder(), 'log')
  const file = openSync(path, 'w')
  const full = Object.assign(new Error('full'), { code: 'EAGAIN' })
  const sink = createLogSink(file, (_bytes, done) => done(full, 0))
  sink.write('first\n')
  await new Promise(setImmediate)
  sink.write('second\n')
  sink.flushSync()
  closeSync(file)
  assert.equal(readFileSync(path, 'utf8'), 'first\nsecond\n')
})
