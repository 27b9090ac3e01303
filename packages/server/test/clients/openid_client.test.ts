// openid-client against a standard realm and the demo's realms: discovery, grants, refresh, introspection, revocation, userinfo.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import type { DemoRealm } from '../harness/demo.ts'
import { TOKEN_REQUESTS } from '../harness/demo.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { Market } from './market.ts'
import { ADA, AUDIENCE, DIFFICULT, SHOP, startMarket, TILL, WAREHOUSE } from './market.ts'

let market: Market
let demo: TestServer
before(async () => {
  ;[market, demo] = await Promise.all([startMarket(), startDemo()])
})
after(async () => {
  await Promise.all([market.close(), demo.close()])
  assert.deepEqual([...market.reports, ...demo.reports], [])
})

// oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the servers are on loopback
const INSECURE = oidc.allowInsecureRequests

const discover = (issuer: string, clientId: string, auth: oidc.ClientAuth): Promise<oidc.Configuration> =>
  oidc.discovery(new URL(issuer), clientId, {}, auth, { execute: [INSECURE] })

/** Whom the token stands for: the library holds userinfo's answer to it. */
const subjectOf = ({ access_token: token }: oidc.TokenEndpointResponse): string =>
  decodeJwt(token).sub ?? assert.fail('a token without sub')

/** A demo realm with its page's own client, found by its issuer alone. */
const discoverDemo = (realm: DemoRealm, slash = ''): Promise<oidc.Configuration> => {
  const { client_id: clientId = '', client_secret: secret } = TOKEN_REQUESTS[realm]
  const auth = secret === undefined ? oidc.None() : oidc.ClientSecretPost(secret)
  return discover(`${demo.origin}/realms/${realm}${slash}`, clientId, auth)
}

/** A refusal as the library reports it. */
const refusedWith =
  (error: string, status = 400) =>
  (thrown: unknown) => {
    assert.ok(thrown instanceof oidc.ResponseBodyError, String(thrown))
    assert.deepEqual([thrown.error, thrown.status], [error, status])
    return true
  }

/** RFC 6749 section 5.2: who tried Basic is answered with a challenge, which the library reports instead of the body. */
const challengedBasic = (thrown: unknown) => {
  assert.ok(thrown instanceof oidc.WWWAuthenticateChallengeError, String(thrown))
  assert.deepEqual([thrown.status, thrown.cause[0]?.scheme], [401, 'basic'])
  return true
}

const METHODS = [
  { name: 'client_secret_basic', auth: oidc.ClientSecretBasic },
  { name: 'client_secret_post', auth: oidc.ClientSecretPost },
] as const

for (const { name, auth } of METHODS) {
  for (const client of [SHOP, DIFFICULT]) {
    test(`openid-client gets a token by ${name} for the client ${client.clientId}`, async () => {
      const config = await discover(market.issuer, client.clientId, auth(client.secret))
      const tokens = await oidc.clientCredentialsGrant(config, { scope: 'orders:read orders:write' })
      assert.equal(tokens.token_type, 'bearer')
      assert.equal(tokens.expires_in, 600)
      assert.equal(tokens.scope, 'orders:read orders:write')
      assert.equal(tokens.refresh_token, undefined)
      const told = await oidc.tokenIntrospection(config, tokens.access_token)
      assert.equal(told.active, true)
      assert.deepEqual(
        [told.client_id, told.aud, told.iss, told.scope],
        [client.clientId, AUDIENCE, market.issuer, 'orders:read orders:write'],
      )
    })
  }
}

test('openid-client reports a wrong secret as invalid_client, with a challenge for Basic only', async () => {
  const posted = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretPost('wrong'))
  await assert.rejects(oidc.clientCredentialsGrant(posted), refusedWith('invalid_client', 401))
  const basic = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretBasic('wrong'))
  await assert.rejects(oidc.clientCredentialsGrant(basic), challengedBasic)
})

test('openid-client gets a token for the resource it asks for, and invalid_target for one the realm does not know', async () => {
  const config = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretBasic(SHOP.secret))
  const tokens = await oidc.clientCredentialsGrant(config, { resource: AUDIENCE })
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).aud, AUDIENCE)
  await assert.rejects(oidc.clientCredentialsGrant(config, { resource: 'https://elsewhere.example' }), refusedWith('invalid_target'))
})

test('openid-client takes a public client through password, refresh, userinfo and a replay that ends the family', async () => {
  const config = await discover(market.issuer, TILL.clientId, oidc.None())
  const first = await oidc.genericGrantRequest(config, 'password', { ...ADA, scope: 'profile email' })
  assert.ok(first.refresh_token)
  const person = await oidc.fetchUserInfo(config, first.access_token, subjectOf(first))
  assert.deepEqual([person.name, person.email, person.preferred_username], ['Ada', 'ada@market.example', ADA.username])

  const second = await oidc.refreshTokenGrant(config, first.refresh_token)
  assert.ok(second.refresh_token)
  assert.notEqual(second.refresh_token, first.refresh_token)
  assert.equal((await oidc.fetchUserInfo(config, second.access_token, person.sub)).sub, person.sub)

  await assert.rejects(oidc.refreshTokenGrant(config, first.refresh_token), refusedWith('invalid_grant'))
  await assert.rejects(oidc.refreshTokenGrant(config, second.refresh_token), refusedWith('invalid_grant'))
})

