// Heads of answers: those that have one meaning, and what it is; those that have none or two. RFC 9112.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AnswerHead, Framing } from '../../../src/gateway/upstream/answer_head.ts'
import { BadAnswer, IDLE_MS, readHead } from '../../../src/gateway/upstream/answer_head.ts'

const head = (...lines: string[]): string => lines.join('\r\n')
const ok = (...fields: string[]): string => head('HTTP/1.1 200 OK', ...fields)

const framings: readonly (readonly [text: string, method: string, framing: Framing])[] = [
  ['HTTP/1.1 200', 'GET', 'until_close'],
  ['HTTP/1.1 200 ', 'GET', 'until_close'],
  ['HTTP/1.1 999 \t\x80\xff~', 'GET', 'until_close'],
  ['HTTP/1.0 200 OK', 'GET', 'until_close'],
  [head('HTTP/1.0 200 OK', 'Content-Length: 5'), 'GET', 5],
  [ok('Content-Length: 0'), 'GET', 0],
  [ok('CONTENT-length:\t 007 \t'), 'GET', 7],
  [ok('content-length: 999999999999999'), 'POST', 999_999_999_999_999],
  [ok('Transfer-Encoding: Chunked'), 'GET', 'chunked'],
  [ok('transfer-encoding:chunked '), 'GET', 'chunked'],
  [ok('Content-Length: 5'), 'HEAD', 0],
  [ok('Transfer-Encoding: chunked'), 'HEAD', 0],
  [head('HTTP/1.1 204 No Content', 'Content-Length: 5'), 'GET', 0],
  [head('HTTP/1.1 304 Not Modified', 'Transfer-Encoding: chunked'), 'GET', 0],
  [head('HTTP/1.1 103 Early Hints', 'Link: </x>'), 'GET', 0],
  [head('HTTP/1.1 205 Reset Content', 'Content-Length: 1'), 'GET', 1],
]
for (const [text, method, framing] of framings) {
  test(`${method}: ${JSON.stringify(text)} is followed by ${framing}`, () => assert.equal(readHead(text, method).framing, framing))
}

