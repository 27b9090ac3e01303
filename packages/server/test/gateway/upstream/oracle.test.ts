// The same bytes given to our reader and to node:http's client: what is accepted here, it reads alike. No second reading, no smuggling.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { answer, broken, bytesOf, tell } from './answers.ts'

let text = ''
const server = createServer((socket) => {
  socket.on('error', () => undefined).once('data', () => socket.end(bytesOf(text)))
})
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

interface Read {
  readonly status: number
  readonly fields: readonly string[]
  readonly body: string
}

/** Undefined: refused, or broken off. */
function readByNode(method: string): Promise<Read | undefined> {
  const { port } = server.address() as AddressInfo
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, method, agent: false })
    sent.once('upgrade', (_response, socket) => resolve(void socket.destroy()))
    sent.once('error', () => resolve(undefined))
    sent.once('response', (response) => {
      let body = ''
      response.setEncoding('latin1').on('data', (piece: string) => (body += piece))
      response.once('error', () => resolve(undefined))
      response.once('close', () => {
        if (!response.complete) return resolve(undefined)
        const fields = response.rawHeaders.map((one, i) => (i % 2 === 0 ? one.toLowerCase() : one))
        resolve({ status: response.statusCode ?? 0, fields, body })
      })
    })
    sent.end()
  })
}

function readHere(method: string): Read | undefined {
  const { heads, ends, body, isBad, left } = tell([bytesOf(text)], { method, switches: false }, true)
  const [head] = heads
  // Bytes behind an answer end the connection; node:http may take them for a bad answer.
  return head && !isBad && left === '' && ends.length === 1 ? { status: head.status, fields: head.fields, body } : undefined
}

const method = fc.constantFrom('GET', 'GET', 'GET', 'HEAD')

test('good answers are read as node:http reads them', async () => {
  let read = 0
  await fc.assert(
    fc.asyncProperty(answer, method, async (one, asked) => {
      text = one
      const here = readHere(asked)
      if (here) {
        read += 1
        assert.deepEqual(await readByNode(asked), here)
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(read > 100, `only ${read} were accepted`)
})

test('of broken answers none is accepted here that node:http reads otherwise', async () => {
  let read = 0
  await fc.assert(
    fc.asyncProperty(broken, method, async (one, asked) => {
      text = one
      const here = readHere(asked)
      if (here) {
        read += 1
        assert.deepEqual(await readByNode(asked), here)
      }
    }),
    { numRuns: 1200 },
  )
  assert.ok(read > 30, `only ${read} were accepted`)
})

const OK = 'HTTP/1.1 200 OK\r\n'
const LENGTH = 'Content-Length: 1\r\n\r\nx'

/** What node:http accepts and is refused here, and why it may be: no server of good will says so, or what it means is a matter of taste. */
const stricter: readonly (readonly [why: string, text: string])[] = [
  ['an empty line before the answer is the end of another', `\r\n${OK}${LENGTH}`],
  [
    'chunks in HTTP/1.0 are framing by who reads it: RFC 9112 section 6.1',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
  ],
  ['another coding cannot be taken off', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
  ['nor one that chunks are not the last of', `${OK}Transfer-Encoding: gzip\r\n\r\nx`],
  ['`identity` is no coding any more', `${OK}Transfer-Encoding: identity\r\n\r\nx`],
  ['nor is one named like it', `${OK}Transfer-Encoding: xchunked\r\n\r\nx`],
  ['a version that nobody speaks', `HTTP/2.0 200 OK\r\n${LENGTH}`],
  ['a status of another order', `HTTP/1.1 099 x\r\n${LENGTH}`],
  ['a control character in a reason', `HTTP/1.1 200 \x01\r\n${LENGTH}`],
  ['a chunk size of more digits than any needs', `${OK}Transfer-Encoding: chunked\r\n\r\n000000001\r\nx\r\n0\r\n\r\n`],
  ['a length of more digits than a number has', `${OK}Content-Length: 0000000000000001\r\n\r\nx`],
  ['chunks of chunks', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`],
  ['another protocol of the same looks', `RTSP/1.0 200 OK\r\n${LENGTH}`],
  ['and another', `ICE/1.0 200 OK\r\n${LENGTH}`],
]
for (const [why, said] of stricter) {
  test(`refused here and not by node:http: ${why}`, async () => {
    text = said
    assert.equal(readHere('GET'), undefined)
    assert.notEqual(await readByNode('GET'), undefined)
  })
}
