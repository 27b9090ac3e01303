// countersign audit: every row once, in order, none left out while others write; harmless on a terminal.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOUNDED, run } from '../process/program.ts'
import type { Depot } from './depot.ts'
import { command, depot, SHOP, STALL, serving, storeOf, succeeding, tokenOf, until } from './depot.ts'

interface Row {
  readonly sequence: number
  readonly time: string
  readonly realm: string
  readonly event: string
  readonly client: string
  readonly address: string
  readonly by: string
  readonly detail: Record<string, unknown>
}

const rowsOf = (text: string): Row[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
const read = async (place: Depot, ...args: readonly string[]): Promise<Row[]> =>
  rowsOf(await succeeding(place, ['audit', '--json', ...args]))

const ENTRY = { realmId: 'depot', clientId: 'shop', address: '192.0.2.7', by: 'server', event: 'client.refused', detail: {} } as const

test('what happened is told in order, one line each, without any secret', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const token = await tokenOf(server, SHOP)
  const fresh = await succeeding(place, ['secret', 'create', '--client', 'shop'])
  await succeeding(place, ['client', 'disable', '--client', 'stall'])
  await server.end('SIGTERM')
  const rows = await read(place)
  assert.deepEqual(
    rows.map((row) => row.sequence),
    rows.map((_, index) => index + 1),
  )
  const minted = rows.find((row) => row.event === 'token.issued')
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }
  assert.deepEqual([minted?.realm, minted?.client, minted?.address, minted?.detail['jti']], ['depot', 'shop', '127.0.0.1', jti])
  assert.match(rows.find((row) => row.event === 'secret.added')?.by ?? '', /^command \S+/)
  // Switched off, and with it every token it had.
  assert.deepEqual(
    rows.slice(-2).map(({ event, detail }) => [event, detail]),
    [
      ['client.put', { changed: ['enabled'] }],
      ['token.revoked', { all: true }],
    ],
  )
  const text = await succeeding(place, ['audit'])
  assert.equal(text.split('\n').length, rows.length)
  assert.match(text, new RegExp(`^20\\S+Z depot token\\.issued shop 127\\.0\\.0\\.1 .*jti=${jti.replaceAll('.', '\\.')}( |$)`, 'm'))
  for (const secret of [token, fresh, SHOP.secret, 'sha256']) assert.ok(!text.includes(secret), secret)
})

test('rows are chosen by realm, client, event, age and number', async () => {
  const place = await depot()
  const store = await storeOf(place)
  const now = Math.floor(Date.now() / 1000)
  const before = await store.audit.last()
  await store.audit.append({ ...ENTRY, at: now - 7200 })
  await store.audit.append({ ...ENTRY, at: now, clientId: 'stall' })
  await store.audit.append({ ...ENTRY, at: now, event: 'token.replayed' })
  await store.close()
  const after = async (...args: readonly string[]): Promise<number[]> =>
    (await read(place, ...args)).map((row) => row.sequence - before).filter((sequence) => sequence > 0)
  assert.deepEqual(await after(), [1, 2, 3])
  assert.deepEqual(await after('--realm', 'depot'), [1, 2, 3])
  assert.deepEqual(await after('--client', 'shop'), [1, 3])
  assert.deepEqual(await after('--event', 'client.refused'), [1, 2])
  assert.deepEqual(await after('--since', '1h'), [2, 3])
  assert.deepEqual(await after('--since', new Date(now * 1000).toISOString()), [2, 3])
  assert.deepEqual(await after('--since', '2999-01-01'), [])
  assert.deepEqual(await after('--client', 'shop', '--event', 'client.refused', '--since', '3h'), [1])
  assert.deepEqual(await after('--limit', '2'), [2, 3])
  assert.deepEqual(await after('--limit', '0'), [])
  assert.deepEqual(await after('--limit', '1', '--event', 'client.refused'), [2])
  assert.deepEqual(await after('--limit', '1000', '--client', 'shop'), [1, 3])
})

test('the newest are found however far back they are, and pages join without a seam', BOUNDED, async () => {
  const place = await depot()
  const store = await storeOf(place)
  const before = await store.audit.last()
  await Promise.all(Array.from({ length: 2500 }, (_, n) => store.audit.append({ ...ENTRY, at: 1, clientId: n === 17 ? 'stall' : 'shop' })))
  await store.close()
  const all = await read(place)
  assert.deepEqual(
    all.map((row) => row.sequence),
    Array.from({ length: before + 2500 }, (_, index) => index + 1),
  )
  const [rare] = await read(place, '--limit', '1', '--client', 'stall', '--event', 'client.refused')
  assert.equal(rare?.sequence, all.find((row) => row.client === 'stall' && row.event === 'client.refused')?.sequence)
  assert.deepEqual(await read(place, '--limit', '2000'), all.slice(-2000))
})

