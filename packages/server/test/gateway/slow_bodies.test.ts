// Bodies that come a byte at a time: cut off at a pace, not at a time, and never while it is the server that keeps them waiting.
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { after, afterEach, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import { compile } from '@countersign/protocol/dialect/compile'
import type { Incoming, Outgoing } from '../../src/gateway/messages.ts'
import { uploadOf } from '../../src/gateway/messages.ts'
import type { Watched } from '../../src/server/answer.ts'
import { createClientAddress } from '../../src/server/client_address.ts'
import type { Mounted } from '../../src/server/mount_table.ts'
import { createPublicListener } from '../../src/server/public_listener.ts'
import { statuses } from '../harness/raw.ts'
import type { Upstream } from '../harness/upstream.ts'
import { connectTo, listening, readUntil } from './gate.ts'

const fronts: Upstream[] = []
const timers: NodeJS.Timeout[] = []
afterEach(() => {
  for (const timer of timers) clearInterval(timer)
})
after(async () => {
  for (const front of fronts) await front.close()
})

/**
 * A server that looks each 20 ms, allows 100 ms, and a second for each thousand bytes.
 * @param handle takes every request, but a POST for `mounted`. @param begun gets the answer of each
 */
async function start(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  mounted?: Mounted,
  begun: Watched[] = [],
): Promise<string> {
  const gateway = (request: Incoming, response: Outgoing): boolean => {
    if (mounted && request.method === 'POST') return false
    // What has a body to wait for is node:http's.
    const upload = uploadOf(request)
    upload?.on('error', () => undefined)
    if (upload) handle(upload, response as ServerResponse)
    return upload !== undefined
  }
  const { callerOf } = createClientAddress([])
  const pace = { everyMs: 20, graceMs: 100, bytesPerSecond: 1000 }
  const watch = { began: (_request: Incoming, answer: Watched) => void begun.push(answer), answered: () => undefined }
  const front = await listening(
    createPublicListener({ mountTable: () => ({ find: () => mounted }), gateway, callerOf, report: () => undefined, watch, pace }),
  )
  fronts.push(front)
  return front.origin
}

async function upload(origin: string, length: number): Promise<Socket> {
  const socket = await connectTo(origin)
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`)
  return socket
}

/** Sends so many bytes each 20 ms. */
function drip(socket: Socket, bytes: number): void {
  // The other end may close between two drops.
  socket.on('error', () => undefined)
  timers.push(setInterval(() => socket.write('x'.repeat(bytes)), 20))
}

test('a body that drips is a 408, and the connection ends', async () => {
  const origin = await start((request) => request.resume())
  const socket = await upload(origin, 1_000_000)
  drip(socket, 1)
  // Not by `once`, which a drop sent to the closed end would fail.
  const closed = Promise.withResolvers<void>()
  socket.once('close', () => closed.resolve())
  assert.match(await readUntil(socket, /\r\n\r\n/), /^HTTP\/1\.1 408 (?:.|\r\n)*connection: close/i)
  socket.resume()
  await closed.promise
})

test('a body that comes at its pace is read, though it takes many times as long', async () => {
  const origin = await start((request, response) => request.resume().once('end', () => response.end('read')))
  const socket = await upload(origin, 1_500)
  drip(socket, 50)
  assert.deepEqual(statuses(await readUntil(socket, /read$/)), [200])
  socket.destroy()
})

test('a body that nobody reads yet is not its sender’s fault', async () => {
  const origin = await start((request, response) => {
    request.pause()
    timers.push(
      setTimeout(() => {
        request.resume().once('end', () => response.end('read'))
      }, 400),
    )
  })
  // More than waits in the server's buffers, so that its last byte is still to come.
  const socket = await upload(origin, 20_000_000)
  socket.write(Buffer.alloc(20_000_000))
  assert.deepEqual(statuses(await readUntil(socket, /read$/)), [200])
  socket.destroy()
})

test('once the answer has begun, the two may talk as slowly as they like', async () => {
  const origin = await start((request, response) => {
    response.write('listening')
    request.resume().once('end', () => response.end('heard'))
  })
  const socket = await upload(origin, 20)
  drip(socket, 1)
  assert.deepEqual(statuses(await readUntil(socket, /heard/)), [200])
  socket.destroy()
})

test('the rest of a body that was refused is not waited for', async () => {
  const origin = await start((_request, response) => response.writeHead(401).end('no'))
  const socket = await upload(origin, 1_000_000)
  drip(socket, 1)
  const closed = Promise.withResolvers<void>()
  socket.once('close', () => closed.resolve())
  assert.deepEqual(statuses(await readUntil(socket, /no/)), [401])
  socket.resume()
  await closed.promise
})

for (const [what, rest] of [
  ['whole', ''],
  ['too long', `${(70_000).toString(16)}\r\n${'x'.repeat(70_000)}\r\n`],
] as const) {
  test(`a body that was given up, and comes to be ${what} while an earlier answer is owed, asks for nothing more`, async () => {
    const asked: string[] = []
    const endpoint = { methods: ['POST'], query: false, answer: async ({ body }: { body: string }) => void asked.push(body) }
    const context = { realm: { id: 'shop' } }
    const mounted = { name: 'token', context, dialect: compile(standard), endpoint } as unknown as Mounted
    const first = Promise.withResolvers<ServerResponse>()
    const begun: Watched[] = []
    const origin = await start((_request, response) => first.resolve(response), mounted, begun)
    const socket = await connectTo(origin)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nsl')
    await until(() => begun[1]?.headersSent === true)
    socket.write(`owly\r\n${rest}0\r\n\r\n`)
    await until(() => begun[1]?.req.complete === true)
    const owed = await first.promise
    owed.end()
    assert.deepEqual(statuses(await readUntil(socket, / 408 (?:.|\r\n)*\r\n\r\n/)), [200, 408])
    assert.deepEqual(asked, [])
    socket.destroy()
  })
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await pause(5)
}
