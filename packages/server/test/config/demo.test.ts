// The demo is what DESIGN's table says, passes the schema it is spared at start, and holds the pages' credentials.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import { DEMO_PASSWORD_HASHES, DEMO_SECRETS, demoConfig } from '../../src/config/demo.ts'
import { checkInput } from '../../src/config/schema.ts'
import { verifyPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'

const UPSTREAM = 'http://127.0.0.1:9000'
const load = async (issuers: 'local' | 'pages') => (await loadConfiguration({ demo: { upstream: UPSTREAM, issuers } })).configuration

test('the demo passes the schema unchanged', () => {
  for (const issuers of ['local', 'pages'] as const) {
    const config = demoConfig({ upstream: UPSTREAM, issuers })
    assert.deepEqual(checkInput(config), config)
  }
})

test('the demo warns of nothing', async () => {
  assert.deepEqual((await loadConfiguration({ demo: { upstream: UPSTREAM } })).warnings, [])
})

test('the five realms have the clients, secrets, grants and lifetimes of their pages', async () => {
  const { realms } = await load('local')
  const rows = realms.map(({ realm, clients: [client] }) => [
    realm.id,
    realm.dialects.map((one) => one.name).join(),
    client?.clientId,
    client?.secrets[0]?.hash,
    client?.grants.join(' '),
    client?.defaultScopes.join(' '),
    client?.defaultAudience,
    client?.tokenFormat,
    realm.accessTokenLifetime,
  ])
  const { willba, partner, wave, webcommander } = DEMO_SECRETS
  assert.deepEqual(rows, [
    [
      'willba',
      'keycloak',
      'YOUR_CLIENT_ID',
      secretHash(willba),
      'client_credentials',
      'email profile',
      'https://api.willba.app',
      'jwt',
      300,
    ],
    [
      'partner',
      'wych',
      'client_123456789',
      secretHash(partner),
      'client_credentials urn:ietf:params:oauth:grant-type:token-exchange',
      'EXECUTE:TOKEN_EXCHANGE READ:APP_USERS',
      'https://api.wych.app',
      'jwt',
      900,
    ],
    ['wogeez', 'keycloak', 'wogeez-api', undefined, 'password refresh_token', 'email profile', 'https://api.wogeez.com', 'jwt', 3600],
    ['wave', 'auth0', 'the-client-id', secretHash(wave), 'client_credentials', '', null, 'jwt', 3600],
    [
      'webcommander',
      'webcommander',
      'f6681a45ad483e3c0a37016561d5b8be',
      secretHash(webcommander),
      'password refresh_token',
      '',
      'https://api.webcommander.com',
      'opaque',
      3600,
    ],
  ])
})

test("the hashed passwords are those of the pages, and of Wych's user", async () => {
  const { realms } = await load('local')
  const users = realms.flatMap((setup) => setup.users)
  assert.deepEqual(
    users.map((one) => one.username),
    ['wych-user', 'your-username', 'newwc7@mywebcommander.com'],
  )
  assert.equal(await verifyPassword(users[0]?.passwordHash, DEMO_SECRETS.partnerPassword), true)
  assert.equal(await verifyPassword(users[1]?.passwordHash, DEMO_SECRETS.wogeezPassword), true)
  assert.equal(await verifyPassword(users[2]?.passwordHash, DEMO_SECRETS.webcommanderPassword), true)
})

test('every password hash of the demo is refused elsewhere', async () => {
  const { realms } = await load('local')
  assert.deepEqual(realms.flatMap((setup) => setup.users.map((one) => one.passwordHash)).sort(), [...DEMO_PASSWORD_HASHES].sort())
})

test("Wych's partner may exchange tokens of the app's users for reading them, and its token endpoint and API are throttled", async () => {
  const setup = (await load('local')).realms.find(({ realm }) => realm.id === 'partner')
  const [partner, app] = setup?.clients ?? []
  assert.deepEqual(partner?.exchanges, [
    { subjectClients: ['wych-app'], actorScope: 'EXECUTE:TOKEN_EXCHANGE', audiences: ['https://api.wych.app'], scopes: ['READ:APP_USERS'] },
  ])
  assert.deepEqual([app?.clientId, app?.authMethods, app?.grants, app?.secrets], ['wych-app', ['none'], ['password'], []])
  const { tokens, rate, requests } = setup?.realm.plan ?? {}
  assert.deepEqual([tokens, rate], [null, { limit: 600, seconds: 60, burst: 6000 }])
  assert.deepEqual(requests?.rates, [{ limit: 100, seconds: 1, burst: 1000 }])
  assert.deepEqual(
    requests?.volumes.map(({ limit, window, mode }) => [limit, window, mode]),
    [[1_000_000, { unit: 'day', timeZone: 'UTC' }, 'enforce']],
  )
})

test('issuers are local, or those that the pages name', async () => {
  const issuers = async (which: 'local' | 'pages') => (await load(which)).realms.map((setup) => setup.realm.issuer)
  assert.deepEqual(
    await issuers('local'),
    ['willba', 'partner', 'wogeez', 'wave/', 'webcommander'].map((id) => `http://127.0.0.1:8080/realms/${id}`),
  )
  assert.deepEqual(await issuers('pages'), [
    'https://auth.willba.app/realms/willba',
    'https://login.wych.app/realms/partner',
    'https://auth.wogeez.com/realms/wogeez',
    'https://auth.wave.bemobi.com/',
    'https://api.webcommander.com',
  ])
})

test('each realm guards its API at its prefix and host, and Wych alone wants the key', async () => {
  const { apis } = await load('local')
  assert.deepEqual(
    apis.map((api) => [api.prefix, api.hosts.join(), api.apiKey, api.upstream]),
    [
      ['/apis/willba', 'api.willba.app', 'off', UPSTREAM],
      ['/apis/partner', 'api.wych.app', 'required', UPSTREAM],
      ['/apis/wogeez', 'api.wogeez.com', 'off', UPSTREAM],
      ['/apis/wave', 'api.wave.bemobi.com', 'off', UPSTREAM],
      ['/apis/webcommander', 'api.webcommander.com', 'off', UPSTREAM],
    ],
  )
})

test('the demo refuses any address but loopback', async () => {
  const refused = (flags: object, env: Record<string, string> = {}) => loadConfiguration({ demo: { upstream: UPSTREAM }, flags, env })
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.0.0.1.example.com']) {
    await assert.rejects(refused({ host }), /^ConfigError: --host is .* the demo's credentials are public/)
  }
  await assert.rejects(refused({}, { COUNTERSIGN_HOST: '0.0.0.0' }), /^ConfigError: COUNTERSIGN_HOST is 0\.0\.0\.0/)
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) await refused({ host })
})

test('the demo keeps its state in a folder when one is named, and does not ask for a master key it cannot be given', async () => {
  const { configuration, warnings } = await loadConfiguration({ demo: { upstream: UPSTREAM }, flags: { data: '/x' } })
  assert.deepEqual([configuration.database, warnings], [{ kind: 'sqlite', folder: '/x' }, []])
})