test('openid-client cannot introspect as a public client', async () => {
  const config = await discover(market.issuer, TILL.clientId, oidc.None())
  const { access_token: token } = await oidc.genericGrantRequest(config, 'password', ADA)
  await assert.rejects(oidc.tokenIntrospection(config, token), (thrown: unknown) => {
    assert.ok(thrown instanceof oidc.ResponseBodyError || thrown instanceof oidc.WWWAuthenticateChallengeError, String(thrown))
    return true
  })
})

test("openid-client introspects another client's tokens as a resource server, and as anybody else learns nothing", async () => {
  const shop = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretBasic(SHOP.secret))
  const warehouse = await discover(market.issuer, WAREHOUSE.clientId, oidc.ClientSecretBasic(WAREHOUSE.secret))
  const other = await discover(market.issuer, DIFFICULT.clientId, oidc.ClientSecretBasic(DIFFICULT.secret))
  const { access_token: token } = await oidc.clientCredentialsGrant(shop)
  const told = await oidc.tokenIntrospection(warehouse, token)
  assert.deepEqual([told.active, told.client_id], [true, SHOP.clientId])
  assert.deepEqual(await oidc.tokenIntrospection(other, token), { active: false })
})

test('openid-client revokes an access token, and introspection and userinfo know it at once', async () => {
  const config = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretPost(SHOP.secret))
  const tokens = await oidc.genericGrantRequest(config, 'password', { ...ADA, scope: 'profile' })
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, true)
  assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, subjectOf(tokens))).name, 'Ada')
  await oidc.tokenRevocation(config, tokens.access_token, { token_type_hint: 'access_token' })
  assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false })
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, subjectOf(tokens)), (thrown: unknown) => {
    assert.ok(thrown instanceof oidc.WWWAuthenticateChallengeError, String(thrown))
    assert.equal(thrown.cause[0]?.parameters.error, 'invalid_token')
    return true
  })
})

test('openid-client revokes a refresh token, and the access token of the same grant dies with it', async () => {
  const config = await discover(market.issuer, SHOP.clientId, oidc.ClientSecretBasic(SHOP.secret))
  const tokens = await oidc.genericGrantRequest(config, 'password', ADA)
  assert.ok(tokens.refresh_token)
  assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, true)
  await oidc.tokenRevocation(config, tokens.refresh_token)
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), refusedWith('invalid_grant'))
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false)
  // Unknown tokens are no error (RFC 7009 section 2.2).
  await oidc.tokenRevocation(config, 'no-such-token')
})

for (const realm of ['willba', 'partner'] as const) {
  test(`openid-client discovers the demo realm ${realm}, gets, introspects and revokes a token`, async () => {
    const config = await discoverDemo(realm)
    assert.equal(config.serverMetadata().token_endpoint, `${demo.origin}/realms/${realm}/protocol/openid-connect/token`)
    const tokens = await oidc.clientCredentialsGrant(config)
    assert.equal(tokens.expires_in, realm === 'willba' ? 300 : 900)
    assert.equal(tokens['not-before-policy'], 0)
    const told = await oidc.tokenIntrospection(config, tokens.access_token)
    assert.deepEqual([told.active, told.iss], [true, `${demo.origin}/realms/${realm}`])
    await oidc.tokenRevocation(config, tokens.access_token)
    assert.deepEqual(await oidc.tokenIntrospection(config, tokens.access_token), { active: false })
  })
}

test('openid-client discovers the demo realm wave by an issuer with its slash, and gets a token for its audience only', async () => {
  const config = await discoverDemo('wave', '/')
  assert.equal(config.serverMetadata().issuer, `${demo.origin}/realms/wave/`)
  const audience = 'https://api.wave.bemobi.com'
  const tokens = await oidc.clientCredentialsGrant(config, { audience })
  assert.equal(tokens.expires_in, 3600)
  const told = await oidc.tokenIntrospection(config, tokens.access_token)
  assert.deepEqual([told.active, told.aud, told.sub], [true, audience, 'the-client-id@clients'])
  await assert.rejects(oidc.clientCredentialsGrant(config, { audience: 'https://api.willba.app' }), refusedWith('invalid_target'))
})

test('openid-client takes the public client of the demo realm wogeez through password, refresh, userinfo and revocation', async () => {
  const config = await discoverDemo('wogeez')
  const first = await oidc.genericGrantRequest(config, 'password', { username: 'your-username', password: 'your-password' })
  assert.equal(first.expires_in, 3600)
  const person = await oidc.fetchUserInfo(config, first.access_token, subjectOf(first))
  assert.equal(person.email, 'your-username@example.com')
  assert.ok(first.refresh_token)
  const second = await oidc.refreshTokenGrant(config, first.refresh_token)
  assert.ok(second.refresh_token)
  await oidc.tokenRevocation(config, second.refresh_token)
  await assert.rejects(oidc.refreshTokenGrant(config, second.refresh_token), refusedWith('invalid_grant'))
  await assert.rejects(
    oidc.genericGrantRequest(config, 'password', { username: 'your-username', password: 'wrong' }),
    refusedWith('invalid_grant'),
  )
})
