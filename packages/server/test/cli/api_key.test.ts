// countersign api-key: keys made, rotated, dropped and imported, on a data folder with and without a server running on it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { apiKeyIdOf, checkCredential } from '@countersign/protocol/oauth/credential'
import { secretHash } from '../../src/model/secret_hash.ts'
import { BOUNDED } from '../process/program.ts'
import { countersign } from './cli.ts'
import type { Depot } from './depot.ts'
import { callApi, command, depot, SHOP, STALL, serving, spawned, storeOf, succeeding, tokenOf, until } from './depot.ts'

interface Row {
  readonly realm: string
  readonly client: string
  readonly id: string
  readonly name: string
  readonly origin: string
  readonly made_at: string | null
  readonly ends_at: string | null
  readonly last_used_at: string | null
  readonly uses: number
  readonly address: string | null
  readonly addresses: readonly string[]
  readonly verdict: string
}

const DAY = 86_400_000
const listOf = async (place: Depot, ...args: readonly string[]): Promise<readonly Row[]> =>
  JSON.parse(await succeeding(place, ['api-key', 'list', ...(args.length > 0 ? args : ['--client', 'shop']), '--json'])) as Row[]
const create = (place: Depot, ...args: readonly string[]): Promise<string> =>
  succeeding(place, ['api-key', 'create', '--client', 'shop', ...args])
const idOf = (key: string): string => apiKeyIdOf(key) ?? ''

/** The depot with its database and no server. */
async function atRest(): Promise<Depot> {
  const place = await depot()
  await (await storeOf(place)).close()
  return place
}

/** The depot with one configured key of the shop. */
async function withConfiguredKey(text: string): Promise<Depot> {
  const place = await depot()
  const input = JSON.parse(readFileSync(place.config, 'utf8')) as { realms: { clients: Record<string, unknown>[] }[] }
  const shop = input.realms[0]?.clients[0]
  assert.ok(shop)
  shop['apiKeys'] = [{ id: 'till', key: { hash: secretHash(text) } }]
  writeFileSync(place.config, JSON.stringify(input))
  await (await storeOf(place)).close()
  return place
}

test('create prints the key alone on standard output, with the id of its row in it, and keeps its hash only', async () => {
  const place = await atRest()
  const { code, out, err } = await spawned(place, ['api-key', 'create', '--client', 'shop', '--name', 'Till 7'])
  assert.equal(code, 0, err)
  assert.match(out, /^cs_key_[0-9a-z]{12}_[A-Za-z0-9_-]{49}\n$/)
  const key = out.trim()
  assert.equal(checkCredential(key), 'ok')
  assert.match(err, new RegExp(`^The API key ${idOf(key)} of client shop in realm depot is live\\. It is printed this once`))
  assert.ok(!err.includes(key))
  const database = readFileSync(join(place.data, 'countersign.db'), 'latin1')
  assert.ok(database.includes(secretHash(key)) && !database.includes(key.slice('cs_key_'.length)))
  const [made, ...others] = await listOf(place)
  assert.deepEqual([made?.id, made?.name, made?.origin, made?.addresses, made?.verdict], [idOf(key), 'Till 7', 'command', [], 'never used'])
  assert.deepEqual(others, [])
})

test('a key can be made with an end and with the addresses it may come from', async () => {
  const place = await atRest()
  const before = Date.now() - 1000
  const places = '203.0.113.7, 2001:db8::/32,203.0.113.7'
  const { err } = await command(place, ['api-key', 'create', '--client', 'shop', '--expires', '90d', '--addresses', places])
  const ends = Date.parse(/ until (\S+Z), from 203\.0\.113\.7, 2001:db8::\/32 alone\./.exec(err)?.[1] ?? '')
  assert.ok(ends >= before + 90 * DAY && ends <= Date.now() + 90 * DAY, err)
  const [made] = await listOf(place)
  assert.deepEqual([Date.parse(made?.ends_at ?? ''), made?.addresses], [ends, ['203.0.113.7', '2001:db8::/32']])
})

