// Answers of upstreams, good and bad, for properties; and what a reader tells of one.
import fc from 'fast-check'
import type { AnswerHead } from '../../../src/gateway/upstream/answer_head.ts'
import { BadAnswer } from '../../../src/gateway/upstream/answer_head.ts'
import type { Asked } from '../../../src/gateway/upstream/answer_reader.ts'
import { AnswerReader } from '../../../src/gateway/upstream/answer_reader.ts'

export const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1')

const byte = fc.oneof(
  fc.constantFrom('\r', '\n', '0', 'H'),
  fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)),
)
const body = fc.string({ unit: byte, maxLength: 40 })
const chunk = fc
  .tuple(fc.string({ unit: byte, minLength: 1, maxLength: 20 }), fc.constantFrom('', ';x', ';x=y', ';x="y z"'))
  .map(([data, extension]) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`)
const chunked = fc
  .tuple(fc.array(chunk, { maxLength: 5 }), fc.constantFrom('0', '00', '0;last'), fc.constantFrom('', 'x: y\r\n', 'x: y\r\nz:\r\n'))
  .map(([chunks, last, trailers]) => `${chunks.join('')}${last}\r\n${trailers}\r\n`)
const hint = fc.constantFrom('HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', '')
const field = fc.constantFrom(
  'X-One: 1',
  'x-one:two',
  'Set-Cookie: a=1',
  'Connection: close',
  'Connection: keep-alive',
  'X-Empty:',
  'X-\xff: no',
)
const status = fc.constantFrom('200 OK', '201', '204 No Content', '206 Part', '304 Not Modified', '404 Not Found', '500 \xff')

/** Whole answers, nearly all of them good. */
export const answer: fc.Arbitrary<string> = fc
  .tuple(
    hint,
    fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
    status,
    fc.array(field, { maxLength: 3 }),
    fc.oneof(
      body.map((text) => [`Content-Length: ${text.length}`, text] as const),
      chunked.map((text) => ['Transfer-Encoding: chunked', text] as const),
      body.map((text) => ['X-Framing: none', text] as const),
    ),
  )
  .map(
    ([before, version, line, fields, [framing, rest]]) =>
      `${before}HTTP/${version} ${line}\r\n${[...fields, framing].map((one) => `${one}\r\n`).join('')}\r\n${rest}`,
  )

const VANDALS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  '\0',
  ':',
  ';',
  ',',
  '0',
  '1',
  'f',
  '-',
  '\x7f',
  '\xff',
  'Content-Length: 3\r\n',
]

/** An answer with something taken out, put in or doubled somewhere. */
export const broken: fc.Arbitrary<string> = fc
  .tuple(answer, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.constantFrom('', ...VANDALS)), { minLength: 1, maxLength: 3 }))
  .map(([text, wounds]) =>
    wounds.reduce((sofar, [where, taken, put]) => {
      const at = where % (sofar.length + 1)
      return sofar.slice(0, at) + put + sofar.slice(at + taken)
    }, text),
  )

/** What was told of an answer: the same however its bytes came. */
export interface Told {
  readonly heads: AnswerHead[]
  body: string
  /** `last`, `end` or `switch`; undefined: it has not ended. */
  ends: string[]
  /** The reader has refused it. */
  isBad: boolean
  /** Bytes behind its end. */
  left: string
}

export function tell(pieces: readonly Buffer[], asked: Asked = { method: 'GET', switches: false }, isClosed = false): Told {
  const told: Told = { heads: [], body: '', ends: [], isBad: false, left: '' }
  const reader = new AnswerReader(asked, {
    onHead: (head) => told.heads.push(head),
    onData: (piece, isLast) => {
      told.body += piece.toString('latin1')
      if (isLast) told.ends.push('end')
    },
    onEnd: () => told.ends.push('end'),
    onSwitch: (head, rest) => {
      told.heads.push(head)
      told.left += rest.toString('latin1')
      told.ends.push('switch')
    },
  })
  try {
    for (const piece of pieces) {
      const read = reader.read(piece)
      told.left += piece.subarray(read).toString('latin1')
    }
    if (isClosed) reader.close()
  } catch (error) {
    if (!(error instanceof BadAnswer)) throw error
    told.isBad = true
    told.left = ''
  }
  return told
}

/** The same bytes in other pieces. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end)).filter((piece) => piece.length > 0)
}
