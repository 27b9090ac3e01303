// The SQLite adapter: the conformance suite in memory and on a file, then what is its own: files, modes, locks, refusals to open.
import assert from 'node:assert/strict'
import { chmodSync, closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { StoreUnavailable } from '../../src/model/store.ts'
import { openSqlite, openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import type { Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { runStoreConformance } from './conformance.ts'
import { insertOpaque } from './recording.ts'
import { ACT, client, NOW, opaqueToken, realm } from './samples.ts'

const folder = mkdtempSync(join(tmpdir(), 'countersign-store-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newFile = (): string => {
  files += 1
  return join(folder, `${files}.db`)
}

runStoreConformance('SQLite in memory', async () => {
  const sql = await openSqlite({ file: ':memory:' })
  return { store: sqlStore(sql), ledger: sqlLedger(sql) }
})

runStoreConformance('a SQLite file', async () => {
  const file = newFile()
  const sql = await openSqlite({ file })
  return { store: sqlStore(sql), ledger: sqlLedger(sql), reopen: () => openSqliteStore({ file }) }
})

/** One sentence for an operator: the path, no stack, and how to mend it. */
const refused = (file: string, reason: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreUnavailable)
  assert.match(error.message, reason)
  assert.ok(error.message.includes(file), error.message)
  assert.match(error.message, /^[^\n]+: [^\n]+\.$/)
  return true
}

test('file and folders are made for their owner only', { skip: process.platform === 'win32' && 'no modes here' }, async () => {
  const file = join(folder, 'deep', 'er', 'countersign.db')
  const store = await openSqliteStore({ file })
  await store.realms.put(realm('a'), ACT)
  const mode = (path: string) => statSync(path).mode & 0o777
  assert.deepEqual([mode(file), mode(`${file}-wal`), mode(`${file}-shm`)], [0o600, 0o600, 0o600])
  assert.deepEqual([mode(join(folder, 'deep')), mode(join(folder, 'deep', 'er'))], [0o700, 0o700])
  await store.close()
})

test('two stores on one file see each other’s writes at once', async () => {
  const file = newFile()
  const [one, other] = await Promise.all([openSqliteStore({ file }), openSqliteStore({ file })])
  await one.realms.put(realm('a'), ACT)
  assert.deepEqual(await other.realms.find('a'), realm('a'))
  assert.equal(await other.revision(), await one.revision())
  await Promise.all(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? one : other).clients.put(client('a', `c${n}`), ACT)))
  assert.equal((await one.clients.list('a', '', 1000)).length, 100)
  await one.close()
  await other.clients.put(client('a', 'after'), ACT)
  assert.ok(await other.clients.find('a', 'after'))
  await other.close()
})

test('while another program holds the write lock reads go on, and the write comes through afterwards', async () => {
  const file = newFile()
  const store = await openSqliteStore({ file })
  await store.realms.put(realm('a'), ACT)
  const holder = new DatabaseSync(file)
  holder.exec('BEGIN IMMEDIATE')
  const asked = store.clients.put(client('a', 'app'), ACT)
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise(setImmediate)
    assert.equal(await store.clients.find('a', 'app'), undefined)
  }
  holder.exec('ROLLBACK')
  await asked
  assert.ok(await store.clients.find('a', 'app'))
  holder.close()
  await store.close()
})

test('what else keeps tables in the database writes in the same turn’s transaction as the store', async () => {
  const sql = await openSqlite({ file: ':memory:' })
  const store = sqlStore(sql)
  await store.realms.put(realm('a'), ACT)
  const removeClient = function* (): Unit<number> {
    return yield statement('DELETE FROM clients WHERE realm_id = ? AND client_id = ?', 'a', 'app')
  }
  assert.equal(await sql.write(removeClient), 0)
  const results = await Promise.all([store.clients.put(client('a', 'app'), ACT), sql.write(removeClient)])
  assert.equal(results[1], 1)
  assert.equal(await store.clients.find('a', 'app'), undefined)
  await sql.close()
})

test('opening waits for another program that has the whole file to itself', async () => {
  const file = newFile()
  const holder = new DatabaseSync(file)
  holder.exec('BEGIN EXCLUSIVE')
  const opening = openSqliteStore({ file })
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate)
  holder.exec('ROLLBACK')
  holder.close()
  const store = await opening
  await store.ready()
  await store.close()
})

