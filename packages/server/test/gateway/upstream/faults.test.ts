// What upstreams do wrong, and callers in any state: each request ends once, and no connection that is in doubt is used again.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { afterEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Line } from '../../../src/gateway/upstream/ask.ts'
import type { Upstream, UpstreamOptions } from '../../../src/gateway/upstream/upstream.ts'
import type { SocketUpstream } from '../gate.ts'
import { listening, startSockets } from '../gate.ts'
import { answerOf, asking, closed, OK, open, send, turns } from './asking.ts'

let played: SocketUpstream
let upstream: Upstream
const drips: NodeJS.Timeout[] = []
afterEach(async () => {
  for (const one of drips.splice(0)) clearInterval(one)
  await Promise.all([upstream.close(), played.close()])
})

async function play(onHead: (socket: Socket, path: string) => void, options: Partial<UpstreamOptions> = {}): Promise<void> {
  played = await startSockets((socket, head) => onHead(socket, head.split(' ')[1] ?? ''))
  upstream = open(played.origin, options)
}
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

function drip(socket: Socket, text: string): void {
  drips.push(setInterval(() => socket.write(text), 20))
}

const faults: readonly (readonly [what: string, say: (socket: Socket) => void, code: string, calls: string])[] = [
  ['says nothing', () => undefined, 'UPSTREAM_TIMEOUT', 'line'],
  ['says half a head', (socket) => socket.write(OK), 'UPSTREAM_TIMEOUT', 'line begun'],
  [
    'drips a head',
    (socket) => {
      socket.write(OK)
      drip(socket, 'x: y\r\n')
    },
    'UPSTREAM_TIMEOUT',
    'line begun',
  ],
  ['gives hints and no answer', (socket) => socket.write('HTTP/1.1 100 x\r\n\r\n'), 'UPSTREAM_TIMEOUT', 'line begun'],
  ['stops in a body', (socket) => socket.write(`${CHUNKED}1\r\nx\r\n`), 'UPSTREAM_TIMEOUT', 'line begun head data'],
  ['ends', (socket) => socket.end(), 'UPSTREAM_CLOSED', 'line'],
  ['ends in a head', (socket) => socket.end(OK), 'UPSTREAM_CLOSED', 'line begun'],
  ['ends behind a hint', (socket) => socket.end('HTTP/1.1 100 x\r\n\r\n'), 'UPSTREAM_CLOSED', 'line begun'],
  ['ends before a body', (socket) => socket.end(`${OK}Content-Length: 2\r\n\r\n`), 'UPSTREAM_CLOSED', 'line begun head'],
  ['ends in a body', (socket) => socket.end(`${OK}Content-Length: 2\r\n\r\nx`), 'UPSTREAM_CLOSED', 'line begun head data'],
  ['ends between chunks', (socket) => socket.end(`${CHUNKED}1\r\nx\r\n`), 'UPSTREAM_CLOSED', 'line begun head data'],
  ['ends in the last chunk', (socket) => socket.end(`${CHUNKED}1\r\nx\r\n0\r\n`), 'UPSTREAM_CLOSED', 'line begun head data'],
  ['resets', (socket) => socket.resetAndDestroy(), 'ECONNRESET', 'line'],
  ['speaks something else', (socket) => socket.write('SSH-2.0-x\r\n'), 'UPSTREAM_BAD_ANSWER', 'line begun'],
  ['switches unasked', (socket) => socket.write('HTTP/1.1 101 x\r\n\r\nx'), 'UPSTREAM_BAD_ANSWER', 'line begun'],
  ['has no end of hints', (socket) => drip(socket, 'HTTP/1.1 103 x\r\n\r\n'.repeat(9)), 'UPSTREAM_BAD_ANSWER', 'line begun'],
  ['has no end of a head', (socket) => socket.write(`${OK}${'x: y\r\n'.repeat(6000)}`), 'UPSTREAM_BAD_ANSWER', 'line begun'],
  ['breaks its chunks', (socket) => socket.write(`${CHUNKED}1\r\nxy\r\n`), 'UPSTREAM_BAD_ANSWER', 'line begun head data'],
]
for (const [what, say, code, calls] of faults) {
  test(`an upstream that ${what}: ${code}`, async () => {
    await play(say, { timeoutMs: 100 })
    const one = asking()
    upstream.send(one)
    const { how, error } = await one.ended
    assert.deepEqual([how, error?.code], ['failed', code])
    await closed(played.sockets[0] as Socket)
    await turns()
    assert.equal(one.calls.join(' '), `${calls} failed`)
  })
}

