// One answer from bytes: the same is told of it however they are cut, and never more than was there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AnswerReader } from '../../../src/gateway/upstream/answer_reader.ts'
import { answer, broken, bytesOf, cut, tell } from './answers.ts'

const anyAnswer = fc.oneof(
  answer,
  broken,
  fc.tuple(answer, answer).map(([one, two]) => one + two),
)
const places = fc.array(fc.nat(), { maxLength: 12 })
const method = fc.constantFrom('GET', 'HEAD', 'POST')

test('however the bytes are cut, the same is told', () => {
  fc.assert(
    fc.property(anyAnswer, places, method, fc.boolean(), (text, where, asked, isClosed) => {
      const bytes = bytesOf(text)
      const how = { method: asked, switches: false }
      const whole = tell([bytes], how, isClosed)
      assert.deepEqual(tell(cut(bytes, where), how, isClosed), whole)
      assert.deepEqual(tell(cut(bytes, [...bytes.keys()]), how, isClosed), whole)
    }),
    { numRuns: 1500 },
  )
})

test('never more is told than was there, and the end once at most', () => {
  fc.assert(
    fc.property(anyAnswer, places, (text, where) => {
      const told = tell(cut(bytesOf(text), where))
      assert.ok(told.heads.length <= 1 && told.ends.length <= 1)
      assert.ok(told.body.length + told.left.length <= text.length)
      assert.ok(text.endsWith(told.left))
    }),
    { numRuns: 1000 },
  )
})

test('random bytes are no answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 200 }), (bytes) => {
      const told = tell([Buffer.from(bytes)])
      assert.deepEqual([told.heads, told.body, told.ends, told.isBad], [[], '', [], true])
    }),
  )
})

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

test('what is behind the answer is left, and nobody is told of it', () => {
  const second = `${OK}Content-Length: 6\r\n\r\npoison`
  for (const [first, body] of [
    [`${OK}Content-Length: 2\r\n\r\nok`, 'ok'],
    [`${OK}Content-Length: 0\r\n\r\n`, ''],
    ['HTTP/1.1 204 No Content\r\n\r\n', ''],
    ['HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', ''],
    [`${CHUNKED}2\r\nok\r\n0\r\n\r\n`, 'ok'],
    [`${CHUNKED}0\r\nx: y\r\n\r\n`, ''],
  ] as const) {
    const told = tell([bytesOf(first + second)])
    assert.deepEqual([told.heads.length, told.body, told.ends, told.left], [1, body, ['end'], second])
  }
})

const badChunks = [
  '\r\n',
  'g\r\n',
  '-1\r\n',
  '+1\r\na\r\n',
  '0x1\r\na\r\n',
  ' 1\r\na\r\n',
  '1 \r\na\r\n',
  '1\na\r\n',
  '1\r\na\n',
  '1\r\nab\r\n',
  '1\r\na\r\r\n',
  '2\r\na\r\n0\r\n\r\n',
  '1;x\0\r\na\r\n',
  '1;x\ry\r\na\r\n',
  '1;x\ny\r\na\r\n',
  '1x\r\na\r\n',
  '000000001\r\na\r\n',
  'fffffffff\r\n',
  '0\r\nx: y\n\r\n',
  '0\r\nx\0: y\r\n\r\n',
  '0\r\n: y\r\n\r\n',
  '0\r\nx\r\n\r\n',
  '0\r\nContent-Length: 5\r\n\r\n',
  '0\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n',
  '0\r\n\n',
  '0\n\r\n',
  `1;${'x'.repeat(5000)}\r\na\r\n`,
  `0\r\n${'x: y\r\n'.repeat(5000)}\r\n`,
  `0\r\nx: ${'y'.repeat(5000)}\r\n\r\n`,
]
for (const text of badChunks) {
  test(`chunks refused: ${JSON.stringify(text.slice(0, 30))}`, () => {
    const told = tell([bytesOf(CHUNKED + text)])
    assert.deepEqual([told.isBad, told.ends], [true, []])
  })
}

