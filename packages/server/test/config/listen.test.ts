// Where a setting comes from: flags win over the environment, the environment over the file, the file over defaults.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import type { Flags } from '../../src/config/listen.ts'
import { secretHash } from '../../src/model/secret_hash.ts'

const realms = [{ id: 'shop', clients: [{ clientId: 'desk', secret: { hash: secretHash('a secret of this test, and long enough') } }] }]
const load = (file: object, env: Record<string, string> = {}, flags: Flags = {}) =>
  loadConfiguration({ input: { realms, ...file }, env, flags })
const listenOf = async (...from: Parameters<typeof load>) => (await load(...from)).configuration.listen

test('without a word the listeners are on loopback at 8080 and 8081', async () => {
  assert.deepEqual(await listenOf({}), {
    host: '127.0.0.1',
    port: 8080,
    managementPort: 8081,
    publicUrl: 'http://127.0.0.1:8080',
    trustedProxies: [],
    workers: 1,
  })
})

test('flags win over the environment, the environment over the file', async () => {
  const file = { listen: { host: '127.0.0.2', port: 2000, managementPort: 2001 } }
  const env = { COUNTERSIGN_HOST: '127.0.0.3', COUNTERSIGN_PORT: '3000', COUNTERSIGN_MANAGEMENT_PORT: '3001' }
  const flags = { host: '127.0.0.4', port: '4000', managementPort: '4001' }
  const seen = async (...from: Parameters<typeof load>) => {
    const { host, port, managementPort } = await listenOf(...from)
    return [host, port, managementPort]
  }
  assert.deepEqual(await seen(file), ['127.0.0.2', 2000, 2001])
  assert.deepEqual(await seen(file, env), ['127.0.0.3', 3000, 3001])
  assert.deepEqual(await seen(file, env, flags), ['127.0.0.4', 4000, 4001])
})

test('PORT is honoured, after COUNTERSIGN_PORT and before the file', async () => {
  const file = { listen: { port: 2000 } }
  assert.equal((await listenOf(file, { PORT: '3000' })).port, 3000)
  assert.equal((await listenOf(file, { PORT: '3000', COUNTERSIGN_PORT: '3500' })).port, 3500)
  assert.equal((await listenOf(file, { PORT: '3000' }, { port: 4000 })).port, 4000)
})

test('an empty variable is no setting', async () => {
  assert.equal((await listenOf({ listen: { port: 2000 } }, { PORT: '', COUNTERSIGN_PORT: '' })).port, 2000)
})

test('the data folder is the flag, the variable or the file, in this order', async () => {
  const folder = async (...from: Parameters<typeof load>) => {
    const { database } = (await load(...from)).configuration
    return database.kind === 'sqlite' ? database.folder : null
  }
  assert.equal(await folder({}), null)
  assert.equal(await folder({ data: 'a' }), resolve('a'))
  assert.equal(await folder({ data: 'a' }, { COUNTERSIGN_DATA: 'b' }), resolve('b'))
  assert.equal(await folder({ data: 'a' }, { COUNTERSIGN_DATA: 'b' }, { data: '/c' }), resolve('/c'))
})

test('ports found at listening move the public URL and the issuers built on it', async () => {
  const { configuration, atPorts } = await load(
    { realms: [...realms, { ...realms[0], id: 'other', issuer: 'https://a.example' }] },
    {},
    { port: 0 },
  )
  assert.equal(configuration.listen.port, 0)
  const settled = atPorts(5000, 5001)
  assert.deepEqual(settled.listen, {
    host: '127.0.0.1',
    port: 5000,
    managementPort: 5001,
    publicUrl: 'http://127.0.0.1:5000',
    trustedProxies: [],
    workers: 1,
  })
  assert.deepEqual(
    settled.realms.map(({ realm }) => realm.issuer),
    ['http://127.0.0.1:5000/realms/shop', 'https://a.example'],
  )
})

test('a public URL that was given stays, whatever the port', async () => {
  for (const [file, env] of [
    [{ publicUrl: 'https://a.example/' }, {}],
    [{}, { COUNTERSIGN_PUBLIC_URL: 'https://a.example' }],
  ] as const) {
    const { atPorts } = await load({ ...file, listen: { host: '0.0.0.0' } }, env)
    const { listen, realms: setups } = atPorts(5000, 5001)
    assert.equal(listen.publicUrl, 'https://a.example')
    assert.equal(setups[0]?.realm.issuer, 'https://a.example/realms/shop')
  }
})

test('an IPv6 listener has its brackets in the public URL', async () => {
  assert.equal((await listenOf({ listen: { host: '::1', port: 2000 } })).publicUrl, 'http://[::1]:2000')
})

test('the default issuer has the slash that its dialect wants', async () => {
  const { configuration } = await load({ realms: [{ ...realms[0], dialects: ['auth0'] }] })
  assert.equal(configuration.realms[0]?.realm.issuer, 'http://127.0.0.1:8080/realms/shop/')
})

test('proxies are trusted by address and block, each once, and all the world only with a warning', async () => {
  const { configuration, warnings } = await load({ listen: { trustedProxies: ['10.0.0.0/8', '::1', '10.0.0.0/8'] } })
  assert.deepEqual([configuration.listen.trustedProxies, warnings], [['10.0.0.0/8', '::1'], []])
  const open = await load({ listen: { trustedProxies: ['10.0.0.1', '::/0'] } })
  assert.match(open.warnings.join('\n'), /^listen\.trustedProxies\[1\] is every address there is: [^\n]+\.$/)
})
