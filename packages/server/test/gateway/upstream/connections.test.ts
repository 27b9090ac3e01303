// Which connection a request gets: the one used last, while it may rest, and none about which there is a doubt.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, test } from 'node:test'
import type { Upstream, UpstreamOptions } from '../../../src/gateway/upstream/upstream.ts'
import type { SocketUpstream } from '../gate.ts'
import { startSockets } from '../gate.ts'
import type { Outcome } from './asking.ts'
import { answerOf, asking, closed, OK, open, send, turns } from './asking.ts'

let played: SocketUpstream
let upstream: Upstream
afterEach(async () => {
  await Promise.all([upstream.close(), played.close()])
})

const pathOf = (head: string): string => head.split(' ')[1] ?? ''

async function play(onHead: (socket: Socket, path: string, head: string) => void, options: Partial<UpstreamOptions> = {}): Promise<void> {
  played = await startSockets((socket, head) => onHead(socket, pathOf(head), head))
  upstream = open(played.origin, options)
}
const echo = (socket: Socket, path: string): unknown => socket.write(answerOf(path))

test('requests one after the other take one connection', async () => {
  await play(echo)
  for (const path of ['/1', '/2', '/3']) {
    const { how, status, body } = await send(upstream, { path })
    assert.deepEqual([how, status, body], ['answered', 200, path])
    await turns()
  }
  assert.equal(played.sockets.length, 1)
})

test('the connection that was used last is used next', async () => {
  const held = new Map<string, Socket>()
  await play((socket, path) => {
    if (path.startsWith('/hold')) held.set(path, socket)
    else socket.write(answerOf(String(socket.remotePort)))
  })
  const both = [send(upstream, { path: '/hold1' }), send(upstream, { path: '/hold2' })]
  while (held.size < 2) await turns(1)
  const [one, two] = [held.get('/hold1'), held.get('/hold2')]
  two?.write(answerOf(''))
  await both[1]
  await turns()
  one?.write(answerOf(''))
  await both[0]
  await turns()
  for (let i = 0; i < 3; i += 1) {
    assert.equal((await send(upstream)).body, String(one?.remotePort))
    await turns()
  }
})

test('a connection rests as long as the upstream says, or four seconds, and is ended then', async () => {
  let now = 0
  const fields = new Map([['/ten', 'Keep-Alive: timeout=10']])
  await play((socket, path) => socket.write(answerOf('', fields.get(path) ?? 'X: y')), { nowMs: () => now })
  await send(upstream, { path: '/ten' })
  await turns()
  now = 8_999
  await send(upstream)
  await turns()
  assert.equal(played.sockets.length, 1)
  now += 4_000
  await send(upstream)
  assert.equal(played.sockets.length, 2)
  await closed(played.sockets[0] as Socket)
})

test('what rests too long is ended though nobody asks', async () => {
  let now = 0
  await play(echo, { nowMs: () => now })
  await Promise.all([send(upstream), send(upstream)])
  now = 4_001
  await Promise.all(played.sockets.map(closed))
})

for (const [what, answer] of [
  ['`connection: close`', answerOf('x', 'Connection: close')],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx'],
  ['no time to rest', answerOf('x', 'Keep-Alive: timeout=1')],
  ['a byte too many', `${answerOf('x')}y`],
  ['a line break too many', `${answerOf('x')}\r\n`],
  ['a body with 204', 'HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx'],
  ['a body with 304', 'HTTP/1.1 304 Not Modified\r\n\r\nx'],
  ['a length with 204, whose body may follow', 'HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\n'],
] as const) {
  test(`an answer is heard and its connection ended: ${what}`, async () => {
    await play((socket) => socket.write(answer))
    assert.equal((await send(upstream)).how, 'answered')
    await closed(played.sockets[0] as Socket)
    assert.equal((await send(upstream)).how, 'answered')
    assert.equal(played.sockets.length, 2)
  })
}

test('a body that is sent all the same, late, behind HEAD: nobody else reads it', async () => {
  const asked = new Set<Socket>()
  await play((socket, _path, head) => {
    if (head.startsWith('HEAD')) {
      asked.add(socket)
      socket.write(`${OK}Content-Length: 46\r\n\r\n`)
    } else socket.write((asked.has(socket) ? answerOf('poison') : '') + answerOf('mine'))
  })
  for (let i = 0; i < 2; i += 1) {
    const head = await send(upstream, { method: 'HEAD' })
    assert.deepEqual([head.how, head.status, head.body], ['answered', 200, ''])
    await turns()
    assert.equal((await send(upstream)).body, 'mine')
  }
})

test('two answers to one request: the second reaches nobody, also where others wait for the connection', async () => {
  const held: Socket[] = []
  await play((socket, path) => {
    if (path === '/hold') held.push(socket)
    else if (path === '/two') socket.write(answerOf('first') + answerOf('poison'))
    else socket.write(answerOf(path))
  })
  const holding = Array.from({ length: 255 }, () => send(upstream, { path: '/hold' }))
  while (held.length < 255) await turns(1)
  const two = send(upstream, { path: '/two' })
  const others = ['/a', '/b', '/c'].map((path) => send(upstream, { path }))
  assert.equal((await two).body, 'first')
  assert.deepEqual(
    (await Promise.all(others)).map(({ body }) => body),
    ['/a', '/b', '/c'],
  )
  for (const socket of held) socket.write(answerOf(''))
  await Promise.all(holding)
})