test('a made key opens the guarded API beside its client’s token, is counted, and dies within a second of its drop', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const [key, spare] = [await create(place), await create(place)]
  const token = await tokenOf(server, SHOP)
  await until('the key is known', async () => (await callApi(server, token, key)) === 200)
  assert.equal(await callApi(server, token, spare), 200)
  assert.equal(await callApi(server, await tokenOf(server, STALL), key), 403)
  await until('the uses are written', async () => (await listOf(place)).every((one) => one.verdict === 'in use'))
  const [used] = await listOf(place, '--id', idOf(key))
  assert.deepEqual([used?.id, used?.client, used?.address], [idOf(key), 'shop', '127.0.0.1'])
  assert.ok((used?.uses ?? 0) >= 1 && Math.abs(Date.now() - Date.parse(used?.last_used_at ?? '')) < 20_000)
  assert.match(
    await succeeding(place, ['api-key', 'drop', '--id', idOf(key)]),
    /^The API key \S{12} of client shop in realm depot has ended/,
  )
  // Mistyped it never reaches the store, and is no other's key.
  assert.equal(await callApi(server, token, `${spare.slice(0, -1)}${spare.endsWith('a') ? 'b' : 'a'}`), 401)
  await until('the dropped key is refused', async () => (await callApi(server, token, key)) === 401)
  assert.equal(await callApi(server, token, spare), 200)
  await server.end('SIGTERM')
})

test('a key that is tied to addresses opens nothing from elsewhere', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const [here, elsewhere] = [await create(place, '--addresses', '127.0.0.0/8'), await create(place, '--addresses', '203.0.113.0/24')]
  const token = await tokenOf(server, SHOP)
  await until('the last key is known', async () => (await callApi(server, token, elsewhere)) === 403)
  assert.equal(await callApi(server, token, here), 200)
  await server.end('SIGTERM')
})

test('rotate: both live during the overlap, every other key ends with it, and the name and addresses are handed on', async () => {
  const place = await atRest()
  const old = await create(place, '--name', 'Till', '--addresses', '10.0.0.0/8')
  const { code, out, err } = await command(place, ['api-key', 'rotate', '--client', 'shop', '--overlap', '2d'])
  assert.equal(code, 0, err)
  const rows = new Map((await listOf(place)).map((one) => [one.id, one]))
  const [before, after] = [rows.get(idOf(old)), rows.get(idOf(out.trim()))]
  assert.deepEqual([after?.name, after?.addresses, after?.ends_at], ['Till', ['10.0.0.0/8'], null])
  const ends = Date.parse(before?.ends_at ?? '')
  assert.ok(Math.abs(ends - Date.now() - 2 * DAY) < 20_000)
  assert.match(err, new RegExp(`^The old API key ${idOf(old)} ends by itself at ${before?.ends_at}\\.$`, 'm'))
  assert.match(err, /^Hand over the new one until then; `countersign api-key list --realm depot --client shop` says /m)
})

test('rotate without overlap ends the others now, and a client without a key gets its first', async () => {
  const place = await atRest()
  const first = await succeeding(place, ['api-key', 'rotate', '--client', 'shop', '--overlap', '0'])
  const second = await succeeding(place, ['api-key', 'rotate', '--client', 'shop', '--overlap', '0'])
  const verdicts = new Map((await listOf(place)).map((one) => [one.id, one.verdict]))
  assert.deepEqual([verdicts.get(idOf(first)), verdicts.get(idOf(second)), verdicts.size], ['ended', 'never used', 2])
})

test('with an id one key alone is rotated, and one that has ended is not', async () => {
  const place = await atRest()
  const [till, web] = [await create(place, '--name', 'Till', '--addresses', '10.0.0.1'), await create(place, '--name', 'Web')]
  const next = await succeeding(place, ['api-key', 'rotate', '--id', idOf(till), '--overlap', '0'])
  const rows = new Map((await listOf(place)).map((one) => [one.id, one]))
  assert.deepEqual(
    [till, web, next].map((key) => rows.get(idOf(key))?.verdict),
    ['ended', 'never used', 'never used'],
  )
  assert.deepEqual([rows.get(idOf(next))?.name, rows.get(idOf(next))?.addresses], ['Till', ['10.0.0.1']])
  const again = await command(place, ['api-key', 'rotate', '--id', idOf(till)])
  assert.match(
    again.err,
    /^The API key \S{12} has ended already: make another with `countersign api-key create --realm depot --client shop`\.\n$/,
  )
})

test('an allow-list is not lost by rotating several keys that differ in it', async () => {
  const place = await atRest()
  await create(place, '--addresses', '10.0.0.1')
  await create(place)
  const refused = await command(place, ['api-key', 'rotate', '--client', 'shop'])
  assert.deepEqual([refused.code, refused.out], [2, ''])
  assert.match(refused.err, /^The live API keys may come from different addresses: rotate one with --id, or say with --addresses for/)
  assert.equal((await listOf(place)).length, 2)
  const key = await succeeding(place, ['api-key', 'rotate', '--client', 'shop', '--addresses', ''])
  assert.deepEqual((await listOf(place)).find((one) => one.id === idOf(key))?.addresses, [])
})

