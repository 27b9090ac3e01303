// What requests of clients that come once, each with a page to himself, write to the disk: as many bytes as their pages and no more.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { admission, auditEntry, issueRecord } from './samples.ts'

const IO = '/proc/self/io'
const skip = existsSync(IO) ? false : 'only Linux tells what a process wrote'
const written = (): number => Number(/^wchar: (\d+)$/m.exec(readFileSync(IO, 'latin1'))?.[1])

const COUNT = 8000
const TOGETHER = 32
const PAGE = 4096

/** Bytes for one, of those that come when as many have been there already. */
const bytesFor = async (t: TestContext, act: (store: Store, n: number) => Promise<unknown>): Promise<number> => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-pages-'))
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  t.after(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const run = async (from: number): Promise<void> => {
    for (let n = from; n < from + COUNT; n += TOGETHER) {
      await Promise.all(Array.from({ length: TOGETHER }, (_, one) => act(store, n + one)))
    }
  }
  await run(0)
  const before = written()
  await run(COUNT)
  return (written() - before) / COUNT
}

/** Neighbours in time are none in the order of names. */
const nameOf = (n: number): string => `${(n * 7919) % 100_003}`

test('a client who was not there in this hour costs one page', { skip }, async (t) => {
  const { key } = admission()
  const bytes = await bytesFor(t, ({ metering }, n) => metering.admit(admission({ key: { ...key, clientId: nameOf(n) } })))
  assert.ok(bytes < 1.5 * PAGE, `${bytes} bytes`)
})

test('a token of a realm that none was issued of lately costs no page of its own', { skip }, async (t) => {
  const bytes = await bytesFor(t, ({ issuing }, n) => issuing.record(issueRecord({ audit: auditEntry(nameOf(n)) })))
  assert.ok(bytes < PAGE, `${bytes} bytes`)
})
