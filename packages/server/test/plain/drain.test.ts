// The end of plain connections when the server drains.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Incoming, Outgoing } from '../../src/gateway/messages.ts'
import { connectTo, readUntil } from '../gateway/gate.ts'
import { startFront } from './front.ts'

/** Answers with what it was asked for. */
function echo(request: Incoming, response: Outgoing): void {
  const text = `<${request.url} >`
  response.writeHead(200, { 'content-length': text.length }).end(text)
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

test('a drain ends connections at rest at once, and the others with their answer', async () => {
  let finish = (): void => undefined
  const front = await startFront((request, response) => {
    if (request.url === '/slow') finish = () => echo(request, response)
    else echo(request, response)
  })
  const [atRest, silent, busy] = [await connectTo(front.origin), await connectTo(front.origin), await connectTo(front.origin)]
  atRest.write(GET('/1'))
  await readUntil(atRest, /<\/1 >$/)
  busy.write(GET('/slow'))
  while (front.seen.length < 2) await pause(1)
  const drained = front.drain()
  await Promise.all([atRest, silent].map((socket) => socket.resume() && once(socket, 'close')))
  finish()
  assert.match(await readUntil(busy, /<\/slow >$/), /\r\nConnection: close\r\n/)
  busy.resume()
  await drained
})

test('a drain does not wait for a caller who always asks one ahead', async () => {
  const front = await startFront((request, response) => void setTimeout(() => echo(request, response), 10))
  const socket = await connectTo(front.origin)
  let said = ''
  socket.setNoDelay(true).on('data', (bytes) => {
    said += String(bytes)
    socket.write(GET('/again'))
  })
  socket.on('error', () => undefined).write(GET('/1'))
  while (front.seen.length === 0) await pause(1)
  socket.write(GET('/2'))
  while (front.seen.length < 4) await pause(1)
  const began = performance.now()
  await Promise.all([front.drain(), once(socket, 'close')])
  assert.ok(performance.now() - began < 1000, 'it was cut off')
  assert.match(said, /\r\nConnection: close\r\n/i)
})

test('an answer that does not end is cut off when the drain has lasted too long', async () => {
  const front = await startFront(() => undefined)
  const socket = await connectTo(front.origin)
  socket.write(GET('/'))
  while (front.seen.length === 0) await pause(1)
  socket.resume()
  await Promise.all([front.drain(), once(socket, 'close')])
})