test('the last live key of a client is dropped by force only, and what has ended is not dropped twice', async () => {
  const place = await atRest()
  const id = idOf(await create(place))
  const refused = await command(place, ['api-key', 'drop', '--id', id])
  assert.deepEqual([refused.code, refused.out], [2, ''])
  assert.match(refused.err, /^The API key \S{12} is the last live one of client shop: .* --force\.\n$/)
  assert.equal((await listOf(place))[0]?.verdict, 'never used')
  await succeeding(place, ['api-key', 'drop', '--id', id, '--force'])
  assert.equal((await listOf(place))[0]?.verdict, 'ended')
  assert.match((await command(place, ['api-key', 'drop', '--id', id, '--force'])).err, /has ended already: there is nothing to drop\.\n$/)
})

test('what a command made outlasts a start, and a configured key that it ended stays ended', async () => {
  const place = await withConfiguredKey('the key of the till of these tests')
  const key = await create(place)
  const out = await succeeding(place, ['api-key', 'drop', '--id', 'till'])
  assert.match(out, /\nThe configuration names it: take it out there too\. It stays ended until then\.$/)
  await (await storeOf(place)).close()
  assert.deepEqual(
    new Map((await listOf(place)).map((one) => [one.id, `${one.origin} ${one.verdict}`])),
    new Map([
      [idOf(key), 'command never used'],
      ['till', 'configuration ended'],
    ]),
  )
})

test('rotating a configured key says what to write in its place', async () => {
  const place = await withConfiguredKey('the key of the till of these tests')
  const { out, err } = await command(place, ['api-key', 'rotate', '--client', 'shop'])
  assert.ok(err.includes(`The configuration names till: put { hash: '${secretHash(out.trim())}' } in its place once it has ended.\n`), err)
})

test('a key that only older ones were used beside is not safe to drop', async () => {
  const place = await atRest()
  const store = await storeOf(place)
  const now = Math.floor(Date.now() / 1000)
  const ago = (days: number): number => now - days * 86_400
  const [older, newer] = [idOf(await create(place)), idOf(await create(place))]
  const keys = await store.apiKeys.list('depot', 'shop')
  for (const key of keys) await store.apiKeys.put({ ...key, createdAt: ago(key.id === older ? 9 : 8) }, { at: now, by: 'test' })
  const use = (apiKeyId: string, lastUsedAt: number) => ({
    realmId: 'depot',
    clientId: 'shop',
    apiKeyId,
    lastUsedAt,
    count: 1,
    address: '',
  })
  const verdicts = async () => {
    const rows = new Map((await listOf(place)).map((one) => [one.id, one.verdict]))
    return [rows.get(older), rows.get(newer)]
  }
  await store.apiKeys.noteUse([use(older, ago(0)), use(newer, ago(3))])
  assert.deepEqual(await verdicts(), ['in use', 'unused for 24 h, and no newer one was used since: keep it'])
  await store.apiKeys.put({ ...(keys.find(({ id }) => id === older) ?? fail()), createdAt: ago(7) }, { at: now, by: 'test' })
  assert.deepEqual(await verdicts(), ['in use', 'unused for 24 h: safe to drop'])
  await store.close()
})

test('a key of another product is imported by its hash in any spelling, works as it did, and is imported once', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const theirs = 'theirs-51H8x0kEzQ7-of-the-old-gateway'
  const digest = createHash('sha256').update(theirs).digest()
  const token = await tokenOf(server, SHOP)
  assert.equal(await callApi(server, token, theirs), 401)
  const [first, ...others] = [
    digest.toString('hex'),
    secretHash(theirs),
    `sha256:${digest.toString('hex').toUpperCase()}`,
    `sha256:${digest.toString('base64')}`,
  ]
  const args = ['api-key', 'import', '--client', 'shop', '--id', 'theirs', '--name', 'Dashboard', '--hash']
  assert.equal(await succeeding(place, [...args, first ?? '']), 'The API key theirs of client shop in realm depot is live.')
  await until('the key is known', async () => (await callApi(server, token, theirs)) === 200)
  for (const hash of others) assert.match(await succeeding(place, [...args, hash]), / is there already, and stays as it is\.$/)
  const [row, ...more] = await listOf(place)
  assert.deepEqual([row?.id, row?.name, row?.origin, more], ['theirs', 'Dashboard', 'command', []])
  await succeeding(place, ['api-key', 'drop', '--id', 'theirs', '--force'])
  assert.match(await succeeding(place, [...args, first ?? '']), / has ended before, and stays ended\.$/)
  await server.end('SIGTERM')
})

