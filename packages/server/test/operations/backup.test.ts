// Backup, restore, export and import as an operator runs them: what a server knew, another one knows, on either engine; and what cannot be
// trusted is not restored.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { command as audit } from '../../src/cli/audit.ts'
import { command as backup } from '../../src/cli/backup.ts'
import type { Command } from '../../src/cli/command.ts'
import { command as exportCommand } from '../../src/cli/export.ts'
import { command as importCommand } from '../../src/cli/import.ts'
import { command as restore } from '../../src/cli/restore.ts'
import { DUMP_TABLES } from '../../src/store/dump_tables.ts'
import { countersignToFullDisk, NEEDS_FULL_DISK } from '../cli/cli.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { backUp, run, succeeding } from './backed_up.ts'
import type { Used } from './used.ts'
import { ask, BUDGET, CREDENTIALS, call, folder, start, use } from './used.ts'

/** Table by table: rows and digest, as the report has them. */
function tablesIn(report: string): Record<string, string> {
  const rows = [...report.matchAll(/^([a-z_]+) +(\d+ +[0-9a-f]{16})$/gm)]
  return Object.fromEntries(rows.map(([, name = '', said = '']) => [name, said]))
}

/** But for those that the copying itself leaves a mark in. */
function tablesOf(report: string): Record<string, string> {
  const { audit_rows: _audit, counters: _counters, ...rest } = tablesIn(report)
  return rest
}

/** What a copy's audit trail says of copies, oldest first. */
async function copiesIn(where: readonly string[]): Promise<Record<string, unknown>[]> {
  const lines = (await succeeding(audit, '--json', ...where)).trimEnd().split('\n')
  const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return rows.filter(({ event }) => String(event).startsWith('state.'))
}

const { place, data, used, key, file, written } = await backUp()

/** That a server on a copy goes on where the other one was. */
async function assertGoesOn(where: { data: string } | { database: string }, refreshLives = true): Promise<void> {
  const server = await start(where)
  try {
    await assertUsed(server, used, refreshLives)
    const answers = await Promise.all(Array.from({ length: BUDGET }, () => ask(server, 'oauth2/token', 'shop', CREDENTIALS)))
    const granted = answers.filter(({ status }) => status === 200).length
    assert.deepEqual([granted, answers.filter(({ status }) => status === 429).length], [BUDGET - used.charged, used.charged])
    assert.deepEqual(server.reports, [])
  } finally {
    await server.close()
  }
}