const bad: readonly string[] = [
  '',
  ' ',
  '\r\nHTTP/1.1 200 OK',
  ' HTTP/1.1 200 OK',
  'HTTP/1.1',
  'HTTP/1.1 20',
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 099 OK',
  'HTTP/1.1 +20 OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  'HTTP/1.1 200 O\0K',
  'HTTP/1.1 200 O\x7fK',
  'HTTP/1.1 200 OK\r',
  'HTTP/1.1 200 OK\nX: y',
  'HTTP/1.1 200 OK\rX: y',
  'HTTP/1.2 200 OK',
  'HTTP/2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/0.9 200 OK',
  'http/1.1 200 OK',
  'HTTPS/1.1 200 OK',
  'ICY 200 OK',
  'GET / HTTP/1.1',
  ok('X'),
  ok('X y'),
  ok(': y'),
  ok('X : y'),
  ok('X\t: y'),
  ok(' X: y'),
  ok('X: y', ' folded'),
  ok('X: y', '\tfolded: z'),
  ok('X: y', 'no colon'),
  ok('X\0: y'),
  ok('X: y\0'),
  ok('X: \x01'),
  ok('X: \x7f'),
  ok('X: y\rZ: z'),
  ok('X: y\nZ: z'),
  ok('X: y\n'),
  ok('\xdc: y'),
  ok('X(y): z'),
  ok('X"y": z'),
  ok('Content-Length: '),
  ok('Content-Length: -1'),
  ok('Content-Length: +1'),
  ok('Content-Length: 0x5'),
  ok('Content-Length: 5.0'),
  ok('Content-Length: 1e3'),
  ok('Content-Length: 5 5'),
  ok('Content-Length: 5, 5'),
  ok('Content-Length: 5;'),
  ok('Content-Length: \xb2'),
  ok('Content-Length: 1000000000000000'),
  ok('Content-Length: 5', 'Content-Length: 5'),
  ok('Content-Length: 5', 'content-length: 6'),
  ok('Content-Length: 5', 'Transfer-Encoding: chunked'),
  ok('Transfer-Encoding: chunked', 'Content-Length: 5'),
  ok('Transfer-Encoding: '),
  ok('Transfer-Encoding: identity'),
  ok('Transfer-Encoding: chunked\t'),
  ok('Transfer-Encoding:\tchunked'),
  ok('Transfer-Encoding: gzip, chunked'),
  ok('Transfer-Encoding: chunked, chunked'),
  ok('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  ok('Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
  ok('Transfer-Encoding: chunked;x=y'),
  ok('Transfer-Encoding: "chunked"'),
  ok('Transfer-Encoding: xchunked'),
  ok('Transfer-Encoding: \x0bchunked'),
  head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'),
  head('HTTP/1.0 103 Early Hints', 'Link: </x>'),
  head('HTTP/1.1 100 Continue', 'Content-Length: 5'),
  head('HTTP/1.1 100 Continue', 'Connection: close'),
  head('HTTP/1.1 103 Early Hints', 'Transfer-Encoding: chunked'),
]
for (const text of bad) {
  test(`refused: ${JSON.stringify(text)}`, () => {
    for (const method of ['GET', 'HEAD']) assert.throws(() => readHead(text, method), BadAnswer)
  })
}

const rests: readonly (readonly [text: string, method: string, idleMs: number])[] = [
  [ok('Content-Length: 0'), 'GET', IDLE_MS],
  [ok('Content-Length: 0', 'Connection: keep-alive'), 'GET', IDLE_MS],
  [ok('Content-Length: 0', 'Connection: close'), 'GET', 0],
  [ok('Content-Length: 0', 'Connection: Keep-Alive ,\tCLOSE'), 'GET', 0],
  [ok('Content-Length: 0', 'Connection: x', 'Connection: close'), 'GET', 0],
  [ok('Content-Length: 0', 'Connection: not-close'), 'GET', IDLE_MS],
  [ok('Content-Length: 0', 'Keep-Alive: timeout=30'), 'GET', 29_000],
  [ok('Content-Length: 0', 'Keep-Alive: max=9, Timeout = 3'), 'GET', 2_000],
  [ok('Content-Length: 0', 'Keep-Alive: timeout=1'), 'GET', 0],
  [ok('Content-Length: 0', 'Keep-Alive: timeout=0'), 'GET', 0],
  [ok('Content-Length: 0', 'Keep-Alive: timeout=999999'), 'GET', 600_000],
  [ok('Content-Length: 0', 'Keep-Alive: mytimeout=30'), 'GET', IDLE_MS],
  [ok('Content-Length: 0', 'Keep-Alive: timeout=30', 'Connection: close'), 'GET', 0],
  [ok(), 'GET', 0],
  [head('HTTP/1.0 200 OK', 'Content-Length: 0', 'Connection: keep-alive'), 'GET', 0],
  [head('HTTP/1.1 204 No Content'), 'GET', IDLE_MS],
  // A body is told of where none comes: one that came all the same would be read as the answer to the next caller.
  [ok('Content-Length: 5'), 'HEAD', 0],
  [ok('Transfer-Encoding: chunked'), 'HEAD', 0],
  [ok('Content-Length: 0'), 'HEAD', IDLE_MS],
  [ok(), 'HEAD', IDLE_MS],
  [head('HTTP/1.1 204 No Content', 'Content-Length: 5'), 'GET', 0],
  [head('HTTP/1.1 304 Not Modified', 'Transfer-Encoding: chunked'), 'GET', 0],
]
for (const [text, method, idleMs] of rests) {
  test(`${method}: behind ${JSON.stringify(text)} the connection rests ${idleMs} ms`, () =>
    assert.equal(readHead(text, method).idleMs, idleMs))
}

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/).filter((one) => !/^(?:content-length|transfer-encoding)$/i.test(one))
const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,30}[\x21-\x7e\x80-\xff])?)?$/)

test('every field is told, in order, its name in lower case and its value as it was sent', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), fc.integer({ min: 100, max: 999 }), (fields, status) => {
      const read: AnswerHead = readHead(head(`HTTP/1.1 ${status} x`, ...fields.map(([one, what]) => `${one}: \t${what} `)), 'GET')
      assert.equal(read.status, status)
      assert.deepEqual(
        read.fields,
        fields.flatMap(([one, what]) => [one.toLowerCase(), what]),
      )
    }),
  )
})

test('whatever it is given, it reads a head or says that it is none', () => {
  const piece = fc.constantFrom('HTTP/1.1 200 OK', '\r\n', '\r', '\n', ':', ' ', '\t', 'a', 'content-length', 'chunked', '5', '\0', '\xff')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        readHead(pieces.join(''), 'GET')
      } catch (error) {
        assert.ok(error instanceof BadAnswer, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