test('a chunk may be large, and its size in either case', () => {
  const told = tell([bytesOf(`${CHUNKED}0000Ff\r\n${'x'.repeat(255)}\r\n0\r\n\r\n`)])
  assert.deepEqual([told.body.length, told.ends], [255, ['end']])
})

test('hints are read past, so many and no more', () => {
  const hints = (count: number): Buffer => bytesOf(`${'HTTP/1.1 103 x\r\n\r\n'.repeat(count)}${OK}Content-Length: 0\r\n\r\n`)
  assert.deepEqual(tell([hints(16)]).ends, ['end'])
  assert.deepEqual([tell([hints(17)]).isBad, tell([hints(17)]).heads], [true, []])
})

test('a head may be 32 KiB long and not one byte longer, however it comes', () => {
  const head = (length: number): Buffer => {
    const start = `${OK}Content-Length: 0\r\nX: `
    return bytesOf(`${start}${'x'.repeat(length - start.length)}\r\n\r\n`)
  }
  for (const end of [0, 1, 2, 3, 4]) {
    const fits = head(32_768)
    assert.deepEqual(tell(cut(fits, [fits.length - end])).ends, ['end'], `cut ${end} before its end`)
    const tooLong = head(32_769)
    assert.equal(tell(cut(tooLong, [tooLong.length - end])).isBad, true)
  }
  assert.equal(tell([head(40_000).subarray(0, -4)]).isBad, true)
})

test('another protocol is not waited for', () => {
  for (const text of ['S', 'SSH-2.0-x\r\n', '\x15\x03\x01', 'HTTP/2', '\r\n', ' ']) assert.equal(tell([bytesOf(text)]).isBad, true)
  for (const text of ['H', 'HTTP/1', 'HTTP/1.1 2']) assert.equal(tell([bytesOf(text)]).isBad, false)
})

test('101 is an answer where it was asked for, with what is behind it', () => {
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 x\r\nUpgrade: y\r\nContent-Length: 3\r\n\r\nbehind'
  assert.equal(tell([bytesOf(text)]).isBad, true)
  const told = tell([bytesOf(text)], { method: 'GET', switches: true })
  assert.deepEqual([told.heads[0]?.status, told.left, told.ends], [101, 'behind', ['switch']])
})

test('only where neither length nor chunks were told is the end of the connection the end of the answer', () => {
  const close = (text: string): string[] => tell([bytesOf(text)], undefined, true).ends
  assert.deepEqual(close(`${OK}\r\nsome`), ['end'])
  assert.deepEqual(close(`${OK}\r\n`), ['end'])
  assert.deepEqual(close(`${OK}Content-Length: 5\r\n\r\nsome`), [])
  assert.deepEqual(close(`${CHUNKED}4\r\nsome\r\n`), [])
  assert.deepEqual(close(`${CHUNKED}4\r\nsome\r\n0\r\n`), [])
  assert.deepEqual(close(OK), [])
  assert.deepEqual(close('HTTP/1.1 103 x\r\n\r\n'), [])
  assert.deepEqual(close(''), [])
})

test('stopped from within a call, nobody is called any more', () => {
  const stopAt = (where: 'head' | 'data'): string[] => {
    const calls: string[] = []
    const say = (what: string): void => {
      calls.push(what)
      if (what === where) reader.stop()
    }
    const listener = { onHead: () => say('head'), onData: () => say('data'), onEnd: () => say('end'), onSwitch: () => say('switch') }
    const reader = new AnswerReader({ method: 'GET', switches: false }, listener)
    reader.read(bytesOf(`${CHUNKED}2\r\nok\r\n2\r\nno\r\n0\r\n\r\n`))
    reader.read(bytesOf('more'))
    reader.close()
    return calls
  }
  assert.deepEqual(stopAt('head'), ['head'])
  assert.deepEqual(stopAt('data'), ['head', 'data'])
})
