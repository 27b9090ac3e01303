// countersign secret: rotation without a night shift, on a data folder with and without a server running on it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkCredential } from '@countersign/protocol/oauth/credential'
import { unseal } from '../../src/issue/keys/seal.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { BOUNDED } from '../process/program.ts'
import type { Depot } from './depot.ts'
import {
  askForToken,
  callApi,
  command,
  depot,
  isActive,
  MASTER_KEY,
  SHOP,
  SIGNER,
  STALL,
  serving,
  spawned,
  storeOf,
  succeeding,
  tokenOf,
  until,
} from './depot.ts'

const ID = /secret_[A-Za-z0-9_-]{12}/

interface Row {
  readonly realm: string
  readonly client: string
  readonly id: string
  readonly origin: string
  readonly made_at: string | null
  readonly ends_at: string | null
  readonly last_used_at: string | null
  readonly uses: number
  readonly address: string | null
  readonly verdict: string
}

const listOf = async (place: Depot, client = SHOP.clientId): Promise<readonly Row[]> =>
  JSON.parse(await succeeding(place, ['secret', 'list', '--client', client, '--json'])) as Row[]

/** The depot with its database and no server. */
async function atRest(): Promise<Depot> {
  const place = await depot()
  await (await storeOf(place)).close()
  return place
}

test('create prints the secret alone on standard output, and keeps its hash only', async () => {
  const place = await atRest()
  const { code, out, err } = await spawned(place, ['secret', 'create', '--client', 'shop'])
  assert.equal(code, 0, err)
  assert.match(out, /^cs_secret_\S+\n$/)
  assert.equal(checkCredential(out.trim()), 'ok')
  assert.match(err, /^The secret secret_\S{12} of client shop in realm depot is live\. It is printed this once/)
  assert.ok(!err.includes(out.trim()))
  const database = readFileSync(join(place.data, 'countersign.db'), 'latin1')
  assert.ok(database.includes(secretHash(out.trim())) && !database.includes(out.trim().slice('cs_secret_'.length)))
  const [configured, made] = await listOf(place)
  assert.deepEqual([configured?.origin, made?.origin], ['configuration', 'command'])
  assert.equal(made?.id, ID.exec(err)?.[0])
})

test('a secret can be made with an end, as a time or a date', async () => {
  const place = await atRest()
  const before = Date.now() - 1000
  const { err } = await command(place, ['secret', 'create', '--client', 'shop', '--expires', '90d'])
  const ends = Date.parse(/ until (\S+Z)\./.exec(err)?.[1] ?? '')
  assert.ok(ends >= before + 90 * 86_400_000 && ends <= Date.now() + 90 * 86_400_000, err)
  const dated = await command(place, ['secret', 'create', '--client', 'shop', '--expires', '2199-12-31'])
  assert.match(dated.err, / is live until 2199-12-31T00:00:00Z\. /)
  assert.deepEqual(
    (await listOf(place)).map((one) => one.ends_at),
    [null, new Date(ends).toISOString().replace('.000', ''), '2199-12-31T00:00:00Z'],
  )
})

test('rotate on a running server: both work during the overlap, and the old one ends by itself', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const { code, out, err } = await command(place, ['secret', 'rotate', '--client', 'shop', '--overlap', '4s'])
  assert.equal(code, 0, err)
  const fresh = { clientId: SHOP.clientId, secret: out.trim() }
  await until('the new secret works', async () => (await askForToken(server, fresh)).status === 200)
  const [old] = await listOf(place)
  assert.match(err, new RegExp(`^The old secret ${old?.id} ends by itself at ${old?.ends_at}\\.$`, 'm'))
  assert.match(err, /^Hand over the new one until then; `countersign secret list --realm depot --client shop` says /m)
  assert.match(err, /^The configuration names secret_\S{12}: put \{ hash: 'sha256:\S{43}' \} in its place/m)
  assert.ok(err.includes(secretHash(fresh.secret)))
  if (Date.now() < Date.parse(old?.ends_at ?? '') - 500) assert.equal((await askForToken(server, SHOP)).status, 200)
  await until('the old secret is refused', async () => (await askForToken(server, SHOP)).status === 401)
  assert.ok(Date.now() >= Date.parse(old?.ends_at ?? ''))
  assert.equal((await askForToken(server, fresh)).status, 200)
  assert.deepEqual(
    (await listOf(place)).map((one) => one.verdict),
    ['ended', 'in use'],
  )
  await server.end('SIGTERM')
})