test('a key or an id that another client has is not imported over it', async () => {
  const place = await atRest()
  const [one, other] = [secretHash('one key of another product'), secretHash('another key of another product')]
  await succeeding(place, ['api-key', 'import', '--client', 'stall', '--hash', one, '--id', 'theirs'])
  const same = await command(place, ['api-key', 'import', '--client', 'shop', '--hash', one])
  assert.match(same.err, /^The API key of that hash is client stall's: a key belongs to one client\.\n$/)
  const taken = await command(place, ['api-key', 'import', '--client', 'shop', '--hash', other, '--id', 'theirs'])
  assert.match(taken.err, /^Client stall has an API key theirs already, with another hash: choose another --id\.\n$/)
  assert.deepEqual([same.code, taken.code, await listOf(place)], [2, 2, []])
})

test('a file of keys is imported with its names, and a second time changes nothing', async () => {
  const place = await atRest()
  const hex = (text: string): string => createHash('sha256').update(text).digest('hex')
  const lines = Array.from(
    { length: 1200 },
    (_, n) => `${n % 2 ? 'shop' : 'stall'},${hex(`their key ${n}`)}${n % 3 ? '' : `,Key, number ${n}`}`,
  )
  const file = join(place.data, 'keys.csv')
  writeFileSync(file, `# client,hash,name\r\n${lines.join('\r\n')}\r\n\r\n${lines[7]}\n`)
  const run = () => succeeding(place, ['api-key', 'import', '--file', file])
  assert.equal(await run(), 'API keys imported: 1200; there already: 0.')
  const [shop, stall] = [await listOf(place), await listOf(place, '--client', 'stall')]
  assert.deepEqual([shop.length, stall.length], [600, 600])
  assert.equal(shop.filter(({ name }) => /^Key, number \d+$/.test(name)).length, 200)
  assert.equal(await run(), 'API keys imported: 0; there already: 1200.')
  await succeeding(place, ['api-key', 'drop', '--id', shop[0]?.id ?? ''])
  assert.equal(await run(), 'API keys imported: 0; there already: 1199, and 1 have ended before and stay ended.')
})

test('a file with mistakes is told by its lines, nothing of it is imported, and no line is quoted', async () => {
  const place = await atRest()
  const file = join(place.data, 'keys.csv')
  const good = (n: number): string => secretHash(`their key ${n}`)
  writeFileSync(
    file,
    [`shop,${good(1)}`, 'shop,theirs_live_a_key_and_no_hash', `shp,${good(2)}`, `stall,${good(1)}`, `shop,${good(3)},a\u001bb`].join('\n'),
  )
  const { code, out, err } = await command(place, ['api-key', 'import', '--file', file])
  assert.deepEqual([code, out, err.split('\n').length], [2, '', 5])
  const mistake = 'must be clientId,hash or clientId,hash,name with a SHA-256 as `countersign hash` prints it, or in hex.'
  for (const sentence of [
    `line 2 ${mistake}`,
    `line 5 ${mistake}`,
    "line 3 is of a client 'shp' that realm depot has not: make it first.",
    'line 4 has the hash of line 1 for another client.',
  ])
    assert.ok(err.includes(`${file}: ${sentence}\n`), err)
  assert.ok(!err.includes('theirs_live'))
  assert.deepEqual(await listOf(place), [])
  writeFileSync(file, 'x\n'.repeat(30))
  assert.match(
    (await command(place, ['api-key', 'import', '--file', file])).err,
    /line 10 must be [^\n]+\n[^\n]+ has 20 more mistakes\.\n$/,
  )
})

test('list shows a table, or that there is nothing, and never a hash', async () => {
  const place = await atRest()
  assert.equal(await succeeding(place, ['api-key', 'list', '--client', 'shop']), 'There are no API keys of client shop in realm depot.')
  await create(place, '--name', 'Till', '--addresses', '10.0.0.1,10.0.0.2')
  const text = await succeeding(place, ['api-key', 'list', '--client', 'shop'])
  assert.match(text, /^KEY +NAME +MADE BY +MADE +ENDS +LAST USED +USES +FROM +ALLOWED FROM +VERDICT$/m)
  assert.match(text, /^[0-9a-z]{12} +Till +command +20\S+Z +never +never +0 +- +10\.0\.0\.1,10\.0\.0\.2 +never used$/m)
  assert.ok(!text.includes('sha256'))
})

test('all of it is in the audit, and no key', async () => {
  const place = await atRest()
  const key = await create(place)
  await succeeding(place, ['api-key', 'rotate', '--client', 'shop', '--overlap', '0'])
  const text = await succeeding(place, ['audit', '--client', 'shop', '--json'])
  assert.ok(text.includes('"api_key.put"') && text.includes(idOf(key)) && !text.includes(key) && !text.includes(secretHash(key)))
})

test('a wrong line is told in one sentence that lists what there is', async () => {
  const place = await atRest()
  const id = idOf(await create(place))
  const hash = secretHash('their key')
  for (const [args, sentence] of [
    [['list'], /^--client is missing: name a key with --id, or the client with it\.\n$/],
    [['list', '--client', 'shp'], /^There is no client 'shp': the clients of realm depot are checker, shop, signer, stall\.\n$/],
    [['list', '--id', 'x'], new RegExp(`^There is no API key 'x': the API keys are ${id} of client shop\\.\\n$`)],
    [['drop', '--id', 'x', '--client', 'stall'], /^There is no API key 'x': there are no API keys yet\.\n$/],
    [['drop'], /^--id is missing: name the API key, as it stands behind cs_key_ or .* shows it, with it\.\n$/],
    [
      ['create', '--client', 'shop', '--addresses', 'example.com'],
      /^--addresses has 'example\.com', which must be an IP address or a block/,
    ],
    [
      ['create', '--client', 'shop', '--addresses', '10.0.0.0/33'],
      /^--addresses has '10\.0\.0\.0\/33', which must have a number from 0 to 32/,
    ],
    [['create', '--client', 'shop', '--addresses', '::1,,'], /^--addresses has '', which must be an IP address/],
    [['create', '--client', 'shop', '--addresses', Array(101).fill('::1').join()], /^--addresses has more than 100 entries/],
    [['create', '--client', 'shop', '--name', 'a\nb'], /^--name must be a text of 1 to 128 characters\.\n$/],
    [['create', '--client', 'shop', '--expires', '2001-01-01'], /^--expires 2001-01-01 is over already: give a later one\.\n$/],
    [['create', '--client', 'shop', '--id', 'mine'], /^There is no option '--id': /],
    [['rotate'], /^--client is missing: /],
    [['rotate', '--client', 'shop', '--overlap', 'soon'], /^--overlap must be a time like 15m, 12h or 7d, at most 10 years, or 0\.\n$/],
    [['rotate', '--client', 'shop', '--expires', '1d'], /^The new API key would end before the old ones: /],
    [['import', '--client', 'shop'], /^--hash is missing: /],
    [['import', '--client', 'shop', '--hash', 'theirs_live_x'], /^--hash must be the SHA-256 of a key: /],
    [['import', '--client', 'shop', '--hash', hash.slice(0, -1)], /^--hash must be the SHA-256 of a key: /],
    [['import', '--client', 'shop', '--hash', secretHash('demo-wych-api-key')], /^--hash is a secret of the public demo/],
    [['import', '--client', 'shop', '--hash', hash, '--id', 'a b'], /^--id must be of letters, digits, - and _/],
    [['import', '--client', 'shop', '--file', 'x'], /^--file goes with --realm alone/],
    [['import', '--file', join(place.data, 'absent')], /^--file names .*absent, which does not exist\.\n$/],
    [[], /^It is not said what to do: write `countersign api-key` and one of list, create, rotate, drop, import\.\n$/],
    [['show'], /^There is no 'api-key show': behind `countersign api-key` comes one of /],
  ] as const) {
    const { code, out, err } = await command(place, ['api-key', ...args])
    assert.deepEqual([code, out], [2, ''], `${args.join(' ')}: ${err}`)
    assert.match(err, sentence)
    assert.match(err, /^[^\n]+\.\n$/)
    assert.ok(!err.includes('theirs_live'))
  }
  assert.equal((await listOf(place)).length, 1)
})

test('the program knows the command', async () => {
  assert.match((await countersign(['api-key', '--help'])).out, /^Usage: countersign api-key list /)
})

function fail(): never {
  throw new Error('it is not there')
}
