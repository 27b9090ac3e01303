// A backup somebody else has written, and a restore at the wrong moment: nothing of the file speaks to the terminal, fills the memory or
// names a table of its own, and a server that runs keeps its state.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { zstdCompressSync } from 'node:zlib'
import { command as backup } from '../../src/cli/backup.ts'
import { dumpToFile } from '../../src/cli/backup_file.ts'
import { UsageError } from '../../src/cli/command.ts'
import { command as restore } from '../../src/cli/restore.ts'
import { openSql } from '../../src/server/open_store.ts'
import { DumpError } from '../../src/store/dump_error.ts'
import { dumpFileLines, keyId, writeDumpFile } from '../../src/store/dump_file.ts'
import { startConfigured } from '../harness/server.ts'
import { folder } from './used.ts'

const ESCAPE = '\u001b]0;owned\u0007'

async function refusal(args: readonly string[]): Promise<string> {
  try {
    await restore.run(args, { env: {}, out: () => undefined, err: () => undefined })
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  return ''
}

/** A plain file of these lines, whose last line adds up. */
async function forged(head: object, ...lines: readonly string[]): Promise<string> {
  const all = [JSON.stringify(head), ...lines]
  const sha256 = createHash('sha256')
    .update(all.map((line) => `${line}\n`).join(''))
    .digest('hex')
  const parts: Uint8Array[] = []
  const file = writeDumpFile(async (bytes) => void parts.push(bytes), null)
  for (const line of [...all, JSON.stringify({ end: { tables: [], sha256 } })]) await file.line(line)
  await file.end()
  return write(Buffer.concat(parts))
}

function write(bytes: Uint8Array): string {
  const path = join(folder(), 'backup')
  writeFileSync(path, bytes)
  return path
}

test('nothing of a hostile file reaches the terminal raw', async () => {
  const key = join(folder(), 'key')
  await backup.run(['--new-key', key], { env: {}, out: () => undefined, err: () => undefined })
  const salt = randomBytes(32).toString('base64url')
  for (const first of [
    `countersign-backup 1 aes-256-gcm ${salt} ${ESCAPE}\n`,
    `countersign-backup ${ESCAPE} plain\n`,
    `countersign-backup 1 ${ESCAPE}\n`,
    `countersign-backup 1 aes-256-gcm ${salt} \u009b31m\n`,
  ]) {
    for (const how of [['--plain'], ['--key-file', key]]) {
      const said = await refusal(['--verify', '--in', write(Buffer.from(first, 'latin1')), ...how])
      assert.match(said, /^[\x20-\x7e]+$/)
    }
  }
  const head = { format: 1, schema: 4, created: '2026-01-01T00:00:00Z', program: 'countersign 0.1.0', tables: [] }
  assert.equal(await refusal(['--verify', '--in', await forged(head), '--plain']), '')
  for (const more of [{ program: ESCAPE }, { created: `2026${ESCAPE}` }, { program: 5 }, { program: 'x'.repeat(1000) }]) {
    assert.match(
      await refusal(['--verify', '--in', await forged({ ...head, ...more }), '--plain']),
      /^The backup cannot be read[\x20-\x7e]+$/,
    )
  }
})

test('tables and columns that are none of ours are refused before a statement is made of them', async () => {
  const head = { format: 1, schema: 4, created: 'x', program: 'x' }
  for (const table of [
    { name: 'realms; DROP TABLE realms', columns: ['id'] },
    { name: 'schema_version', columns: ['version'] },
    { name: 'nodes', columns: ['id'] },
    { name: 'realms', columns: ['id', 'document) VALUES (1, 2) --'] },
    { name: 'realms', columns: ['id', 'id'] },
    { name: 'realms', columns: ['document', 'id'] },
    { name: 'realms', columns: 'id' },
    { name: '__proto__', columns: [] },
  ]) {
    const path = await forged({ ...head, tables: [table] }, JSON.stringify({ table: table.name }), '["a","b"]')
    assert.match(await refusal(['--in', path, '--plain', '--data', join(folder(), 'data')]), /^The backup cannot be read/, table.name)
  }
})

test('a few bytes that unpack to more than a memory holds are refused', () => {
  const packed = zstdCompressSync(Buffer.alloc(48 * 1024 * 1024, 'x'))
  const frame = Buffer.alloc(4)
  frame.writeUInt32BE(packed.length)
  let reads = 0
  const read = (length: number): Uint8Array => {
    reads += 1
    const first = Buffer.from('countersign-backup 1 plain\n')
    if (reads <= first.length) return first.subarray(reads - 1, reads)
    return length === 4 ? frame : packed
  }
  assert.throws(() => [...dumpFileLines(read, null)], { name: 'DumpError', message: /piece 2/ })
  const bomb = zstdCompressSync(Buffer.alloc(65 * 1024 * 1024))
  const head = Buffer.alloc(4)
  head.writeUInt32BE((bomb.length | 0x80000000) >>> 0)
  const file = Buffer.concat([Buffer.from('countersign-backup 1 plain\n'), head, bomb])
  let at = 0
  const next = (length: number): Uint8Array => {
    at += length
    return file.subarray(at - length, at)
  }
  assert.throws(() => [...dumpFileLines(next, null)], DumpError)
})

test('a file that appears at the place of a backup while it is written stays what it is', async () => {
  const [data, path] = [join(folder(), 'data'), join(folder(), 'backup')]
  const sql = await openSql({ kind: 'sqlite', folder: data })
  const quicker: typeof sql = {
    ...sql,
    async snapshot(act) {
      const written = await sql.snapshot(act)
      writeFileSync(path, 'precious')
      return written
    },
  }
  try {
    const io = { env: {}, out: () => undefined, err: () => undefined }
    await assert.rejects(dumpToFile(quicker, null, path, io), /is there already: /)
    assert.equal(readFileSync(path, 'utf8'), 'precious')
    assert.deepEqual(readdirSync(dirname(path)), ['backup'])
  } finally {
    await sql.close()
  }
})

test('a key is told by its id alone, which says nothing of it', () => {
  const key = randomBytes(32)
  assert.match(keyId(key), /^[0-9a-f]{16}$/)
  assert.notEqual(keyId(key), createHash('sha256').update(key).digest('hex').slice(0, 16))
})

test('a restore over a server that runs is refused, and done once it has ended', async () => {
  const data = join(folder(), 'data')
  const path = join(folder(), 'backup')
  const server = await startConfigured({ data, realms: [{ id: 'depot', clients: [] }] }, {})
  const io = { env: {}, out: () => undefined, err: () => undefined }
  try {
    await backup.run(['--data', data, '--out', path, '--plain'], io)
    const args = ['--in', path, '--plain', '--data', data, '--replace']
    assert.match(await refusal(args), /^A server runs on this database: stop /)
  } finally {
    await server.close()
  }
  assert.equal(await refusal(['--in', path, '--plain', '--data', data, '--replace']), '')
})