test('a body that ends with the connection is whole with FIN, and not with a reset', async () => {
  await play((socket, path) => {
    socket.write(`${OK}\r\nsome`)
    if (path === '/fin') socket.end()
  })
  const { how, body } = await send(upstream, { path: '/fin' })
  assert.deepEqual([how, body], ['answered', 'some'])
  const { error } = await send(upstream, { path: '/reset', onData: () => played.sockets[1]?.resetAndDestroy() })
  assert.equal(error?.code, 'ECONNRESET')
})

test('a slow body may take longer than the time between two of its pieces', async () => {
  await play(
    (socket) => {
      socket.write(`${OK}Content-Length: 12\r\n\r\n`)
      drip(socket, 'x')
    },
    { timeoutMs: 150 },
  )
  const { how, body } = await send(upstream)
  assert.deepEqual([how, body], ['answered', 'xxxxxxxxxxxx'])
})

test('the time in which the caller takes nothing is not the upstream’s; what comes after it is', async () => {
  await play((socket) => socket.write(`${CHUNKED}1\r\nx\r\n`), { timeoutMs: 60 })
  const one = asking({ onData: () => one.line?.pause() })
  upstream.send(one)
  await one.begun
  await pause(200)
  assert.equal(one.calls.at(-1), 'data')
  one.line?.resume()
  assert.equal((await one.ended).error?.code, 'UPSTREAM_TIMEOUT')
})

test('a connection that rested longer than an answer may take has all the time again', async () => {
  await play((socket, path) => (path === '/slow' ? setTimeout(() => socket.write(answerOf('late')), 40) : socket.write(answerOf(''))), {
    timeoutMs: 80,
  })
  await send(upstream)
  await pause(160)
  assert.equal((await send(upstream, { path: '/slow' })).body, 'late')
  assert.equal(played.sockets.length, 1)
  assert.equal((await send(upstream, { path: '/never' })).how, 'answered')
})

test('who is there no more when the connection comes gets nothing, and the next one has it', async () => {
  await play((socket, path) => socket.write(answerOf(path)))
  const gone = asking({ onLine: () => false })
  upstream.send(gone)
  while (gone.calls.length === 0) await turns(1)
  await turns()
  assert.equal((await send(upstream, { path: '/next' })).body, '/next')
  assert.deepEqual([gone.calls, played.sockets.length], [['line'], 1])
})

for (const isWanted of [true, false]) {
  test(`a caller who goes with the connection, and ${isWanted ? 'does not say' : 'says'} so, is told nothing more`, async () => {
    await play((socket, path) => socket.write(answerOf(path)))
    const onLine = (line: Line): boolean => {
      line.drop()
      return isWanted
    }
    const one = asking({ onLine })
    upstream.send(one)
    while (one.calls.length === 0) await turns(1)
    await closed(played.sockets[0] as Socket)
    await turns()
    assert.equal((await send(upstream, { path: '/next' })).body, '/next')
    assert.deepEqual(one.calls, ['line'])
  })
}

for (const [when, calls] of [
  ['onHead', 'line begun head'],
  ['onData', 'line begun head data'],
] as const) {
  test(`a caller who goes within ${when} is told nothing more, and what is left of his answer reaches nobody`, async () => {
    await play((socket, path) =>
      socket.write(path === '/gone' ? `${CHUNKED}1\r\nx\r\n1\r\ny\r\n0\r\n\r\n${answerOf('poison')}` : answerOf('mine')),
    )
    const one = asking({ path: '/gone', [when]: () => one.line?.drop() })
    upstream.send(one)
    await one.begun
    assert.equal((await send(upstream)).body, 'mine')
    await closed(played.sockets[0] as Socket)
    assert.equal(one.calls.join(' '), calls)
  })
}

