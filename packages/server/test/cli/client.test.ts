// countersign client: clients made by a command outlast restarts, keep to their realm's rights, and go with all they minted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCredential } from '@countersign/protocol/oauth/credential'
import { BOUNDED } from '../process/program.ts'
import type { Depot } from './depot.ts'
import { askForToken, callApi, command, depot, isActive, SHOP, serving, spawned, storeOf, succeeding, tokenOf, until } from './depot.ts'

async function atRest(): Promise<Depot> {
  const place = await depot()
  await (await storeOf(place)).close()
  return place
}

const CREATE = ['client', 'create', '--client', 'booth', '--scopes', 'read', '--audiences', 'goods', '--name', 'A booth']

test('a client is made while the server runs, gets tokens, and outlasts a restart', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const { code, out, err } = await spawned(place, CREATE)
  assert.equal(code, 0, err)
  assert.match(out, /^cs_secret_\S+\n$/)
  assert.equal(checkCredential(out.trim()), 'ok')
  assert.match(err, /^The client booth of realm depot is made\. Its secret is printed this once/)
  const booth = { clientId: 'booth', secret: out.trim() }
  await until('the new client gets a token', async () => (await askForToken(server, booth)).status === 200)
  const { json } = await askForToken(server, booth)
  assert.equal(json['scope'], 'read')
  assert.equal(await callApi(server, String(json['access_token'])), 200)
  await server.end('SIGTERM')
  const again = await serving(place)
  assert.equal((await askForToken(again, booth)).status, 200)
  await again.end('SIGTERM')
})

test('list and show tell who made a client and what it may, and no secret or hash', async () => {
  const place = await atRest()
  const secret = await succeeding(place, CREATE)
  const text = await succeeding(place, ['client', 'list'])
  assert.match(text, /^REALM +CLIENT +NAME +MADE BY +STATE +GRANTS +LIVE SECRETS$/m)
  assert.match(text, /^depot +booth +A booth +command +enabled +client_credentials +1$/m)
  assert.match(text, /^depot +shop +shop +configuration +enabled +client_credentials +1$/m)
  const listed: unknown = JSON.parse(await succeeding(place, ['client', 'list', '--realm', 'depot', '--json']))
  assert.deepEqual(Array.isArray(listed) ? listed[0] : undefined, {
    realm: 'depot',
    client: 'booth',
    name: 'A booth',
    origin: 'command',
    enabled: true,
    grants: ['client_credentials'],
    live_secrets: 1,
  })
  const shown = JSON.parse(await succeeding(place, ['client', 'show', '--client', 'booth', '--json'])) as Record<string, unknown>
  assert.deepEqual(
    [shown['realm'], shown['clientId'], shown['scopes'], shown['audiences'], shown['defaultAudience']],
    ['depot', 'booth', ['read'], ['goods'], 'goods'],
  )
  const lines = await succeeding(place, ['client', 'show', '--client', 'booth'])
  assert.match(lines, /^displayName: +A booth$/m)
  for (const printed of [text, JSON.stringify(shown), lines]) assert.ok(!printed.includes('sha256') && !printed.includes(secret))
})

test('a disabled client gets no tokens within a second, those it has are dead, and an enabled one does again', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const token = await tokenOf(server, SHOP)
  assert.match(
    await succeeding(place, ['client', 'disable', '--client', 'shop']),
    /^The client shop of realm depot is disabled: it gets no new tokens, .*\nThe configuration names it, and enables it again at the next start: /,
  )
  await until('the disabled client is refused', async () => (await askForToken(server, SHOP)).status === 401)
  await until('its token is dead', async () => (await isActive(server, token)) === false)
  assert.match(await succeeding(place, ['client', 'disable', '--client', 'shop']), /is disabled already: nothing is changed\.$/)
  assert.match(await succeeding(place, ['client', 'list']), /^depot +shop +shop +configuration +disabled /m)
  await succeeding(place, ['client', 'enable', '--client', 'shop'])
  await until('the enabled client gets a token', async () => (await askForToken(server, SHOP)).status === 200)
  await server.end('SIGTERM')
})

test('disabling a client that a command made outlasts a restart, and says nothing of the configuration', BOUNDED, async () => {
  const place = await atRest()
  const secret = await succeeding(place, CREATE)
  assert.doesNotMatch(await succeeding(place, ['client', 'disable', '--client', 'booth']), /configuration/)
  const server = await serving(place)
  assert.equal((await askForToken(server, { clientId: 'booth', secret })).status, 401)
  await server.end('SIGTERM')
})

