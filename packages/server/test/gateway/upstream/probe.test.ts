// Whether an upstream is well: one question, one answer in time, whatever the upstream does with it, and no connection left.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, test } from 'node:test'
import type { Upstream } from '../../../src/gateway/upstream/upstream.ts'
import type { SocketUpstream } from '../gate.ts'
import { startSockets } from '../gate.ts'
import { answerOf, closed, OK, open } from './asking.ts'

let played: SocketUpstream
let upstream: Upstream
let answer: (socket: Socket) => unknown = () => undefined
const drips: NodeJS.Timeout[] = []
before(async () => {
  played = await startSockets((socket) => answer(socket))
  upstream = open(played.origin)
})
after(async () => {
  for (const one of drips) clearInterval(one)
  await Promise.all([upstream.close(), played.close()])
})

function drip(socket: Socket, start: string, text: string): void {
  socket.write(start)
  drips.push(setInterval(() => socket.write(text), 10))
}
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

const answers: readonly (readonly [what: string, isWell: boolean, say: (socket: Socket) => unknown])[] = [
  ['200', true, (socket) => socket.write(answerOf('well'))],
  ['204', true, (socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n')],
  ['302', true, (socket) => socket.write('HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n')],
  ['200 to the end of the connection', true, (socket) => socket.end(`${OK}\r\nwell`)],
  ['200 behind a hint', true, (socket) => socket.write(`HTTP/1.1 103 x\r\n\r\n${answerOf('')}`)],
  ['404', false, (socket) => socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')],
  ['500', false, (socket) => socket.write('HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n')],
  ['half an answer', false, (socket) => socket.end(`${OK}Content-Length: 5\r\n\r\nwell`)],
  ['a reset', false, (socket) => socket.resetAndDestroy()],
  ['an upgrade', false, (socket) => socket.write('HTTP/1.1 101 x\r\n\r\n')],
  ['no HTTP', false, (socket) => socket.write('well')],
  ['nothing', false, () => undefined],
  ['a head that drips', false, (socket) => drip(socket, OK, 'x: y\r\n')],
  ['hints that drip', false, (socket) => drip(socket, '', 'HTTP/1.1 103 x\r\n\r\n')],
  ['a body that drips', false, (socket) => drip(socket, CHUNKED, '1\r\nx\r\n')],
  ['a head without end', false, (socket) => socket.write(`${OK}${'x: y\r\n'.repeat(10_000)}`)],
]
for (const [what, isWell, say] of answers) {
  test(`${what}: ${isWell ? 'well' : 'not well'}`, async () => {
    answer = say
    assert.equal(await upstream.isWell('/health', isWell ? 5_000 : 80), isWell)
    await closed(played.sockets.at(-1) as Socket)
  })
}

test('a flood of a body is no sign of life either', async () => {
  answer = (socket) => {
    socket.write(CHUNKED)
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`
    const flood = (): void => {
      while (!socket.destroyed && socket.write(piece));
    }
    socket.on('drain', flood)
    flood()
  }
  assert.equal(await upstream.isWell('/health', 80), false)
})

test('nobody there is not well', async () => {
  const { origin } = played
  const nowhere = open(origin.replace(/\d+$/, '1'))
  assert.equal(await nowhere.isWell('/', 2_000), false)
  await nowhere.close()
})