test('the next request may be sent from within the end of the one before', async () => {
  await play((socket, path) => socket.write(path === '/data' ? answerOf('x') : `${CHUNKED}0\r\n\r\n`))
  for (const [path, when] of [
    ['/data', 'onData'],
    ['/end', 'onEnd'],
  ] as const) {
    const next = asking({ path: '/data' })
    assert.equal((await send(upstream, { path, [when]: () => upstream.send(next) })).how, 'answered')
    assert.equal((await next.ended).body, 'x')
    assert.deepEqual(next.calls, ['line', 'begun', 'head', 'data', 'answered'])
  }
})

test('a listener that throws fails its own request, and nobody else’s', async () => {
  await play((socket, path) => socket.write(path === '/switch' ? 'HTTP/1.1 101 x\r\n\r\n' : answerOf('x')))
  const fault = (): never => {
    throw new Error('mine')
  }
  for (const when of ['onLine', 'onHead'] as const) {
    const { how, error } = await send(upstream, { [when]: fault })
    assert.deepEqual([how, error?.message], ['failed', 'mine'])
  }
  const switched = asking({ path: '/switch', protocol: 'x', onSwitch: fault })
  upstream.send(switched)
  const { socket } = await switched.ended
  assert.ok(socket)
  await closed(socket)
  assert.equal((await send(upstream)).body, 'x')
})

test('a head that cannot be written fails its request alone', async () => {
  await play((socket) => socket.write(answerOf('x')))
  const { error } = await send(upstream, { fields: ['x', 'y\r\nz: z'] })
  assert.equal(error?.message, 'a control character in a field')
  assert.equal((await send(upstream)).body, 'x')
})

test('switched, the connection is the listener’s, with what came behind the head', async () => {
  await play((socket) => {
    socket.write('HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\nbehind')
    socket.on('data', (text) => socket.write(`<${String(text)}>`))
  })
  const { how, status, socket } = await send(upstream, { protocol: 'y' })
  assert.deepEqual([how, status], ['switched', 101])
  assert.ok(socket)
  const heard: string[] = []
  socket
    .setEncoding('latin1')
    .on('data', (text: string) => heard.push(text))
    .resume()
  socket.write('hello')
  while (!heard.join('').includes('hello')) await once(socket, 'data')
  assert.equal(heard.join(''), 'behind<hello>')
  await upstream.close()
  assert.equal(socket.destroyed, false)
  socket.destroy()
})

test('nobody there, no such name, nobody who accepts: said in so many words', async () => {
  await play(() => undefined)
  const gone = await listening(createHttpServer())
  await gone.close()
  const codes = new Map([
    [gone.origin, 'ECONNREFUSED'],
    [gone.origin.replace('127.0.0.1', 'localhost'), 'ECONNREFUSED'],
    ['http://no.such.name.invalid', 'ENOTFOUND'],
  ])
  for (const [origin, code] of codes) {
    const nowhere = open(origin)
    const { how, error } = await send(nowhere)
    assert.equal(how, 'failed')
    assert.ok([code, 'EAI_AGAIN'].includes(error?.code ?? ''), `${origin}: ${String(error?.code)}`)
    await nowhere.close()
  }
})

test('an address of version 6 is reached, and named in Host', async (t) => {
  await play(() => undefined)
  const heads: string[] = []
  const server = createServer((socket) => {
    socket.on('data', (text) => {
      heads.push(String(text))
      socket.end(answerOf('six'))
    })
  })
  server.listen(0, '::1')
  const isUp = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  if (!isUp) return t.skip('no IPv6 here')
  const { port } = server.address() as AddressInfo
  const origin = `http://[::1]:${port}`
  const six = open(origin)
  assert.equal((await send(six)).body, 'six')
  assert.ok(String(heads[0]).includes(`\r\nhost: [::1]:${port}\r\n`), String(heads[0]))
  await six.close()
  server.close()
})