async function assertUsed(
  server: Parameters<typeof call>[0],
  { token, revoked, opaque, reused, spent, refresh }: Used,
  refreshLives: boolean,
): Promise<void> {
  assert.equal(await call(server, token, true), 200, 'a token that was good, and an API key')
  assert.equal(await call(server, opaque), 200, 'an opaque token')
  assert.equal(await call(server, revoked), 401, 'a token that was revoked')
  const again = await ask(server, 'oauth2/token', 'reuser', CREDENTIALS)
  const jti = (jwt: string): unknown => (JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti
  assert.equal(jti(String(again.json['access_token'])), jti(reused), 'the token that is there already')
  const fresh = await ask(server, 'oauth2/token', 'desk', { grant_type: 'refresh_token', refresh_token: refresh })
  assert.equal(fresh.status, refreshLives ? 200 : 400, fresh.text)
  const replayed = await ask(server, 'oauth2/token', 'desk', { grant_type: 'refresh_token', refresh_token: spent })
  assert.equal(replayed.status, 400, 'a refresh token that was used')
}

test('a used database has rows in every table, and the report says how many', () => {
  const tables = tablesIn(written)
  assert.deepEqual(
    Object.keys(tables),
    DUMP_TABLES.map(({ name }) => name),
  )
  for (const [name, rows] of Object.entries(tables)) assert.doesNotMatch(rows, /^0 /, name)
  assert.match(written, /^newest audit entry: number \d+, 20\d\d-/m)
  assert.match(written, /^configuration: revision [1-9]/m)
})

test('a key and a backup are readable by their owner alone, and never written over', async () => {
  for (const path of [key, file]) assert.equal(statSync(path).mode & 0o777, 0o600)
  const before = readFileSync(key, 'utf8')
  assert.match((await run(backup, ['--new-key', key])).err, /is there already/)
  assert.match((await run(backup, ['--data', data, '--out', file, '--key-file', key])).err, /is there already/)
  assert.equal(readFileSync(key, 'utf8'), before)
})

test('what was restored is compared, and a server on it goes on where the other one was', async () => {
  const target = join(folder(), 'data')
  const report = await succeeding(restore, '--in', file, '--key-file', key, '--data', target)
  assert.deepEqual(tablesIn(report), tablesIn(written))
  await assertGoesOn({ data: target })
})

test('who took a backup, who restored it and what was in it is in the audit trail', async () => {
  const count = Object.values(tablesIn(written)).reduce((sum, said) => sum + Number.parseInt(said, 10), 0)
  const [, newest = ''] = /^newest audit entry: number (\d+)/m.exec(written) ?? []
  const taken = /(?<=rows; taken )\S+/.exec(written)?.[0]
  const [taking] = await copiesIn(['--data', data])
  const detail = { file: 'backup', rows: count, bytes: statSync(file).size, encrypted: true, newestAudit: Number(newest) }
  assert.deepEqual([taking?.['event'], taking?.['detail']], ['state.backed_up', detail])

  const target = join(folder(), 'data')
  await succeeding(restore, '--in', file, '--key-file', key, '--data', target)
  const [row, ...rest] = await copiesIn(['--data', target])
  assert.deepEqual(rest, [], 'the backup does not hold the row of its own')
  assert.match(String(row?.['by']), /^command /)
  assert.equal(row?.['sequence'], Number(newest) + 1)
  const program = /(?<=by )countersign \S+(?=, schema)/.exec(written)?.[0]
  const restored = { file: 'backup', rows: count, taken, program, newestAudit: Number(newest) }
  assert.deepEqual([row?.['event'], row?.['detail']], ['state.restored', restored])

  await succeeding(restore, '--in', file, '--key-file', key, '--data', target, '--replace', '--revoke-refresh')
  const [again] = await copiesIn(['--data', target])
  assert.deepEqual(again?.['detail'], { ...restored, replacedAudit: Number(newest) + 1, refreshRevoked: true })

  const moved = join(folder(), 'data')
  await succeeding(importCommand, '--from-data', target, '--data', moved)
  const [, move] = await copiesIn(['--data', moved])
  assert.match(JSON.stringify(move?.['detail']), /^\{"from":"sqlite","rows":\d+,/)
  assert.equal(JSON.stringify(await copiesIn(['--data', moved])).includes(target), false, 'no path')
  assert.equal((await copiesIn(['--data', target])).length, 1, 'the source of a move is only read')
})

test('the state moves from SQLite to PostgreSQL and back, every table the same, and servers go on at each stop', {
  skip: noPostgres,
}, async (t) => {
  const postgres = await startPostgres(t)
  const database = await postgres.createDatabase()
  const there = await succeeding(importCommand, '--from-data', data, '--database', database)
  assert.deepEqual(tablesOf(there), tablesOf(written))
  const back = join(folder(), 'data')
  const again = await succeeding(importCommand, '--from-database', database, '--data', back)
  assert.deepEqual(tablesOf(again), tablesOf(written))
  await assertGoesOn({ database })
  await assertGoesOn({ data: back })
})

test('a server that runs meanwhile is not held up, and the backup is of one moment', async () => {
  const busy = join(folder(), 'data')
  await succeeding(restore, '--in', file, '--key-file', key, '--data', busy)
  const server = await start({ data: busy })
  try {
    const backedUp = new AbortController()
    const loop = (async () => {
      while (!backedUp.signal.aborted) assert.equal((await ask(server, 'oauth2/token', 'reference', CREDENTIALS)).status, 200)
    })()
    const path = join(place, 'busy')
    await succeeding(backup, '--data', busy, '--out', path, '--key-file', key)
    backedUp.abort()
    await loop
    const report = await succeeding(restore, '--verify', '--in', path, '--key-file', key)
    const [audited = '0'] = /(?<=^newest audit entry: number )\d+/m.exec(report) ?? []
    // Numbered without gaps from the first one on: a row less would be a row of another moment.
    assert.equal(Number.parseInt(tablesIn(report)['audit_rows'] ?? '', 10), Number(audited))
  } finally {
    await server.close()
  }
})

test('a database that is not empty is left as it is, and replaced where that is said', async () => {
  const target = join(folder(), 'data')
  await use(target)
  const args = ['--in', file, '--key-file', key, '--data', target]
  const before = await succeeding(exportCommand, '--data', target, '--out', join(place, 'before'), '--plain')
  assert.match((await run(restore, args)).err, /^The database is not empty: [^\n]*\.$/)
  const after = await succeeding(exportCommand, '--data', target, '--out', join(place, 'after'), '--plain')
  assert.deepEqual(tablesOf(after), tablesOf(before))
  assert.deepEqual(tablesIn(await succeeding(restore, ...args, '--replace')), tablesIn(written))
})

test('a backup that was changed is refused, and the database stays empty', async () => {
  const bytes = readFileSync(file)
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  const path = join(place, 'changed')
  writeFileSync(path, bytes)
  const target = join(folder(), 'data')
  const { code, err } = await run(restore, ['--in', path, '--key-file', key, '--data', target])
  assert.deepEqual([code, err], [2, 'The backup was changed or damaged (piece 1): use another copy of it.'])
  assert.match((await run(restore, ['--verify', '--in', path, '--key-file', key])).err, /was changed/)
  await succeeding(restore, '--in', file, '--key-file', key, '--data', target)
})

test('after a restore that revokes them no refresh token is good, and everything else is', async () => {
  const target = join(folder(), 'data')
  const report = await succeeding(restore, '--in', file, '--key-file', key, '--data', target, '--revoke-refresh')
  assert.match(report, /Every refresh token is revoked\.$/m)
  await assertGoesOn({ data: target }, false)
})

test('without a key, and without a word that none is wanted, nothing is written', async () => {
  const path = join(place, 'none')
  const refused = await run(backup, ['--data', data, '--out', path])
  assert.deepEqual([refused.code, existsSync(path)], [2, false])
  assert.match(refused.err, /^A backup holds every secret [^\n]*\.$/)
  assert.match(
    (await run(restore, ['--in', file, '--data', join(folder(), 'data')])).err,
    /^A backup is read with the key it was written with[^\n]*\.$/,
  )
  const env = { COUNTERSIGN_BACKUP_KEY: readFileSync(key, 'utf8').trim() }
  assert.equal((await run(backup, ['--data', data, '--out', path], env)).code, 0)
  assert.equal((await run(restore, ['--verify', '--in', path], env)).code, 0)
  assert.equal((await run(restore, ['--verify', '--in', path], { COUNTERSIGN_BACKUP_KEY: 'short' })).code, 2)
})

test('what cannot be done is one sentence that names the mend', async () => {
  const cases: readonly (readonly [Command, readonly string[], RegExp])[] = [
    [backup, ['--data', data], /--out FILE/],
    [backup, ['--data', join(place, 'nowhere'), '--out', join(place, 'x'), '--plain'], /There is no database/],
    [backup, ['--data', data, '--out', join(place, 'no', 'folder'), '--plain'], /cannot be written/],
    [backup, ['--data', data, '--out', join(place, 'x'), '--plain', '--key-file', key], /does not go with/],
    [restore, ['--data', data, '--plain'], /--in FILE/],
    [restore, ['--in', join(place, 'nowhere'), '--plain', '--data', join(place, 'new')], /does not exist/],
    [restore, ['--in', file, '--plain', '--data', join(place, 'new')], /is encrypted/],
    [importCommand, ['--data', data], /what to move/],
    [importCommand, ['--from-data', data, '--in', file, '--data', data], /what to move/],
    [importCommand, ['--from-data', join(place, 'nowhere'), '--data', join(place, 'new')], /There is no database/],
  ]
  for (const [command, args, sentence] of cases) {
    const { code, err } = await run(command, args)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, sentence)
    assert.match(err, /^[^\n]*\.$/)
  }
})

test('a backup that standard output has no room for is not called whole', NEEDS_FULL_DISK, async () => {
  const sentence = 'Standard output took no more (ENOSPC): the backup is not whole.\n'
  assert.deepEqual(await countersignToFullDisk(['backup', '--out', '-', '--plain', '--data', data]), { code: 2, err: sentence })
})