test('a second answer that is read right behind the first, but not with it, reaches nobody', async () => {
  // As much as is read at once: the rest is there, and is read in the same turn of the event loop.
  const head = `${OK}Content-Length: 65400\r\nX: `
  const pad = 65_536 - 65_400 - head.length - 4
  const first = `${head}${'x'.repeat(pad)}\r\n\r\n${'y'.repeat(65_400)}`
  assert.equal(first.length, 65_536)
  await play((socket, path) => socket.write(path === '/two' ? first + answerOf('poison') : answerOf('mine')))
  for (let i = 0; i < 20; i += 1) {
    let next: Promise<Outcome> | undefined
    const isOver = await new Promise<boolean>((resolve) => {
      const one = asking({
        path: '/two',
        onData: (_piece, isLast) => {
          if (!isLast) return
          // As soon as can be: the connection must not be there yet.
          process.nextTick(() => {
            next = send(upstream)
            resolve(true)
          })
        },
      })
      upstream.send(one)
    })
    assert.ok(isOver)
    assert.equal((await next)?.body, 'mine')
    await turns()
  }
})

test('a byte on a connection that rests ends it', async () => {
  await play(echo)
  await send(upstream)
  await turns()
  const [first] = played.sockets as [Socket]
  first.write(answerOf('poison'))
  await closed(first)
  assert.equal((await send(upstream, { path: '/mine' })).body, '/mine')
  assert.equal(played.sockets.length, 2)
})

test('a connection that the upstream ends while it rests is gone, by FIN or by reset', async () => {
  for (const end of ['end', 'resetAndDestroy'] as const) {
    await play(echo)
    await send(upstream)
    await turns()
    const [first] = played.sockets as [Socket]
    first[end]()
    await once(first, 'close')
    await turns()
    assert.equal((await send(upstream)).how, 'answered')
    if (end === 'end') await Promise.all([upstream.close(), played.close()])
  }
})

test('a connection on which another protocol was asked for takes no other request', async () => {
  await play(echo)
  const asked = await send(upstream, { protocol: 'websocket' })
  assert.deepEqual([asked.how, asked.status], ['answered', 200])
  await closed(played.sockets[0] as Socket)
})

test('at most 256 connections; who waits is served in order, or forgotten', async () => {
  const heads: [socket: Socket, path: string][] = []
  await play((socket, path) => heads.push([socket, path]))
  const first = Array.from({ length: 256 }, (_, i) => send(upstream, { path: `/${i}` }))
  assert.equal(upstream.isCrowded(), true)
  const waiting = Array.from({ length: 5 }, (_, i) => asking({ path: `/w${i}` }))
  for (const one of waiting) upstream.send(one)
  while (heads.length < 256) await turns(1)
  await turns()
  assert.equal(played.sockets.length, 256)
  assert.deepEqual(
    waiting.map(({ calls }) => calls),
    [[], [], [], [], []],
  )
  upstream.forget(waiting[1] as (typeof waiting)[0])
  upstream.forget(asking())
  for (let served = 0; heads.length > 0; served += 1) {
    const [socket, path] = heads.shift() as [Socket, string]
    if (path.startsWith('/w')) assert.equal(path, ['/w0', '/w2', '/w3', '/w4'][served - 256])
    socket.write(answerOf(path))
    if (served >= 255 || served < 4) await turns(5)
  }
  const bodies = (await Promise.all([...first, ...waiting.filter((_, i) => i !== 1).map(({ ended }) => ended)])).map(({ body }) => body)
  assert.deepEqual(bodies, [...Array.from({ length: 256 }, (_, i) => `/${i}`), '/w0', '/w2', '/w3', '/w4'])
  assert.deepEqual(waiting[1]?.calls, [])
  assert.equal(upstream.isCrowded(), false)
})

test('a thousand who wait and want it no more do not keep a connection from who does', async () => {
  const held: Socket[] = []
  await play((socket, path) => (path === '/hold' ? held.push(socket) : socket.write(answerOf(path))))
  const holding = Array.from({ length: 256 }, () => send(upstream, { path: '/hold' }))
  for (let i = 0; i < 1_100; i += 1) upstream.send(asking({ onLine: () => false }))
  assert.equal(upstream.isFull(), true)
  const last = send(upstream, { path: '/last' })
  while (held.length < 256) await turns(1)
  for (const socket of held) socket.write(answerOf(''))
  assert.equal((await last).body, '/last')
  await Promise.all(holding)
  assert.equal(upstream.isFull(), false)
})

test('closed, it ends what rests and waits for what is under way; what comes then fails', async () => {
  const held: Socket[] = []
  await play((socket, path) => (path === '/hold' ? held.push(socket) : socket.write(answerOf(''))))
  await Promise.all([send(upstream), send(upstream)])
  await turns()
  const underWay = send(upstream, { path: '/hold' })
  while (held.length === 0) await turns(1)
  let isClosed = false
  const closing = [upstream.close(), upstream.close()].map((one) => one.then(() => (isClosed = true)))
  assert.equal((await send(upstream)).error?.code, 'UPSTREAM_CLOSED')
  await turns()
  assert.equal(isClosed, false)
  held[0]?.write(answerOf('done'))
  assert.equal((await underWay).body, 'done')
  await Promise.all(closing)
  await Promise.all(played.sockets.map(closed))
})

test('closed in the turn in which an answer ends, it ends', async () => {
  await play((socket) => socket.write(answerOf('')))
  const { promise, resolve } = Promise.withResolvers<void>()
  upstream.send(asking({ onEnd: () => resolve(upstream.close()) }))
  await promise
  await Promise.all(played.sockets.map(closed))
})
