// The file cache: private, atomic, true to a token's lifetime whatever the clocks do, and never in the way of a call.
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import fc from 'fast-check'
import { defaultFolder, readMachine } from '../../src/caches/machine_env.ts'
import type { FileCacheOptions } from '../../src/caches/token_file.ts'
import { createFileCache } from '../../src/caches/token_file.ts'
import { ageAt } from '../../src/freshness.ts'
import { conforms } from './conformance.ts'
import { clocksOf, heldAt, KEY } from './held.ts'

const ENCRYPTION_KEY = new Uint8Array(32).fill(7)
const TOKEN_FILE = `${KEY}.token`

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'call-cache-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'tokens')
}

for (const [name, more] of [
  ['files', {}],
  ['encrypted files', { encryptionKey: ENCRYPTION_KEY }],
] as const) {
  conforms(name, async (t) => {
    const folder = await newFolder(t)
    return { one: createFileCache({ folder, ...more }), other: createFileCache({ folder, ...more }) }
  })
}

test('the folder is 0700 and its files 0600, whatever the umask', async (t) => {
  const folder = await newFolder(t)
  const umask = process.umask(0)
  try {
    const cache = createFileCache({ folder })
    await cache.exclusively(KEY, async () => cache.set(KEY, heldAt(0)))
    await cache.remember(KEY, { rejection: { at: Date.now(), waitMs: 1 } })
  } finally {
    process.umask(umask)
  }
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  const modes = await Promise.all((await readdir(folder)).map(async (name) => [name, (await stat(join(folder, name))).mode & 0o777]))
  assert.deepEqual(Object.fromEntries(modes), {
    [TOKEN_FILE]: 0o600,
    [`${KEY}.known`]: 0o600,
    [`${KEY}.lock`]: 0o700,
    [`${KEY}.write.lock`]: 0o700,
  })
})

test('the default folder is in the cache of the user', () => {
  assert.match(defaultFolder(), /countersign/)
})

test('a file that others can read, a link, a folder in its place, and what belongs to another user are refused in one sentence', async (t) => {
  const folder = await newFolder(t)
  const path = join(folder, TOKEN_FILE)
  await createFileCache({ folder }).set(KEY, heldAt(performance.now()))
  const text = await readFile(path, 'utf8')
  const refused = async (message: RegExp, more: FileCacheOptions = {}): Promise<void> => {
    await assert.rejects(async () => createFileCache({ folder, ...more }).get(KEY), {
      name: 'CacheRefused',
      code: 'cache_refused',
      message,
    })
  }
  await chmod(path, 0o640)
  await refused(/is open to other users, .* remove it/)
  await rename(path, join(folder, 'elsewhere'))
  await chmod(join(folder, 'elsewhere'), 0o600)
  await symlink('elsewhere', path)
  await refused(/is a symbolic link, which is not followed: remove it/)
  await rm(path)
  await mkdir(path)
  await refused(/is no plain file: remove it/)
  await rm(path, { recursive: true })
  await writeFile(path, text, { mode: 0o600 })
  const machine = readMachine()
  await refused(/belongs to another user/, { machine: { ...machine, uid: (machine.uid ?? 0) + 1 } })
  await chmod(folder, 0o770)
  await refused(/Others can write into the folder .*: chmod 700 it/)
  await chmod(folder, 0o700)
  assert.equal((await createFileCache({ folder }).get(KEY))?.accessToken, 'token-1', 'mended, it is used')
})

test('a damaged file is no token and no error, whatever is in it', async (t) => {
  const folder = await newFolder(t)
  const path = join(folder, TOKEN_FILE)
  await createFileCache({ folder }).set(KEY, heldAt(performance.now()))
  const text = await readFile(path, 'utf8')
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.nat(40), fc.string({ maxLength: 20 }), async (at, cut, put) => {
      await writeFile(path, text.slice(0, at) + put + text.slice(at + cut))
      const found = await createFileCache({ folder }).get(KEY)
      assert.ok(found === undefined || typeof found.accessToken === 'string')
    }),
    { numRuns: 100 },
  )
  const other = text.replace('"version":1', '"version":2')
  for (const damaged of ['', '{', 'null', '[]', '"text"', text.slice(0, -1), other, `${text}${' '.repeat(200_000)}`, '\0'.repeat(500)]) {
    await writeFile(path, damaged)
    assert.equal(await createFileCache({ folder }).get(KEY), undefined, damaged.slice(0, 40))
  }
  await writeFile(join(folder, `${'b'.repeat(64)}.token`), text, { mode: 0o600 })
  assert.equal(await createFileCache({ folder }).get('b'.repeat(64)), undefined, "another key's file under this name")
})

test('what is encrypted shows nothing, opens by its own key and at its own place only', async (t) => {
  const folder = await newFolder(t)
  const options = { folder, encryptionKey: ENCRYPTION_KEY }
  await createFileCache(options).set(KEY, heldAt(performance.now(), 'very-secret', 3600, { refreshToken: 'most-secret' }))
  const text = await readFile(join(folder, TOKEN_FILE), 'utf8')
  assert.doesNotMatch(text, /secret|accessToken/)
  assert.equal((await createFileCache(options).get(KEY))?.accessToken, 'very-secret')
  for (const encryptionKey of [new Uint8Array(32).fill(8), undefined]) {
    const other = createFileCache({ folder, ...(encryptionKey ? { encryptionKey } : {}) })
    assert.equal(await other.get(KEY), undefined)
  }
  const elsewhere = 'b'.repeat(64)
  await writeFile(join(folder, `${elsewhere}.token`), text.replaceAll(KEY, elsewhere), { mode: 0o600 })
  assert.equal(await createFileCache(options).get(elsewhere), undefined)
  assert.throws(() => createFileCache({ encryptionKey: new Uint8Array(16) }), {
    message: 'encryptionKey must be 32 bytes, and this one has 16.',
  })
})

