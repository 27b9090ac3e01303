// Heads of requests: each is read by node:http as exactly one request with those fields, and what would be two, or none, is not written.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Ask } from '../../../src/gateway/upstream/ask.ts'
import { writeHead } from '../../../src/gateway/upstream/request_head.ts'

const plain: Ask = { method: 'GET', path: '/', fields: [], body: undefined, protocol: undefined }
const body = Readable.from([])

interface Seen {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly fields: readonly string[]
  readonly body: string
}
let seen: Seen[] = []
const server = createServer({ maxHeaderSize: 65_536 }, (request: IncomingMessage, response) => {
  let text = ''
  request
    .on('data', (piece) => (text += String(piece)))
    .on('end', () => {
      seen.push({ method: request.method, url: request.url, fields: request.rawHeaders, body: text })
      response.setHeader('connection', 'close').end()
    })
})
before(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => server.close())

async function readByNode(text: string): Promise<Seen[]> {
  seen = []
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket
    .resume()
    .on('error', () => undefined)
    .write(text, 'latin1')
  await once(socket, 'close')
  return seen
}

const OWN = /^(?:host|connection|upgrade|transfer-encoding|content-length|expect)$/
const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9a-z]{1,20}$/).filter((one) => !OWN.test(one))
const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?)?$/)
const path = fc.stringMatching(/^\/[\x21-\x7e]{0,30}$/)
const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'M-SEARCH', 'PROPFIND')

test('what is written is read as one request with those fields', async () => {
  await fc.assert(
    fc.asyncProperty(
      method,
      path,
      fc.array(fc.tuple(name, value), { maxLength: 8 }),
      fc.boolean(),
      async (verb, target, fields, hasBody) => {
        const ask = { ...plain, method: verb, path: target, fields: fields.flat(), body: hasBody ? body : undefined }
        const { text, framing } = writeHead(ask, 'upstream.example:81')
        const requests = await readByNode(framing === 'chunked' ? `${text}5\r\nhello\r\n0\r\n\r\n` : text)
        const anticipates = !hasBody && ['POST', 'PATCH'].includes(verb) ? ['content-length', '0'] : []
        const own = ['host', 'upstream.example:81', 'connection', 'keep-alive']
        const all = [...own, ...fields.flat(), ...anticipates, ...(hasBody ? ['transfer-encoding', 'chunked'] : [])]
        assert.deepEqual(requests, [{ method: verb, url: target, fields: all, body: hasBody ? 'hello' : '' }])
      },
    ),
    { numRuns: 200 },
  )
})

test('whatever it is given, it writes one request or throws', async () => {
  const text = fc.array(
    fc.constantFrom('\r', '\n', '\r\n', '\r\n\r\n', 'GET / HTTP/1.1', ' ', ':', 'a', '\0', '\xff', '/', 'Ā', '\x7f', '5'),
    {
      maxLength: 6,
    },
  )
  const one = text.map((pieces) => pieces.join(''))
  let written = 0
  await fc.assert(
    fc.asyncProperty(one, one, fc.array(fc.tuple(fc.oneof(one, name), one), { maxLength: 3 }), async (verb, target, fields) => {
      let head: string
      try {
        head = writeHead({ ...plain, method: verb === '' ? 'GET' : verb, path: `/${target}`, fields: fields.flat() }, 'x').text
      } catch (error) {
        assert.ok(error instanceof Error)
        return
      }
      written += 1
      assert.equal(head.split('\r\n\r\n').length, 2)
      assert.equal(head.replaceAll('\r\n', '').search(/[\r\n\0]/), -1)
      assert.equal(head.split('\r\n').length, 3 + fields.length + 2)
    }),
    { numRuns: 5000 },
  )
  assert.ok(written > 20, `only ${written} were written`)
})

const refused: readonly (readonly [what: string, ask: Partial<Ask>])[] = [
  ['a second request in the path', { path: '/ HTTP/1.1\r\n\r\nGET /admin' }],
  ['a blank in the path', { path: '/a b' }],
  ['an empty path', { path: '' }],
  ['a path beyond latin1, which would lose its high bytes', { path: '/\u010d\u010a' }],
  ['a method with a blank', { method: 'GET /admin HTTP/1.1\r\nx:' }],
  ['no method', { method: '' }],
  ['a line break in a value', { fields: ['x', 'y\r\nz: z'] }],
  ['a line feed in a value', { fields: ['x', 'y\nz: z'] }],
  ['a value beyond latin1', { fields: ['x', '\u010d\u010az: z'] }],
  ['a NUL in a value', { fields: ['x', '\0'] }],
  ['a line break in a name', { fields: ['x: y\r\nz', 'z'] }],
  ['a blank behind a name', { fields: ['content-length ', '5'] }],
  ['a name in capitals, which would pass what is looked for', { fields: ['Transfer-Encoding', 'chunked'] }],
  ['an empty name', { fields: ['', 'x'] }],
  ['framing', { fields: ['transfer-encoding', 'chunked'] }],
  ['another host', { fields: ['host', 'elsewhere'] }],
  ['what is the connection’s', { fields: ['connection', 'close'] }],
  ['an upgrade that nobody waits for', { fields: ['upgrade', 'h2c'] }],
  ['a protocol with a line break', { protocol: 'websocket\r\nx: y' }],
  ['two lengths', { body, fields: ['content-length', '5', 'content-length', '5'] }],
  ['a length that is none', { body, fields: ['content-length', '5, 5'] }],
  ['a length that is not exact', { body, fields: ['content-length', '9007199254740993'] }],
  ['a length without a body: the next request would be taken for it', { fields: ['content-length', '5'] }],
]
for (const [what, ask] of refused) {
  test(`not written: ${what}`, () => {
    for (let i = 0; i < 2; i += 1) assert.throws(() => writeHead({ ...plain, ...ask }, 'x'), Error)
  })
}

test('a body is framed by its length or by chunks, and none where none is', () => {
  const framing = (ask: Partial<Ask>): unknown => writeHead({ ...plain, ...ask }, 'x').framing
  assert.equal(framing({}), 0)
  assert.equal(framing({ fields: ['content-length', '0'] }), 0)
  assert.equal(framing({ body, fields: ['content-length', '17'] }), 17)
  assert.equal(framing({ body }), 'chunked')
})

test('a request for another protocol says so, and nothing else of the connection', () => {
  const { text } = writeHead({ ...plain, protocol: 'websocket' }, 'x')
  assert.equal(text, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
})