test('a file of a newer schema is refused', async () => {
  const file = newFile()
  await (await openSqliteStore({ file })).close()
  const tampered = new DatabaseSync(file)
  tampered.exec('INSERT INTO schema_version (version) VALUES (999)')
  tampered.close()
  await assert.rejects(openSqliteStore({ file }), refused(file, /newer Countersign \(schema 999.*upgrade/))
})

test('a file that is no database is refused and left as it was', async () => {
  const file = newFile()
  writeFileSync(file, 'shopping list\n'.repeat(500))
  await assert.rejects(openSqliteStore({ file }), refused(file, /not a Countersign database/))
  assert.equal(statSync(file).size, 7000)
})

test('another program’s database is refused and left as it was', async () => {
  const file = newFile()
  const foreign = new DatabaseSync(file)
  foreign.exec('CREATE TABLE schema_version (version INTEGER); CREATE TABLE clients (id INTEGER)')
  foreign.close()
  await assert.rejects(openSqliteStore({ file }), refused(file, /not a Countersign database/))
  const after = new DatabaseSync(file)
  assert.equal(after.prepare('SELECT COUNT(*) AS n FROM sqlite_schema').get()?.['n'], 2)
  after.close()
})

test('a damaged file is refused', async () => {
  const file = newFile()
  const store = await openSqliteStore({ file })
  await store.realms.put(realm('a'), ACT)
  await store.close()
  const handle = openSync(file, 'r+')
  writeSync(handle, Buffer.alloc(3900, 0xff), 0, 3900, 100)
  closeSync(handle)
  await assert.rejects(openSqliteStore({ file }), refused(file, /damaged/))
})

test('a folder in place of the file is refused', async () => {
  const file = newFile()
  mkdirSync(file)
  await assert.rejects(openSqliteStore({ file }), refused(file, /cannot be opened/))
})

test('a file in place of the folder is refused', async () => {
  const blocker = newFile()
  writeFileSync(blocker, '')
  const file = join(blocker, 'countersign.db')
  await assert.rejects(openSqliteStore({ file }), refused(file, /cannot be opened/))
})

const asRoot = process.getuid?.() === 0
test('a folder that must not be written is refused', { skip: asRoot && 'root may write everywhere' }, async () => {
  const closed = join(folder, 'closed')
  mkdirSync(closed)
  chmodSync(closed, 0o500)
  const file = join(closed, 'countersign.db')
  await assert.rejects(openSqliteStore({ file }), refused(file, /cannot be written.*permission/))
})

test('names that SQLite reads as instructions are only names', async () => {
  const cwd = process.cwd()
  process.chdir(folder)
  try {
    const store = await openSqliteStore({ file: 'file:odd?mode=memory' })
    await store.realms.put(realm('a'), ACT)
    await store.close()
    assert.ok(existsSync(join(folder, 'file:odd?mode=memory')))
  } finally {
    process.chdir(cwd)
  }
})

test('a full store refuses writes, answers reads, and takes writes again once there is space', async () => {
  const file = newFile()
  const store = await openSqliteStore({ file, maxPages: 80 })
  await store.realms.put(realm('a'), ACT)
  await store.ready()
  const claims = { jti: 'j', exp: NOW, client_id: 'app', filler: 'x'.repeat(3000) }
  const insert = (n: number) => insertOpaque(store, opaqueToken('a', `t${n}`, { claims, expiresAt: NOW }))
  let stored = 0
  const full = await (async () => {
    for (; stored < 200; stored += 1) await insert(stored)
  })().catch((error: unknown) => error)
  assert.ok(refused(file, /no space/)(full))
  assert.ok(stored > 5)
  const together = await Promise.allSettled([insert(1000), insert(1001), insert(1002)])
  for (const result of together) assert.ok(result.status === 'rejected' && refused(file, /no space/)(result.reason))
  await assert.rejects(store.ready(), refused(file, /no space/))
  assert.equal((await store.accessTokens.findOpaque('a', `t${stored - 1}`))?.claims['filler'], claims.filler)
  assert.equal(await store.accessTokens.findOpaque('a', `t${stored}`), undefined)
  assert.equal(await store.sweep(NOW + 1), stored)
  await store.ready()
  await insert(stored)
  await store.close()
})
