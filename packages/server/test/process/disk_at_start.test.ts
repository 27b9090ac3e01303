// A data folder that cannot be used: one sentence at the start and exit 2, whatever is wrong with it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, test } from 'node:test'
import { BOUNDED, complaint, isOneSentence, run, serve, temporaryFolder } from './program.ts'
import { writeShop } from './shop.ts'
import { NO_SMALL_DISK, smallDisk } from './small_disk.ts'

const NOBODY = 65_534
const IS_ROOT = process.getuid?.() === 0

let config: string
before(async () => {
  const folder = temporaryFolder()
  config = await writeShop(folder, 'http://127.0.0.1:9')
  // For the tests that run the program as another user.
  chmodSync(folder, 0o755)
})

const start = (data: string, uid?: number) =>
  run(['serve', '--config', config, '--port', '0', '--management-port', '0', '--data', data], uid === undefined ? {} : { uid }).ended

/** Starts on the folder, which must be refused in one sentence with `path` in it. */
const assertRefused = async (data: string, mention: string | RegExp, uid?: number): Promise<void> => {
  const ending = await start(data, uid)
  const sentence = complaint(ending)
  assert.deepEqual([ending.code, ending.stdout], [2, ''], ending.stderr)
  assert.ok(isOneSentence(sentence), sentence)
  if (typeof mention === 'string') assert.ok(sentence.includes(mention), sentence)
  else assert.match(sentence, mention)
}

test('a data folder that cannot be written is one sentence at the start', BOUNDED, async () => {
  const parent = temporaryFolder()
  chmodSync(parent, 0o755)
  const uid = IS_ROOT ? NOBODY : undefined
  const unwritable = join(parent, 'unwritable')
  mkdirSync(unwritable)
  chmodSync(unwritable, 0o555)
  await assertRefused(unwritable, unwritable, uid)
  await assertRefused(join(unwritable, 'below'), unwritable, uid)

  const readOnly = join(parent, 'read-only')
  mkdirSync(readOnly)
  writeFileSync(join(readOnly, 'countersign.db'), '')
  chmodSync(join(readOnly, 'countersign.db'), 0o444)
  await assertRefused(readOnly, readOnly, uid)
  chmodSync(unwritable, 0o755)
})

test('a data path that is a file, or lies below one, is one sentence at the start', BOUNDED, async () => {
  const file = join(temporaryFolder(), 'file')
  writeFileSync(file, 'no folder')
  await assertRefused(file, file)
  await assertRefused(join(file, 'below'), file)
  assert.equal(readFileSync(file, 'utf8'), 'no folder')
})

test(
  'a database file that is none, is somebody else’s, newer or damaged is one sentence at the start, and is left as it is',
  BOUNDED,
  async () => {
    const folderWith = (make: (file: string) => void): string => {
      const folder = temporaryFolder()
      make(join(folder, 'countersign.db'))
      return folder
    }
    const database = (file: string, sql: string): void => {
      const db = new DatabaseSync(file)
      db.exec(sql)
      db.close()
    }
    const text = folderWith((file) => writeFileSync(file, 'This is no database, however long one looks at it. '.repeat(100)))
    await assertRefused(text, /countersign\.db is not a Countersign database/)
    assert.match(readFileSync(join(text, 'countersign.db'), 'utf8'), /^This is no database/)
    await assertRefused(
      folderWith((file) => database(file, 'CREATE TABLE accounts (id INTEGER PRIMARY KEY)')),
      /countersign\.db is not a Countersign database/,
    )
    await assertRefused(
      folderWith((file) => mkdirSync(file)),
      'countersign.db',
    )

    const ours = temporaryFolder()
    await (await serve(['--config', config, '--data', ours])).end('SIGTERM')
    const file = join(ours, 'countersign.db')
    const sound = readFileSync(file)
    await assertRefused(
      folderWith((copy) => {
        writeFileSync(copy, sound)
        database(copy, 'INSERT INTO schema_version (version) VALUES (1000)')
      }),
      /newer Countersign/,
    )
    const cut = folderWith((copy) => {
      writeFileSync(copy, sound)
      truncateSync(copy, 4096)
    })
    await assertRefused(cut, /countersign\.db is damaged/)
  },
)

test('a disk that is full or read-only at the start is one sentence', BOUNDED, async (context) => {
  const disk = smallDisk(4)
  if (disk === undefined) return context.skip(NO_SMALL_DISK)
  const refused: number[] = []
  // From no space at all to enough: wherever it runs out on the way, it is told in the same manner.
  for (const leave of [0, 8192, 65_536, 131_072, 262_144, 524_288]) {
    const data = join(disk.folder, `data-${leave}`)
    disk.fill(leave)
    const program = run(['serve', '--config', config, '--port', '0', '--management-port', '0', '--data', data])
    const serving = once(program.child.stdout, 'data').then(() => 'serving' as const)
    if ((await Promise.race([serving, program.ended])) === 'serving') await program.end('SIGKILL')
    else {
      const ending = await program.ended
      assert.deepEqual([ending.code, ending.stdout], [2, ''], ending.stderr)
      assert.ok(isOneSentence(complaint(ending)) && complaint(ending).includes(data), ending.stderr)
      refused.push(leave)
    }
    disk.free()
  }
  assert.ok(refused.includes(0) && !refused.includes(524_288), `refused with ${refused.join(', ')} bytes left`)

  await (await serve(['--config', config, '--data', join(disk.folder, 'data')])).end('SIGTERM')
  disk.lock()
  await assertRefused(join(disk.folder, 'data'), /countersign\.db cannot be written/)
})