test('what was rotated stays so after a restart, and the configuration brings no ended secret back', BOUNDED, async () => {
  const place = await depot()
  await (await serving(place)).end('SIGTERM')
  const fresh = { clientId: SHOP.clientId, secret: await succeeding(place, ['secret', 'rotate', '--client', 'shop', '--overlap', '0']) }
  const again = await serving(place)
  assert.equal((await askForToken(again, fresh)).status, 200)
  assert.equal((await askForToken(again, SHOP)).status, 401)
  await again.end('SIGTERM')
})

test('an overlap ends no secret later than it would have ended anyway', async () => {
  const place = await atRest()
  await succeeding(place, ['secret', 'create', '--client', 'shop', '--expires', '1d'])
  await succeeding(place, ['secret', 'rotate', '--client', 'shop', '--overlap', '7d'])
  const [first, second, third] = (await listOf(place)).map((one) =>
    one.ends_at === null ? Number.POSITIVE_INFINITY : Date.parse(one.ends_at),
  )
  assert.ok(first !== undefined && second !== undefined && third === Number.POSITIVE_INFINITY)
  assert.ok(second < first && first < Date.now() + 7.01 * 86_400_000)
})

test('list shows the last use of each secret and a verdict, and no hash', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const fresh = { clientId: SHOP.clientId, secret: await succeeding(place, ['secret', 'create', '--client', 'shop']) }
  for (let use = 0; use < 3; use++) await tokenOf(server, SHOP)
  await until('the uses are written', async () => (await listOf(place))[0]?.uses === 3)
  const [used, unused] = await listOf(place)
  assert.deepEqual([used?.realm, used?.client, used?.address, used?.verdict], ['depot', 'shop', '127.0.0.1', 'in use'])
  assert.ok(Math.abs(Date.now() - Date.parse(used?.last_used_at ?? '')) < 20_000)
  assert.deepEqual([unused?.uses, unused?.last_used_at, unused?.address, unused?.verdict], [0, null, null, 'never used'])
  await tokenOf(server, fresh)
  await until('the other use is written', async () => (await listOf(place))[1]?.verdict === 'in use')
  const text = await succeeding(place, ['secret', 'list', '--client', 'shop'])
  assert.match(text, /^SECRET +MADE BY +MADE +ENDS +LAST USED +USES +FROM +VERDICT$/m)
  assert.match(text, /^secret_\S{12} +configuration +20\S+Z +never +20\S+Z +3 +127\.0\.0\.1 +in use$/m)
  assert.ok(!text.includes('sha256'))
  await server.end('SIGTERM')
})

test('drop ends a secret within a second on the running server, and its tokens live on', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const fresh = { clientId: SHOP.clientId, secret: await succeeding(place, ['secret', 'create', '--client', 'shop']) }
  const token = await tokenOf(server, SHOP)
  const [old] = await listOf(place)
  assert.match(
    await succeeding(place, ['secret', 'drop', '--id', old?.id ?? '']),
    /has ended\. Tokens it minted live on .*\nThe configuration names it/,
  )
  await until('the dropped secret is refused', async () => (await askForToken(server, SHOP)).status === 401)
  assert.equal(await isActive(server, token), true)
  assert.equal(await callApi(server, token), 200)
  assert.equal((await askForToken(server, fresh)).status, 200)
  await server.end('SIGTERM')
})

test('the last live secret of a client is dropped by force only', async () => {
  const place = await atRest()
  const [only] = await listOf(place)
  const refused = await command(place, ['secret', 'drop', '--id', only?.id ?? ''])
  assert.deepEqual([refused.code, refused.out], [2, ''])
  assert.match(refused.err, /^The secret secret_\S+ is the last live one of client shop: .* --force\.\n$/)
  assert.equal((await listOf(place))[0]?.verdict, 'never used')
  await succeeding(place, ['secret', 'drop', '--id', only?.id ?? '', '--force'])
  assert.equal((await listOf(place))[0]?.verdict, 'ended')
  const again = await command(place, ['secret', 'drop', '--id', only?.id ?? ''])
  assert.match(again.err, /^The secret secret_\S+ has ended already: there is nothing to drop\.\n$/)
})

