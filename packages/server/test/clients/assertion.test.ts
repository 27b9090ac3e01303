// Client libraries that sign assertions, against realms of the standard and of Keycloak's dialect: openid-client, oauth4webapi.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as oidc from 'openid-client'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Pair } from '../issue/assertions.ts'
import { pairOf } from '../issue/assertions.ts'

const AUDIENCE = 'https://api.market.example'
/** RFC 7518 section 3.2: long enough for every HMAC. */
const SECRET = 'M4rket-shared_secret.0123456789-M4rket-shared_secret.0123456789-x'
// Both libraries write Ed25519 (RFC 9864) where our table has EdDSA, so that one is left to jose in test/issue.
const ALGORITHMS = ['ES256', 'RS256', 'PS256'] as const
const REALMS = ['standard', 'keycloak', 'auth0'] as const

let pairs: ReadonlyMap<string, Pair>
let server: TestServer
before(async () => {
  pairs = new Map(await Promise.all(ALGORITHMS.map(async (alg) => [alg, await pairOf(alg, `key-${alg}`)] as const)))
  const clients = [
    { clientId: 'by-key', jwks: { keys: [...pairs.values()].map((pair) => pair.publicJwk) } },
    { clientId: 'by-secret', secret: { env: 'SECRET' }, authMethods: ['client_secret_jwt'] as const },
  ]
  server = await startConfigured(
    {
      masterKey: { env: 'MASTER' },
      realms: REALMS.map((id) => ({ id, dialects: [id], audiences: [AUDIENCE], clients })),
    },
    { MASTER: '6d'.repeat(32), SECRET },
  )
})
after(async () => {
  await server.close()
  assert.deepEqual([server.reports, server.notices], [[], []])
})

// oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
const INSECURE = { [oauth.allowInsecureRequests]: true }
// oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
const INSECURE_OIDC = oidc.allowInsecureRequests

const issuerOf = (realm: string) => `${server.origin}/realms/${realm}${realm === 'auth0' ? '/' : ''}`

/** The library's own names of a method, made when the keys are. */
const METHODS: Readonly<Record<string, { readonly clientId: string; readonly key: () => CryptoKey | undefined }>> = {
  ...Object.fromEntries(
    ALGORITHMS.map((alg) => [`private_key_jwt with ${alg}`, { clientId: 'by-key', key: () => pairs.get(alg)?.privateKey }]),
  ),
  client_secret_jwt: { clientId: 'by-secret', key: () => undefined },
}

for (const realm of REALMS) {
  for (const [name, { clientId, key }] of Object.entries(METHODS)) {
    test(`openid-client gets, introspects and revokes a token in the realm ${realm} by ${name}`, async () => {
      const privateKey = key()
      const auth = privateKey ? oidc.PrivateKeyJwt(privateKey) : oidc.ClientSecretJwt(SECRET)
      const config = await oidc.discovery(new URL(issuerOf(realm)), clientId, {}, auth, { execute: [INSECURE_OIDC] })
      const { access_token: token } = await oidc.clientCredentialsGrant(config)
      assert.deepEqual((await oidc.tokenIntrospection(config, token)).client_id, clientId)
      await oidc.tokenRevocation(config, token)
      assert.deepEqual(await oidc.tokenIntrospection(config, token), { active: false })
    })

    test(`oauth4webapi gets a token in the realm ${realm} by ${name}`, async () => {
      const privateKey = key()
      const auth = privateKey ? oauth.PrivateKeyJwt(privateKey) : oauth.ClientSecretJwt(SECRET)
      const issuer = new URL(issuerOf(realm))
      const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, INSECURE))
      const client: oauth.Client = { client_id: clientId }
      const response = await oauth.clientCredentialsGrantRequest(as, client, auth, {}, INSECURE)
      assert.equal((await oauth.processClientCredentialsResponse(as, client, response)).token_type, 'bearer')
    })
  }
}

test("openid-client reports another's key as invalid_client", async () => {
  const { privateKey } = await pairOf('ES256', 'key-ES256')
  const config = await oidc.discovery(new URL(issuerOf('standard')), 'by-key', {}, oidc.PrivateKeyJwt(privateKey), {
    execute: [INSECURE_OIDC],
  })
  await assert.rejects(oidc.clientCredentialsGrant(config), (thrown: unknown) => {
    assert.ok(thrown instanceof oidc.ResponseBodyError, String(thrown))
    assert.deepEqual([thrown.error, thrown.status], ['invalid_client', 401])
    return true
  })
})
