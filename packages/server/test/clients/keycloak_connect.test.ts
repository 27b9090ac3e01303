// keycloak-connect, Keycloak's own adapter, guarding an Express route with the tokens of the demo realm willba.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, before, mock, test } from 'node:test'
import KeycloakConnect from 'keycloak-connect'
import type { DemoRealm } from '../harness/demo.ts'
import { accessToken, TOKEN_REQUESTS } from '../harness/demo.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { GuardedExpress } from './express_server.ts'
import { startExpress } from './express_server.ts'

let demo: TestServer
let api: GuardedExpress
let keycloak: KeycloakConnect.Keycloak
before(async () => {
  demo = await startDemo()
  keycloak = new KeycloakConnect(
    {},
    {
      realm: 'willba',
      'auth-server-url': demo.origin,
      resource: 'orders-api',
      'bearer-only': true,
      'ssl-required': 'external',
      'confidential-port': 0,
    },
  )
  api = await startExpress(keycloak.middleware(), keycloak.protect())
})
after(async () => {
  await Promise.all([api.close(), demo.close()])
  assert.deepEqual(demo.reports, [])
})

/** The token with some claims changed and its signature left, or made anew by another key. */
function forge(token: string, changes: object, signer?: (input: string) => Buffer): string {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const input = `${header}.${Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url')}`
  return `${input}.${signer ? signer(input).toString('base64url') : signature}`
}

test('keycloak-connect opens the route to a willba token, and to no caller without one', async () => {
  const opened = await api.call(await accessToken(demo.origin, 'willba'))
  assert.deepEqual([opened.status, opened.body], [200, 'opened'])
  assert.equal((await api.call()).status, 403)
})

test('keycloak-connect refuses the tokens of the other realms of the same family', async () => {
  for (const realm of ['partner', 'wogeez'] as const) {
    const refused = await api.call(await accessToken(demo.origin, realm))
    assert.deepEqual([realm, refused.status, refused.body], [realm, 403, 'Access denied'])
  }
})

test("keycloak-connect refuses a willba token with changed claims, under its old signature and under a stranger's", async () => {
  const token = await accessToken(demo.origin, 'willba')
  assert.equal((await api.call(token)).status, 200)
  assert.equal((await api.call(forge(token, { azp: 'admin' }))).status, 403)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const stranger = (input: string): Buffer => sign('RSA-SHA256', Buffer.from(input), privateKey)
  assert.equal((await api.call(forge(token, {}, stranger))).status, 403)
})

test('keycloak-connect refuses a willba token after its 300 seconds, and opens to a new one', async () => {
  const token = await accessToken(demo.origin, 'willba')
  const start = Date.now()
  mock.timers.enable({ apis: ['Date'], now: start })
  try {
    mock.timers.setTime(start + 298_000)
    assert.equal((await api.call(token)).status, 200)
    mock.timers.setTime(start + 302_000)
    assert.equal((await api.call(token)).status, 403)
    assert.equal((await api.call(await accessToken(demo.origin, 'willba'))).status, 200)
  } finally {
    mock.timers.reset()
  }
})

/** The library as a client of its own; its types leave the secret out, its configuration does not. */
const asClient = (realm: DemoRealm, credentials?: { readonly secret: string }): KeycloakConnect.GrantManager => {
  const config = {
    realm,
    'auth-server-url': demo.origin,
    resource: TOKEN_REQUESTS[realm]['client_id'] ?? '',
    'bearer-only': true,
    'ssl-required': 'external',
    'confidential-port': 0,
    'public-client': credentials === undefined,
    ...(credentials ? { credentials } : {}),
  }
  return new KeycloakConnect({}, config).grantManager
}

test("keycloak-connect gets a token for itself with its client's secret, and verifies it", async () => {
  const manager = asClient('willba', { secret: 'YOUR_CLIENT_SECRET' })
  const { access_token: token } = await manager.obtainFromClientCredentials(undefined, 'email')
  assert.ok(token)
  assert.equal(await manager.validateToken(token, 'Bearer'), token)
  await assert.rejects(asClient('willba', { secret: 'wrong' }).obtainFromClientCredentials(undefined, 'email'), /^Error: 401/)
})

test("keycloak-connect reads the person's address at the userinfo endpoint of its realm", async () => {
  const person = await asClient('wogeez').userInfo<string, Record<string, unknown>>(await accessToken(demo.origin, 'wogeez'))
  assert.equal(person['email'], 'your-username@example.com')
})