test('cut ends a secret and every token it minted within a second, and none of another secret', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const other = { clientId: SHOP.clientId, secret: await succeeding(place, ['secret', 'create', '--client', 'shop']) }
  const leaked = await tokenOf(server, SHOP)
  await until('the other secret works', async () => (await askForToken(server, other)).status === 200)
  const good = await tokenOf(server, other)
  const stranger = await tokenOf(server, STALL)
  for (const token of [leaked, good, stranger]) assert.deepEqual([await isActive(server, token), await callApi(server, token)], [true, 200])
  const [old] = await listOf(place)
  const out = await succeeding(place, ['secret', 'cut', '--id', old?.id ?? ''])
  assert.match(out, /^The secret secret_\S+ of client shop in realm depot has ended, and all it ever minted is revoked: /)
  assert.match(out, /^The client must ask for new tokens with another secret \(live: secret_\S{12}\)/m)
  await until('the API refuses the token', async () => (await callApi(server, leaked)) === 401)
  assert.equal(await isActive(server, leaked), false)
  assert.equal((await askForToken(server, SHOP)).status, 401)
  for (const token of [good, stranger]) assert.deepEqual([await isActive(server, token), await callApi(server, token)], [true, 200])
  assert.match((await command(place, ['secret', 'cut', '--id', old?.id ?? ''])).err, /was cut before, .*\n$/)
  await server.end('SIGTERM')
  // Nor does a restart forget it.
  const again = await serving(place)
  assert.deepEqual([await callApi(again, leaked), await callApi(again, good)], [401, 200])
  await again.end('SIGTERM')
})

test('a secret that was dropped can still be cut, and the last one too', async () => {
  const place = await atRest()
  const [only] = await listOf(place)
  await succeeding(place, ['secret', 'drop', '--id', only?.id ?? '', '--force'])
  assert.match(
    await succeeding(place, ['secret', 'cut', '--id', only?.id ?? '']),
    /^The client has no live secret left: make one with `countersign secret create --realm depot --client shop`/m,
  )
})

test('the secret of a client that signs with it is sealed under the master key, and needs it', async () => {
  const place = await atRest()
  const refused = await command(place, ['secret', 'create', '--client', SIGNER])
  assert.deepEqual([refused.code, refused.out], [2, ''])
  assert.match(refused.err, /^The client signer has client_secret_jwt, .* --config FILE\.\n$/)
  const { code, out, err } = await command(place, ['secret', 'create', '--client', SIGNER, '--config', place.config], place.env)
  assert.equal(code, 0, err)
  const store = await storeOf(place)
  const secret = (await store.clients.find('depot', SIGNER))?.secrets.at(-1)
  await store.close()
  assert.ok(secret?.sealed)
  assert.equal(unseal(secret.sealed, Buffer.from(MASTER_KEY, 'hex'), `client_secret/depot/signer/${secret.id}`), out.trim())
})

test('a wrong line is told in one sentence that lists what there is', async () => {
  const place = await atRest()
  const ids = await listOf(place)
  for (const [args, sentence] of [
    [['list'], /^--client is missing: name the client with it\.\n$/],
    [['list', '--client', 'shp'], /^There is no client 'shp': the clients of realm depot are checker, shop, signer, stall\.\n$/],
    [['list', '--client', 'a\u001b[2J'], /^There is no client 'a\\u\{1b\}\[2J': /],
    [['list', '--client', 'shop', '--realm', 'dept'], /^There is no realm 'dept': the realms are depot\.\n$/],
    [['drop', '--id', 'secret_x'], new RegExp(`^There is no secret 'secret_x': the secrets are .*${ids[0]?.id} of client shop.*\\.\\n$`)],
    [['drop'], /^--id is missing: /],
    [
      ['cut', '--id', 'secret_x', '--client', 'shop'],
      new RegExp(`^There is no secret 'secret_x': the secrets are ${ids[0]?.id} of client shop\\.\\n$`),
    ],
    [['rotate', '--client', 'shop', '--overlap', 'a week'], /^--overlap must be a time like 15m, 12h or 7d, at most 10 years, or 0\.\n$/],
    [['rotate', '--client', 'shop', '--overlap', '-1d'], /^The option '--overlap' is not used like that/],
    [['rotate', '--client', 'shop', '--overlap', '7d', '--expires', '1d'], /^The new secret would end before the old ones: /],
    [['create', '--client', 'shop', '--expires', '2001-01-01'], /^--expires 2001-01-01 is over already: give a later one\.\n$/],
    [['create', '--client', 'shop', '--expires', 'soon'], /^--expires must be a time like .*, or a date like 2027-12-31\.\n$/],
    [['create', '--client', 'shop', '--expires', '2099-02-29'], /^--expires must be a time like .*, or a date like 2027-12-31\.\n$/],
    [[], /^It is not said what to do: write `countersign secret` and one of list, create, rotate, drop, cut\.\n$/],
    [['show'], /^There is no 'secret show': behind `countersign secret` comes one of /],
  ] as const) {
    const { code, out, err } = await command(place, ['secret', ...args])
    assert.deepEqual([code, out], [2, ''], err)
    assert.match(err, sentence)
    assert.match(err, /^[^\n]+\.\n$/)
  }
  assert.equal((await listOf(place)).length, 1)
})
