// The file of a backup: whatever is changed, moved, cut off or added is found, and without the key nothing is read.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { DumpError } from '../../src/store/dump_error.ts'
import type { DumpSeal } from '../../src/store/dump_file.ts'
import { dumpFileLines, writeDumpFile } from '../../src/store/dump_file.ts'

const seal: DumpSeal = { key: randomBytes(32), salt: randomBytes(32) }
/** Some that fill several pieces. */
const LINES = Array.from({ length: 40 }, (_, n) => `${n} ${randomBytes(10_000).toString('base64')}`)

async function fileOf(lines: readonly string[], sealed: DumpSeal | null): Promise<Buffer> {
  const parts: Uint8Array[] = []
  const writer = writeDumpFile(async (bytes) => void parts.push(bytes), sealed)
  for (const line of lines) await writer.line(line)
  const length = await writer.end()
  const file = Buffer.concat(parts)
  assert.equal(length, file.length)
  return file
}

function linesOf(file: Uint8Array, key: Uint8Array | null): string[] {
  let position = 0
  const read = (length: number): Uint8Array => {
    const taken = file.subarray(position, position + length)
    position += taken.length
    return taken
  }
  return [...dumpFileLines(read, key)]
}

const sealed = await fileOf(LINES, seal)

/** Where each piece begins and ends. */
function piecesOf(file: Buffer): readonly (readonly [number, number])[] {
  const pieces: (readonly [number, number])[] = []
  for (let at = file.indexOf('\n') + 1; at < file.length; ) {
    const end = at + 4 + (file.readUInt32BE(at) & 0x7fffffff)
    pieces.push([at, end])
    at = end
  }
  return pieces
}

test('lines come back as they were written, encrypted and plain', async () => {
  assert.deepEqual(linesOf(sealed, seal.key), LINES)
  assert.deepEqual(linesOf(await fileOf(LINES, null), null), LINES)
  assert.deepEqual(linesOf(await fileOf([], seal), seal.key), [])
  const odd = ['', 'ünïcode ☃', '"\\', ' '.repeat(300_000)]
  assert.deepEqual(linesOf(await fileOf(odd, seal), seal.key), odd)
})

test('nothing of the content can be read without the key', async () => {
  const file = await fileOf(['the-secret-of-somebody'.repeat(100)], seal)
  assert.ok(!file.includes('the-secret'))
  assert.throws(() => linesOf(file, null), /is encrypted: name its key/)
  assert.throws(() => linesOf(file, randomBytes(32)), /with another key/)
})

test('a plain file is refused where a key is named, so that nobody can do without it', async () => {
  const file = await fileOf(LINES, null)
  assert.throws(() => linesOf(file, seal.key), /not encrypted/)
})

test('a byte that is changed anywhere is found', () => {
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const other = Buffer.from(sealed)
      other[at] = (other[at] ?? 0) ^ change
      assert.throws(() => linesOf(other, seal.key), DumpError)
    }),
    { numRuns: 60 },
  )
})

test('a file that is cut off anywhere is found, between two pieces too', () => {
  const cuts = [0, 10, ...piecesOf(sealed).flatMap(([from, to]) => [from, from + 2, to - 1])]
  for (const cut of cuts) assert.throws(() => linesOf(sealed.subarray(0, cut), seal.key), DumpError, `cut at ${cut}`)
})

test('pieces that are left out, repeated, moved, or taken from another file with the same key are found', async () => {
  const pieces = piecesOf(sealed)
  assert.ok(pieces.length > 2)
  const head = sealed.subarray(0, pieces[0]?.[0])
  const parts = pieces.map(([from, to]) => sealed.subarray(from, to))
  const [first = head, second = head, ...rest] = parts
  const others = await fileOf(LINES, { ...seal, salt: randomBytes(32) })
  const foreign = piecesOf(others).map(([from, to]) => others.subarray(from, to))
  const wrong = [
    [second, ...rest],
    [first, first, second, ...rest],
    [second, first, ...rest],
    [foreign[0] ?? head, second, ...rest],
    [...parts, parts.at(-1) ?? head],
    [...parts, Buffer.from('x')],
  ]
  for (const list of wrong) assert.throws(() => linesOf(Buffer.concat([head, ...list]), seal.key), DumpError)
})

test('a file that is something else is refused in one sentence', () => {
  for (const text of ['', 'x', 'SQLite format 3\0', 'a'.repeat(1000), 'countersign-backup 2 plain\n'])
    assert.throws(() => linesOf(Buffer.from(text), null), /^DumpError: [^\n]+\.$/)
})