test('what somebody else wrote reaches the terminal escaped, on one line', async () => {
  const place = await depot()
  const store = await storeOf(place)
  const hostile = 'x\u001b[2J\n2026-01-01T00:00:00Z depot token.issued\u202e\u009b\u2028"} \\'
  await store.audit.append({
    ...ENTRY,
    at: 1,
    clientId: hostile,
    address: hostile,
    by: hostile,
    detail: { username: hostile, list: [hostile], short: '\u009b2J\u202e' },
  })
  await store.close()
  for (const args of [
    ['audit', '--limit', '1'],
    ['audit', '--limit', '1', '--json'],
  ]) {
    const out = await succeeding(place, args)
    assert.match(out, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u)
    assert.ok(out.includes('\\u001b'))
  }
  assert.equal((await read(place, '--limit', '1'))[0]?.detail['username'], hostile)
})

test('follow tells each row once while several write, and ends at Ctrl-C with exit 0', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const follow = run(['audit', '--follow', '--json', '--data', place.data])
  await until('it tells what was there', () => Promise.resolve(follow.stdout().includes('realm.put')))
  const store = await storeOf(place)
  for (let round = 0; round < 10; round++) {
    await Promise.all([
      ...Array.from({ length: 20 }, () => tokenOf(server, SHOP)),
      ...Array.from({ length: 20 }, () => store.audit.append({ ...ENTRY, at: round })),
      succeeding(place, ['secret', 'create', '--client', 'stall']),
    ])
  }
  const last = await store.audit.last()
  await until('it has told the last one', () => Promise.resolve(rowsOf(whole(follow.stdout())).at(-1)?.sequence === last))
  await store.close()
  const { code, signal, stdout, stderr } = await follow.end('SIGINT')
  assert.deepEqual([code, signal, stderr], [0, null, ''])
  assert.deepEqual(
    rowsOf(stdout).map((row) => row.sequence),
    Array.from({ length: last }, (_, index) => index + 1),
  )
  assert.ok(last > 410)
  await server.end('SIGTERM')
})

test('follow with a filter and without what was before tells the matching rows from now on', BOUNDED, async () => {
  const place = await depot()
  const store = await storeOf(place)
  await store.audit.append({ ...ENTRY, at: 1 })
  const follow = run(['audit', '--follow', '--limit', '0', '--client', STALL.clientId, '--data', place.data])
  // It is not told when it begins: rows are written until one of them is there.
  let written = 0
  await until('it tells a row', async () => {
    await store.audit.append({ ...ENTRY, at: 2, clientId: 'shop' })
    await store.audit.append({ ...ENTRY, at: 3, clientId: 'stall', detail: { number: ++written } })
    return follow.stdout().includes('number=')
  })
  const final = ++written
  await store.audit.append({ ...ENTRY, at: 3, clientId: 'stall', detail: { number: final } })
  await until('it tells the last row', () => Promise.resolve(follow.stdout().includes(`number=${final}\n`)))
  await store.close()
  const { code, stdout } = await follow.end('SIGINT')
  assert.equal(code, 0)
  const numbers = [...stdout.matchAll(/^1970-01-01T00:00:03Z depot client\.refused stall 192\.0\.2\.7 by=server number=(\d+)$/gm)].map(
    (match) => Number(match[1]),
  )
  assert.equal(stdout.split('\n').length - 1, numbers.length)
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => final - numbers.length + 1 + index),
  )
})

test('a wrong line is told in one sentence', async () => {
  const place = await depot()
  await (await storeOf(place)).close()
  for (const [args, sentence] of [
    [['--event', 'token.isued'], /^There is no event 'token\.isued': `countersign audit --help` lists the events\.\n$/],
    [['--limit', '-1'], /^The option '--limit' /],
    [['--limit', 'many'], /^--limit must be a whole number, such as 100\.\n$/],
    [['--since', 'yesterday'], /^--since must be a time like .*, or a date like /],
    [['--realm', 'x'], /^There is no realm 'x': the realms are depot\.\n$/],
    [['now'], /^'now' is a word too many/],
  ] as const) {
    const { code, out, err } = await command(place, ['audit', ...args])
    assert.deepEqual([code, out], [2, ''], err)
    assert.match(err, sentence)
    assert.match(err, /^[^\n]+\.\n$/)
  }
})

/** Without the line that is not whole yet. */
function whole(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1)
}
