// Answers to plain requests beside node:http's own: the same handler, asked in a way that is plain and in one that is not, says the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Outgoing } from '../../src/gateway/messages.ts'
import { connectTo, readUntil } from '../gateway/gate.ts'
import { exchange } from '../harness/raw.ts'
import type { Front } from './front.ts'
import { startFront } from './front.ts'

const fronts: Front[] = []
after(async () => {
  for (const front of fronts) await front.close()
})

type Handler = (response: Outgoing) => unknown

const BIG = 'big '.repeat(100_000)
const HANDLERS: Readonly<Record<string, Handler>> = {
  'a text of known length': (response) => response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 4 }).end('text'),
  'a text of known length in UTF-8': (response) => response.writeHead(200, { 'content-length': 3 }).end('\u20ac'),
  'a text of known length in latin1': (response) => response.writeHead(200, { 'content-length': 1 }).end('\u00e9', 'latin1'),
  'bytes of known length': (response) => response.writeHead(201, { 'content-length': 3 }).end(Uint8Array.of(1, 2, 255)),
  'bytes in pieces': (response) => {
    response.writeHead(200, { 'content-length': 6 })
    response.write(Buffer.from('one'))
    return response.end('two')
  },
  'a length and then no more': (response) => {
    response.writeHead(200, { 'content-length': 3 })
    response.write('one')
    return response.end()
  },
  'no length': (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('text'),
  'no length, in pieces, the head before': async (response) => {
    response.writeHead(200, {})
    response.flushHeaders()
    await pause(5)
    response.write('one')
    response.write('')
    await pause(5)
    response.write(Buffer.from('tw\u00f6'))
    response.end()
  },
  'more than a connection takes at once': (response) => response.writeHead(200, { 'content-length': BIG.length }).end(BIG),
  'more than a connection takes at once, of unknown length': (response) => response.writeHead(200, {}).end(BIG),
  'no head of its own': (response) => [response.write('one'), response.end()],
  'no head of its own, and the head first': (response) => [response.flushHeaders(), response.end('two')],
  nothing: (response) => response.writeHead(200, { 'content-length': 0 }).end(),
  '204': (response) => response.writeHead(204, {}).end(),
  '304 with the length of what it would be': (response) => response.writeHead(304, { 'content-length': 10, etag: '"x"' }).end(),
  'a status without a name': (response) => response.writeHead(299, { 'content-length': 0 }).end(),
  'a list of fields': (response) => response.writeHead(200, ['content-length', '0', 'X-One', '1', 'x-one', '2']).end(),
  'several of one name': (response) => response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'content-length': 0 }).end(),
  'a date of its own': (response) => response.writeHead(200, { date: 'Thu, 01 Jan 1970 00:00:00 GMT', 'content-length': 0 }).end(),
  'the last of its connection': (response) => response.writeHead(200, { connection: 'close', 'content-length': 4 }).end('last'),
}

const heads = (front: Front, request: string): Promise<string> => exchange(front.origin, request)

/** Lines of the head in one order and spelling, without what a clock writes; and the body. */
function parts(said: string): readonly unknown[] {
  const end = said.indexOf('\r\n\r\n')
  const [first, ...fields] = said.slice(0, end).split('\r\n')
  const all = fields.map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()))
  return [first, all.filter((line) => !/^date: (?!Thu, 01 Jan 1970)/.test(line)).toSorted(), said.slice(end + 4)]
}

for (const [name, handler] of Object.entries(HANDLERS)) {
  test(`${name} is said as node:http says it`, async () => {
    const front = await startFront((request, response) => {
      if (request.url === '/end') response.writeHead(200, { connection: 'close', 'content-length': 3 }).end('end')
      else handler(response)
    })
    fronts.push(front)
    for (const method of ['GET', 'HEAD']) {
      const told: (readonly unknown[])[] = []
      for (const also of ['', 'Connection: keep-alive, x\r\n']) {
        const socket = await connectTo(front.origin)
        const closed = once(socket, 'close')
        let said = ''
        socket.setEncoding('latin1').on('data', (piece: string) => (said += piece))
        socket.write(`${method} / HTTP/1.1\r\nHost: x\r\n${also}\r\n`)
        // What is asked next shows where the answer before it has ended.
        await pause(30)
        socket.write('GET /end HTTP/1.1\r\nHost: x\r\n\r\n')
        await closed
        told.push(parts(said.replaceAll(/\r\nDate: (?!Thu, 01 Jan 1970)[^\r]*/g, '')))
      }
      assert.deepEqual(told[0], told[1])
    }
    assert.deepEqual(new Set(front.seen.map((one) => one.split(' ').at(-1))), new Set(['plain', 'node:http']))
  })
}

