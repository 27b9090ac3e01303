// The SQLite adapter across processes: races for one file, and SIGKILL at a random moment.
import assert from 'node:assert/strict'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { start as startFamily } from './recording.ts'
import { family, NOW, refreshToken } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-processes-'))
const children = new Set<ChildProcessWithoutNullStreams>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const start = (script: string, ...args: string[]) => {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, ['-C', 'source', path, ...args])
  children.add(child)
  const closed = once(child, 'close').finally(() => children.delete(child))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  return { child, closed, lines: createInterface(child.stdout)[Symbol.asyncIterator](), complaint: () => complaint }
}

/** Starts the children, lets all go at the same time, and gives back what each printed. */
const race = async (file: string, realms: number, tokens: number): Promise<{ keys: boolean[]; rotations: string[] }[]> => {
  const racers = ['one', 'two', 'three', 'four'].map((name) => start('./race_child.ts', file, name, `${realms}`, `${tokens}`))
  for (const { lines, complaint } of racers) assert.equal((await lines.next()).value, 'waiting', complaint())
  for (const { child } of racers) child.stdin.end('go\n')
  return Promise.all(
    racers.map(async ({ lines, closed, complaint }) => {
      const { value } = await lines.next()
      await closed
      assert.equal(complaint(), '')
      return JSON.parse(String(value))
    }),
  )
}

test('of several processes that start on one new file all come up, and each first signing key is stored by exactly one', async () => {
  const file = join(folder, 'fresh.db')
  const results = await race(file, 10, 0)
  const store = await openSqliteStore({ file })
  for (let n = 0; n < 10; n += 1) {
    assert.equal(results.filter((result) => result.keys[n]).length, 1)
    assert.equal((await store.signingKeys.list(`r${n}`)).length, 1)
  }
  await store.close()
})

test('of several processes that rotate one token exactly one succeeds, one learns of the replay, and the family is dead', async () => {
  const file = join(folder, 'tokens.db')
  const store = await openSqliteStore({ file })
  const tokens = Array.from({ length: 30 }, (_, n) => n)
  await Promise.all(tokens.map((n) => startFamily(store, family('a', `f${n}`), refreshToken(`f${n}`, `t${n}`))))
  const results = await race(file, 0, tokens.length)
  for (const n of tokens) {
    assert.deepEqual(
      results.map((result) => result.rotations[n] ?? '').toSorted((a, b) => a.localeCompare(b)),
      ['gone', 'gone', 'recorded', 'replayed'],
    )
    assert.equal((await store.refreshTokens.find('a', `t${n}`))?.revokedAt, NOW)
  }
  assert.equal((await store.accessTokens.revocationsAfter(0, 100)).length, tokens.length)
  await store.close()
})

/** Whether what the line tells of is in the store. */
const remembered = async (store: Store, revoked: ReadonlySet<string>, line: string): Promise<boolean> => {
  const [what, id = '', successor = ''] = line.split(' ')
  if (what === 'token') return (await store.refreshTokens.find('a', id)) !== undefined
  if (what === 'rotated') {
    const [used, next] = await Promise.all([store.refreshTokens.find('a', id), store.refreshTokens.find('a', successor)])
    return used?.usedAt === NOW && next !== undefined
  }
  if (what === 'revoked') return revoked.has(id)
  if (what === 'opaque') return (await store.accessTokens.findOpaque('a', id)) !== undefined
  return what === 'client' && (await store.clients.find('a', id)) !== undefined
}

test('everything acknowledged before a SIGKILL is there afterwards', async () => {
  const file = join(folder, 'crash.db')
  const acknowledged: string[] = []
  for (let round = 0; round < 8; round += 1) {
    const { child, closed, lines, complaint } = start('./crash_child.ts', file, `${round}`)
    const last = acknowledged.length + 1 + Math.floor(Math.random() * 800)
    for await (const line of lines) {
      acknowledged.push(line)
      if (acknowledged.length === last) child.kill('SIGKILL')
    }
    const [, signal] = await closed
    assert.equal(signal, 'SIGKILL', complaint())

    const store = await openSqliteStore({ file })
    const revoked = new Set((await store.accessTokens.revocationsAfter(0, 1_000_000)).map((found) => found.value))
    for (const line of acknowledged) assert.ok(await remembered(store, revoked, line), `lost: ${line}`)
    await store.ready()
    await store.close()
  }
  assert.ok(acknowledged.length >= 8)
})
