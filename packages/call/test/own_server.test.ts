// Against our own server, as its integrators would be: realms described by themselves, the budget of Wave, keys in place of secrets.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import * as jose from 'jose'
import type { DemoRealm } from '../../server/test/harness/demo.ts'
import { DEMO_REALMS } from '../../server/test/harness/demo.ts'
import type { TestServer } from '../../server/test/harness/server.ts'
import { startConfigured, startDemo } from '../../server/test/harness/server.ts'
import { startEcho } from '../../server/test/harness/upstream.ts'
import { ISSUER, LONG, SHARED, startSigned } from '../../server/test/issue/assertions.ts'
import { startBrokers } from '../../server/test/issue/brokers.ts'
import { vaultConfig } from '../../server/test/issue/key_holder.ts'
import { secretOf } from '../../server/test/issue/orders.ts'
import type { ClientEvents } from '../src/client.ts'
import { createClient } from '../src/client.ts'
import { clientSecretJwt } from '../src/client_auth/client_secret_jwt.ts'
import { dpop } from '../src/client_auth/dpop.ts'
import { privateKeyJwt } from '../src/client_auth/private_key_jwt.ts'
import type { ClientOptions } from '../src/client_options.ts'
import { demo as demoOptions } from '../src/demo.ts'
import { tokenExchange } from '../src/grants/token_exchange.ts'
import { describeRealm } from '../src/realm_document.ts'
import { serve } from './fake_provider.ts'

let demo: TestServer
before(async () => {
  demo = await startDemo()
})
after(async () => {
  await demo.close()
  assert.deepEqual(demo.reports, [])
})

test('each realm tells by its URL alone how it is spoken to', async () => {
  for (const realm of DEMO_REALMS) {
    const description = await describeRealm(`${demo.origin}/realms/${realm}`, { fetch })
    const known = demoOptions(realm, { origin: demo.origin })
    assert.deepEqual([description.tokenUrl, description.revocationUrl], [known.tokenUrl, known.revocationUrl])
    const { dialect: _dialect, tokenUrl: _tokenUrl, revocationUrl: _revocationUrl, usageUrl: _usageUrl, ...who } = known
    const client = createClient({ ...who, ...description })
    assert.equal((await client.fetch(`${demo.origin}/apis/${realm}/anything`)).status, 200, realm)
  }
})

test('a URL that is no realm is an issuer or nothing, and a realm that speaks for another is refused', async (t) => {
  const documents = new Map<string, unknown>()
  const origin = await serve(t, (incoming, outgoing) => {
    const document = documents.get(incoming.url ?? '')
    outgoing.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(document ?? {}))
  })
  documents.set('/.well-known/openid-configuration', { issuer: origin, token_endpoint: `${origin}/token` })
  assert.deepEqual(await describeRealm(origin, { fetch }), { issuer: origin })
  await assert.rejects(describeRealm(`${origin}/realms/none`, { fetch }), { name: 'DiscoveryFailed', code: 'not_found' })
  for (const wrong of [
    { realm: 'b' },
    { realm: 'a', issuer: 5 },
    { realm: 'a', issuer: origin, dialects: [] },
    { realm: 'a', issuer: origin, dialects: [{ name: 5 }] },
  ]) {
    documents.set('/realms/a/guard', { issuer: origin, dialects: ['standard'], ...wrong })
    await assert.rejects(describeRealm(`${origin}/realms/a`, { fetch }), { name: 'DiscoveryFailed', code: 'unreadable_answer' })
  }
  await assert.rejects(describeRealm('http://login.example.com/realms/a', { fetch }), { name: 'ConfigurationError' })
})

test("Wave's budget: the page and the fields say the same, and asking costs nothing", async () => {
  const client = createClient(demoOptions('wave', { origin: demo.origin }))
  const told: ClientEvents['budget'][] = []
  client.on('budget', (event) => told.push(event))
  const before = await client.quota()
  assert.equal(before?.limit, 1000)
  await client.token()
  await client.token()
  const after = await client.quota()
  assert.deepEqual([after?.source, after?.used, after?.remaining], ['usage', before.used + 1, before.remaining - 1])
  assert.deepEqual([told.length, told[0]?.quota.remaining], [1, after?.remaining])
  // Each rounds by the second in which it was told.
  assert.ok(Math.abs((told[0]?.quota.resetAt ?? 0) - (after?.resetAt ?? 0)) <= 1)
})

test('realms without a budget have no quota', async () => {
  for (const realm of ['willba', 'partner', 'webcommander', 'wogeez'] as const satisfies DemoRealm[]) {
    assert.equal(await createClient(demoOptions(realm, { origin: demo.origin })).quota(), undefined, realm)
  }
})

test('private_key_jwt and client_secret_jwt open the token endpoint, the usage page and revocation', async () => {
  const server = await startSigned()
  try {
    const { es, rs, ed } = server.keys
    const at = `${server.origin}/realms/signed`
    const common: Omit<ClientOptions, 'clientId'> = {
      issuer: ISSUER,
      tokenUrl: `${at}/oauth2/token`,
      revocationUrl: `${at}/oauth2/revoke`,
      usageUrl: `${at}/usage`,
      now: () => 1_800_000_000,
    }
    for (const pair of [es, rs, ed]) {
      const key = { ...(await jose.exportJWK(pair.privateKey)), ...(pair.publicJwk.kid !== undefined && { kid: pair.publicJwk.kid }) }
      const client = createClient({ ...common, clientId: 'signer', clientAuth: privateKeyJwt({ key }) })
      await client.token()
      assert.equal(await client.quota(), undefined)
      await client.revoke()
    }
    const withSecret = (secret: string) => createClient({ ...common, clientId: 'hmac-0', clientAuth: clientSecretJwt({ secret }) })
    assert.equal((await withSecret(SHARED).token()).tokenType, 'Bearer')
    await assert.rejects(withSecret(LONG).token(), { code: 'invalid_client' })
  } finally {
    await server.close()
  }
})

test('a bound token opens a guarded API with its proof, and nothing without', async () => {
  const echo = await startEcho()
  const server = await startConfigured(await vaultConfig(echo.origin))
  try {
    const options = {
      tokenUrl: `${server.origin}/realms/vault/oauth2/token`,
      clientId: 'strict',
      clientSecret: secretOf('strict'),
      apiOrigins: [server.origin],
    }
    const client = createClient({ ...options, dpop: dpop() })
    assert.equal((await client.token()).tokenType, 'DPoP')
    const url = `${server.origin}/apis/orders/orders/1`
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.fetch(`${url}?n=1`)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 200, 200],
    )
    const { dpop: _proof, ...fields } = await client.headers(url)
    assert.equal((await fetch(url, { headers: fields })).status, 401)
    await assert.rejects(createClient(options).token(), { name: 'TokenRequestFailed' })
  } finally {
    await server.close()
    await echo.close()
  }
})

test("a service exchanges a user's token for one of its own", async () => {
  const server = await startBrokers()
  try {
    const client = createClient({
      tokenUrl: server.url('token'),
      clientId: 'broker',
      clientSecret: secretOf('broker'),
      grant: tokenExchange({ subjectToken: () => server.userToken(), subject: 'user-ada' }),
    })
    const { accessToken } = await client.token()
    assert.deepEqual((await server.introspect(accessToken))['act'], { sub: 'broker' })
    await setImmediate()
    assert.equal((await client.token()).accessToken, accessToken)
  } finally {
    await server.close()
  }
})
