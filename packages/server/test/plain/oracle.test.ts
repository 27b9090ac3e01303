// The same bytes given to the reader of plain requests and to node:http: what is plain here, it reads alike and reads as one request.
// No second reading, no smuggling.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { readPlain } from '../../src/server/plain/request.ts'

interface Read {
  readonly method: string
  readonly url: string
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

const RUNS = Number(process.env['ORACLE_RUNS'] ?? 4000)

/** Everything that node:http reads in the bytes; undefined among them for what it refuses. */
async function readByNode(bytes: Buffer): Promise<(Read | undefined)[]> {
  const server = createServer({ maxHeaderSize: 32_768 })
  const pending: Promise<Read>[] = []
  let isBad = false
  const bodyOf = async (request: IncomingMessage): Promise<Read> => {
    const { method = '', url = '', rawHeaders, headers } = request
    let body = ''
    for await (const piece of request.setEncoding('latin1')) body += String(piece)
    return { method, url, rawHeaders, headers: { ...headers }, body }
  }
  server.on('request', (request, response) => {
    pending.push(bodyOf(request))
    response.end()
  })
  for (const event of ['connect', 'upgrade', 'checkContinue', 'checkExpectation', 'clientError']) server.on(event, () => (isBad = true))
  const socket = new Duplex({
    read() {
      // Bytes are pushed.
    },
    write: (_chunk, _encoding, done) => done(),
  })
  socket.on('error', () => undefined)
  server.emit('connection', socket)
  socket.push(bytes)
  socket.push(null)
  await once(socket, 'end').catch(() => undefined)
  const read = await Promise.all(pending.map((one) => one.catch(() => undefined)))
  socket.destroy()
  return isBad ? [...read, undefined] : read
}

const SOCKET = new Socket()

function readHere(bytes: Buffer): Read | undefined {
  const one = readPlain(bytes, SOCKET)
  if (!one) return undefined
  const { method, url, rawHeaders, headers, body } = one
  return { method, url, rawHeaders, headers: { ...headers }, body: Buffer.from(body).toString('latin1') }
}

/** @returns whether it was plain */
async function sameReading(bytes: Buffer): Promise<boolean> {
  const here = readHere(bytes)
  if (here) assert.deepEqual(await readByNode(bytes), [here], JSON.stringify(bytes.toString('latin1')))
  return here !== undefined
}

const often = <T>(...usual: readonly T[]) => ({
  or: (...odd: readonly T[]) =>
    fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) }),
})

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
const known = often(
  'Accept',
  'Authorization',
  'X-API-Key',
  'Cookie',
  'cookie',
  'User-Agent',
  'TE',
  'Keep-Alive',
  'Connection',
  'Content-Length',
)
const name = fc.oneof(
  { weight: 3, arbitrary: token },
  known.or('Host', 'constructor', '__proto__', 'Transfer-Encoding', 'Expect', 'Upgrade', 'Trailer', 'Proxy-Connection', 'Set-Cookie'),
)
const value = fc.oneof(
  fc.stringMatching(/^[ -~]{0,20}$/),
  fc.constantFrom(
    'keep-alive',
    'Keep-Alive',
    'close',
    'chunked',
    '0',
    '3',
    '5',
    '05',
    '+5',
    '100-continue',
    'websocket',
    'keep-alive, x',
    ' 3 ',
    '',
  ),
)
const field = fc.tuple(name, often(':', ': ', ':  ').or(' :', ':\t'), value).map((parts) => parts.join(''))
const target = fc.oneof(
  { weight: 1, arbitrary: fc.stringMatching(/^\/[!-~]{0,20}$/) },
  { weight: 1, arbitrary: often('/', '/a?b=c', '/%2e%2e/', '//x', '/a#b').or('*', 'http://x/', '') },
)
const method = often('GET', 'POST', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH').or('TRACE', 'get', 'QUERY')
const version = often('HTTP/1.1').or('HTTP/1.0', 'HTTP/2.0', 'http/1.1')
const request = fc
  .tuple(
    method,
    target,
    version,
    fc.array(field, { maxLength: 6 }),
    often(true).or(false),
    often('').or('abc', 'abcde', 'GET / HTTP/1.1\r\n'),
    fc.boolean(),
  )
  .map(([one, at, which, fields, hosted, body, told]) => {
    const measured = told && body !== '' ? [`Content-Length: ${body.length}`] : []
    const lines = [`${one} ${at} ${which}`, ...(hosted ? ['Host: x'] : []), ...fields, ...measured]
    return `${lines.join('\r\n')}\r\n\r\n${body}`
  })
/** With a character more, fewer or other: most of what breaks a message is one of these. */
const broken = fc
  .tuple(request, fc.nat(), fc.constantFrom('\r', '\n', '\r\n', '\0', '\t', ' ', ':', '\u00e9', ';', ','), fc.constantFrom(0, 1, 2))
  .map(([text, place, piece, gone]) => {
    const at = place % (text.length + 1)
    return text.slice(0, at) + piece + text.slice(at + gone)
  })

test('what is plain is read as node:http reads it, and is one request', async () => {
  let plain = 0
  await fc.assert(
    fc.asyncProperty(request, async (text) => {
      if (await sameReading(Buffer.from(text, 'latin1'))) plain += 1
    }),
    { numRuns: RUNS },
  )
  assert.ok(plain > RUNS / 40, `only ${plain} were plain`)
})

test('of broken requests none is plain that node:http reads otherwise', async () => {
  let plain = 0
  await fc.assert(
    fc.asyncProperty(broken, async (text) => {
      if (await sameReading(Buffer.from(text, 'latin1'))) plain += 1
    }),
    { numRuns: RUNS },
  )
  assert.ok(plain > RUNS / 100, `only ${plain} were plain`)
})

test('every single byte in every place of a plain request', async () => {
  const text = Buffer.from('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nA: b\r\n\r\nabc', 'latin1')
  let plain = 0
  for (let at = 0; at < text.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = Buffer.from(text)
      changed[at] = byte
      if (await sameReading(changed)) plain += 1
    }
  }
  assert.ok(plain > 1000, `only ${plain} were plain`)
})