test('what was told longer than it is breaks off, and so does what is longer than was told', async () => {
  const front = await startFront((request, response) => {
    response.writeHead(200, { 'content-length': 5 })
    response.end(request.url === '/short' ? 'four' : 'sixsix')
  })
  fronts.push(front)
  for (const path of ['/short', '/long']) {
    const said = await heads(front, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    assert.ok(!said.includes('sixsix'))
  }
})

test('what broke off was never finished, and nothing that came behind it is done', async () => {
  const ends: Readonly<Record<string, (response: Outgoing) => unknown>> = {
    '/short': (response) => response.end('four'),
    '/long': (response) => response.end('sixsix'),
    '/pieces': (response) => [response.write('four'), response.write('more'), response.end()],
    '/destroyed': (response) => [response.write('fives'), response.destroy(), response.end()],
  }
  const heard: string[] = []
  const front = await startFront((request, response) => {
    const path = request.url ?? ''
    for (const event of ['finish', 'close'] as const) response.once(event, () => heard.push(`${path} ${event}`))
    setTimeout(() => {
      response.writeHead(200, { 'content-length': 5 })
      ends[path]?.(response)
      heard.push(`${path} ${response.destroyed ? 'destroyed' : 'alive'}`)
    }, 20)
  })
  fronts.push(front)
  for (const path of Object.keys(ends)) {
    const socket = await connectTo(front.origin)
    socket.resume().on('error', () => undefined)
    const closed = once(socket, 'close')
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
    while (!front.seen.includes(`GET ${path} plain`)) await pause(1)
    socket.write('GET /behind HTTP/1.1\r\nHost: x\r\n\r\n')
    await closed
    await pause(5)
  }
  assert.deepEqual(
    heard,
    Object.keys(ends).flatMap((path) => [`${path} destroyed`, `${path} close`]),
  )
  assert.deepEqual(
    front.seen,
    Object.keys(ends).map((path) => `GET ${path} plain`),
  )
})

test('what would be another field, another head or another framing is not written', async () => {
  const caught: string[] = []
  const bad: (Record<string, string | string[]> | string[])[] = [
    { 'x-one': 'a\r\nset-cookie: b' },
    { 'x-one': ['fine', 'a\nb'] },
    { 'x one': 'a' },
    { 'x-one:': 'a' },
    { '': 'a' },
    ['x-one', '\0'],
    { 'transfer-encoding': 'chunked' },
    { 'content-length': '1, 1' },
    { 'content-length': ['1', '1'] },
    { 'content-length': '-1' },
  ]
  const front = await startFront((_request, response) => {
    for (const fields of bad) {
      try {
        response.writeHead(200, fields)
        assert.fail(JSON.stringify(fields))
      } catch (error) {
        caught.push((error as Error).name)
      }
    }
    response.writeHead(200, { 'content-length': 4 })
    assert.throws(() => response.writeHead(200, {}))
    response.end('fine')
  })
  fronts.push(front)
  const socket = await connectTo(front.origin)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  assert.match(await readUntil(socket, /fine$/), /^HTTP\/1.1 200 OK\r\ncontent-length: 4\r\n/)
  assert.deepEqual(
    caught,
    bad.map(() => 'TypeError'),
  )
})

test('who does not read is waited for', async () => {
  let drained = false
  let response: Outgoing | undefined
  const front = await startFront((_request, answer) => {
    response = answer
    answer.writeHead(200, {})
    answer.write(Buffer.alloc(32 * 1024 * 1024, 'x'))
    answer.once('drain', () => {
      drained = true
      answer.end('the end')
    })
  })
  fronts.push(front)
  const socket = await connectTo(front.origin)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await pause(30)
  assert.deepEqual([drained, response?.writableNeedDrain, (response?.writableLength ?? 0) > 0], [false, true, true])
  await readUntil(socket, /the end\r\n0\r\n\r\n$/)
  assert.ok(drained)
})
