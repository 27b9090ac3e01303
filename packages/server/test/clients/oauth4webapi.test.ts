// oauth4webapi against a standard realm: both kinds of discovery, client_credentials, introspection, and its check of RFC 9068 tokens.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import type { Market } from './market.ts'
import { AUDIENCE, DIFFICULT, SHOP, startMarket } from './market.ts'

let market: Market
before(async () => {
  market = await startMarket()
})
after(async () => {
  await market.close()
  assert.deepEqual(market.reports, [])
})

// oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
const INSECURE = { [oauth.allowInsecureRequests]: true }

async function discover(algorithm: 'oidc' | 'oauth2' = 'oauth2'): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(market.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...INSECURE }))
}

async function clientCredentials(as: oauth.AuthorizationServer, { clientId, secret }: { clientId: string; secret: string }) {
  const client: oauth.Client = { client_id: clientId }
  const auth = oauth.ClientSecretBasic(secret)
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'orders:read' }, INSECURE)
  return oauth.processClientCredentialsResponse(as, client, response)
}

/** The library's own check of a request to an API: header, signature by the realm's JWK Set, `at+jwt`, issuer, audience, time. */
function validate(as: oauth.AuthorizationServer, token: string, audience: string): Promise<oauth.JWTAccessTokenClaims> {
  const request = new Request('https://api.market.example/orders', { headers: { authorization: `Bearer ${token}` } })
  return oauth.validateJwtAccessToken(as, request, audience, INSECURE)
}

test('oauth4webapi discovers the realm by OpenID Connect and by RFC 8414, and both documents say the same', async () => {
  const [byOpenId, byOAuth] = await Promise.all([discover('oidc'), discover('oauth2')])
  assert.equal(byOAuth.issuer, market.issuer)
  assert.deepEqual(byOpenId, byOAuth)
  assert.ok(byOAuth.token_endpoint && byOAuth.jwks_uri && byOAuth.introspection_endpoint && byOAuth.revocation_endpoint)
})

for (const client of [SHOP, DIFFICULT]) {
  test(`oauth4webapi gets a token for the client ${client.clientId} and validates it as an RFC 9068 access token`, async () => {
    const as = await discover()
    const { access_token: token, token_type: type, expires_in: lifetime, scope } = await clientCredentials(as, client)
    assert.deepEqual([type, lifetime, scope], ['bearer', 600, 'orders:read'])
    const claims = await validate(as, token, AUDIENCE)
    assert.deepEqual([claims.iss, claims.aud, claims.client_id, claims.scope], [market.issuer, AUDIENCE, client.clientId, 'orders:read'])
    assert.equal(claims.exp - claims.iat, 600)
  })
}

test('oauth4webapi refuses the token for another audience, and a token whose claims were changed', async () => {
  const as = await discover()
  const { access_token: token } = await clientCredentials(as, SHOP)
  await assert.rejects(validate(as, token, 'https://elsewhere.example'), /unexpected JWT "aud"/)
  const [header, payload = '', signature] = token.split('.')
  const claims: object = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const widened = Buffer.from(JSON.stringify({ ...claims, scope: 'orders:write' })).toString('base64url')
  await assert.rejects(validate(as, `${header}.${widened}.${signature}`, AUDIENCE), /signature/)
})

test('oauth4webapi reads introspection before and after it revoked the token', async () => {
  const as = await discover()
  const client: oauth.Client = { client_id: SHOP.clientId }
  const auth = oauth.ClientSecretPost(SHOP.secret)
  const { access_token: token } = await clientCredentials(as, SHOP)
  const introspect = async (): Promise<oauth.IntrospectionResponse> =>
    oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token, INSECURE))
  const before = await introspect()
  assert.deepEqual([before.active, before.client_id, before.aud], [true, SHOP.clientId, AUDIENCE])
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, INSECURE))
  assert.deepEqual({ ...(await introspect()) }, { active: false })
})