test('remove takes a client away with every token it has; a configured one is refused', BOUNDED, async () => {
  const place = await depot()
  const server = await serving(place)
  const booth = { clientId: 'booth', secret: await succeeding(place, CREATE) }
  await until('the new client gets a token', async () => (await askForToken(server, booth)).status === 200)
  const token = await tokenOf(server, booth)
  assert.equal(await callApi(server, token), 200)
  assert.match(await succeeding(place, ['client', 'remove', '--client', 'booth']), /^The client booth of realm depot is gone, /)
  await until('its token is refused', async () => (await callApi(server, token)) === 401)
  assert.equal((await askForToken(server, booth)).status, 401)
  assert.doesNotMatch(await succeeding(place, ['client', 'list']), /booth/)
  const refused = await command(place, ['client', 'remove', '--client', 'shop'])
  assert.deepEqual([refused.code, refused.out], [2, ''])
  assert.match(refused.err, /^The client shop is the configuration's: take it out there /)
  assert.equal((await askForToken(server, SHOP)).status, 200)
  await server.end('SIGTERM')
})

test("a client's rights are held to its realm's, one sentence for each mistake", async () => {
  const place = await atRest()
  const store = await storeOf(place)
  const person = { realmId: 'depot', passwordHash: '', claims: {}, enabled: true }
  await store.users.put({ ...person, id: 'person-1', username: 'ada' }, { at: 0, by: 'server' })
  await store.users.put({ ...person, id: 'person-2', username: 'service-account-eve' }, { at: 0, by: 'server' })
  await store.close()
  for (const [args, sentence] of [
    [['--client', 'x', '--scopes', 'read,all'], /^--scopes is 'all', which is no scope of the realm \(read, write\)\.\n$/],
    [['--client', 'x', '--audiences', 'gods'], /^--audiences is 'gods', which is no audience of the realm \(goods, bills\)\.\n$/],
    [['--client', 'x', '--grants', 'password'], /^--grants is 'password', which is no grant of the realm \(client_credentials\)\.\n$/],
    [['--client', 'x', '--grants', 'implicit'], /^--grants has 'implicit', which is no grant: the grants are client_credentials, /],
    [['--client', 'shop'], /^The realm depot has a client shop already: /],
    [['--client', 'ada'], /^The realm depot has a user ada, /],
    [['--client', 'person-1'], /^The realm depot has a user person-1, /],
    [['--client', 'eve'], /^The realm depot has a user service-account-eve, /],
    [['--client', 'with blank'], /^--client must be a text of 1 to 128 visible ASCII characters\.\n$/],
    [['--client', 'x', '--name', 'a\u001b[2J'], /^--name must be a text of 1 to 128 characters\.\n$/],
    [['--client', 'x', '--realm', 'other'], /^There is no realm 'other': the realms are depot\.\n$/],
    [[], /^--client is missing: name the client with it\.\n$/],
  ] as const) {
    const { code, out, err } = await command(place, ['client', 'create', ...args])
    assert.deepEqual([code, out], [2, ''], err)
    assert.match(err, sentence)
    assert.match(err, /^[^\n]+\.\n$/)
  }
  const both = await command(place, ['client', 'create', '--client', 'x', '--scopes', 'all', '--audiences', 'gods'])
  assert.equal(both.err.split('\n').length, 3)
  const listed = JSON.parse(await succeeding(place, ['client', 'list', '--json'])) as unknown[]
  assert.equal(listed.length, 4)
})

test('a folder without a database is refused, and none is made', async () => {
  const place = await depot()
  for (const args of [['client', 'list'], ['secret', 'list', '--client', 'x'], ['audit']]) {
    const { code, err } = await spawned(place, args)
    assert.equal(code, 2)
    assert.match(err, /^There is no database \S+countersign\.db: .* --data DIR\.\n$/)
  }
})

test('where there are several realms, one must be named; at most ten names are told', async () => {
  const place = await atRest()
  const store = await storeOf(place)
  const [realm] = await store.realms.list()
  const client = await store.clients.find('depot', SHOP.clientId)
  assert.ok(realm && client)
  const act = { at: 0, by: 'server' }
  await store.realms.put({ ...realm, id: 'second' }, act)
  for (let number = 10; number < 25; number++) await store.clients.put({ ...client, clientId: `c${number}`, secrets: [] }, act)
  await store.close()
  assert.equal((await command(place, CREATE)).err, '--realm is missing: the realms are depot, second.\n')
  assert.equal(
    (await command(place, ['client', 'show', '--realm', 'depot', '--client', 'x'])).err,
    "There is no client 'x': the clients of realm depot are c10, c11, c12, c13, c14, c15, c16, c17, c18, c19 and others.\n",
  )
})

test("a client's id is --client, and --id still means it", async () => {
  const place = await atRest()
  for (const option of ['--client', '--id']) assert.match(await succeeding(place, ['client', 'show', option, 'shop']), /^realm: +depot$/m)
  await succeeding(place, ['client', 'show', '--client', 'shop', '--id', 'shop'])
  const both = await command(place, ['client', 'show', '--client', 'shop', '--id', 'other'])
  assert.deepEqual([both.code, both.err], [2, '--client and --id name two clients: leave --id out.\n'])
})