test('a token ends by the time that passed in this boot, however the wall clock is set', async (t) => {
  const folder = await newFolder(t)
  const time = { ms: 0 }
  const [writer, reader] = [clocksOf(time, 1000), clocksOf(time, 777_000)]
  const machine = { ...readMachine(), boot: 'this boot', uptimeMs: () => 5_000_000 + time.ms }
  await createFileCache({ folder, ...writer, machine }).set(KEY, heldAt(writer.monotonic()))
  for (const ahead of [0, 86_400_000, -86_400_000]) {
    reader.ahead = ahead
    time.ms = 3_599_000
    const held = await createFileCache({ folder, ...reader, machine }).get(KEY)
    assert.ok(held)
    assert.equal(held.freshness.endsAt - reader.monotonic(), 1000)
  }
})

test('after another boot a token ends by the wall clock, and by one that was set back it has ended', async (t) => {
  const folder = await newFolder(t)
  const time = { ms: 0 }
  const [writer, reader] = [clocksOf(time, 1000), clocksOf(time)]
  const machine = { ...readMachine(), boot: undefined }
  await createFileCache({ folder, ...writer, machine }).set(KEY, heldAt(writer.monotonic(), 'token-1', 3600, { refreshToken: 'refresh-1' }))
  time.ms = 600_000
  const fresh = await createFileCache({ folder, ...reader, machine }).get(KEY)
  assert.equal(fresh && fresh.freshness.endsAt - reader.monotonic(), 3_000_000)
  reader.ahead = -600_001
  const unknown = await createFileCache({ folder, ...reader, machine }).get(KEY)
  assert.equal(unknown && ageAt(unknown.freshness, reader.monotonic()), 'ended')
  assert.equal(unknown?.refreshToken, 'refresh-1')
})

test('a clock that is set back while a process runs does not prolong a token that it has seen', async (t) => {
  const folder = await newFolder(t)
  const time = { ms: 0 }
  const [writer, reader] = [clocksOf(time), clocksOf(time)]
  const machine = { ...readMachine(), boot: undefined }
  await createFileCache({ folder, ...writer, machine }).set(KEY, heldAt(0))
  const cache = createFileCache({ folder, ...reader, machine })
  time.ms = 3_000_000
  await cache.get(KEY)
  reader.ahead = -2_900_000
  time.ms = 3_500_000
  const held = await cache.get(KEY)
  assert.equal(held?.freshness.endsAt, 3_600_000)
})

test('a folder that cannot be used is told once, without any secret, and the client goes on with its memory', async (t) => {
  const folder = await newFolder(t)
  await writeFile(folder, 'no folder')
  const troubles: Error[] = []
  const cache = createFileCache({ folder, onTrouble: (error) => troubles.push(error) })
  for (const name of ['token-1', 'token-2']) {
    await cache.exclusively(KEY, async () => cache.set(KEY, heldAt(performance.now(), name)))
    assert.equal((await cache.get(KEY))?.accessToken, name)
  }
  assert.equal(await cache.replace(KEY, 'token-1', undefined), false)
  assert.equal(await cache.replace(KEY, 'token-2', heldAt(performance.now(), 'token-3')), true)
  assert.equal((await cache.get(KEY))?.accessToken, 'token-3')
  assert.deepEqual(
    troubles.map((error) => error.message),
    ['The store of shared tokens cannot be used (EEXIST); going on without it.'],
  )
  await rm(folder)
  await cache.set(KEY, heldAt(performance.now(), 'token-4'))
  assert.equal((await createFileCache({ folder }).get(KEY))?.accessToken, 'token-4', 'when it can be used again it is')
})

test('a folder that is removed while it is used is made again', async (t) => {
  const folder = await newFolder(t)
  const cache = createFileCache({ folder })
  await cache.set(KEY, heldAt(performance.now()))
  await rm(folder, { recursive: true })
  await cache.set(KEY, heldAt(performance.now(), 'token-2'))
  assert.equal((await createFileCache({ folder }).get(KEY))?.accessToken, 'token-2')
})

test('what a killed writer left is removed after an hour, and nothing else', async (t) => {
  const folder = await newFolder(t)
  await createFileCache({ folder }).set(KEY, heldAt(performance.now()))
  const [old, young] = [`${TOKEN_FILE}.0.tmp`, `${TOKEN_FILE}.1.tmp`]
  for (const name of [old, young]) await writeFile(join(folder, name), 'half', { mode: 0o600 })
  const past = Date.now() / 1000 - 7200
  for (const name of [old, TOKEN_FILE]) await utimes(join(folder, name), past, past)
  assert.ok(await createFileCache({ folder }).get(KEY))
  const names = await readdir(folder)
  assert.ok(!names.includes(old))
  assert.ok(names.includes(young) && names.includes(TOKEN_FILE))
})

test('a key that is no file name is refused before a file is touched', async (t) => {
  const cache = createFileCache({ folder: await newFolder(t), onTrouble: () => undefined })
  for (const key of ['', '../up', 'a/b', '.', 'x'.repeat(200)]) {
    assert.equal(await cache.recall(key), undefined)
    assert.equal(await cache.get(key), undefined)
  }
})
