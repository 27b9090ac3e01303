// A body never becomes a request of its own on the way to the API, and an API never speaks out of turn. Over raw sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { say, startBetween, statusOf } from './running.ts'

const METHODS = ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'POST', 'PROPFIND']
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Mine: 1\r\n\r\n'

test('a body without a length is framed for the API too, whatever the method', async (t) => {
  const { host, api } = await startBetween(t)
  for (const method of METHODS) {
    const chunks = `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`
    const head = `${method} /first HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`
    assert.equal(statusOf(await say(host, head + chunks)), 200, method)
    assert.equal(statusOf(await say(host, `GET /next HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)), 200)
  }
  assert.deepEqual(
    api.seen.map(({ path }) => path),
    METHODS.flatMap(() => ['/first', '/next']),
  )
  assert.equal(api.seen.filter(({ body }) => body === SMUGGLED).length, METHODS.length)
})

test('an API that switches protocols, or answers with a status that is none, is told to be unreadable', async (t) => {
  for (const first of [
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nowned',
    'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: \x1b[31m\r\nContent-Length: 0\r\n\r\n',
  ]) {
    const to = await startRaw(t, first)
    const { host } = await startBetween(t, { to })
    const said = await say(host, `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(statusOf(said), 502, JSON.stringify(first))
    assert.doesNotMatch(said, /token-1|our-secret/)
  }
})

test('a second answer that nobody asked for is not given to the next caller', async (t) => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n'
  let asked = 0
  const to = await startRaw(t, () => `${answer}${++asked === 1 ? `one${answer}bad` : 'two'}`)
  const { host } = await startBetween(t, { to })
  assert.match(await say(host, `GET /1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`), /one$/)
  assert.match(await say(host, `GET /2 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`), /two$/)
})

/** An API that answers each request with these bytes. */
async function startRaw(t: TestContext, bytes: string | (() => string)): Promise<string> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('data', () => void socket.write(typeof bytes === 'string' ? bytes : bytes(), 'latin1'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
