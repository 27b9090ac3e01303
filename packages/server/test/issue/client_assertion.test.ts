// Client authentication by assertion: private_key_jwt and client_secret_jwt, all that is taken. What is refused: client_assertion_refused.test.ts.
// RFC 7521 section 4.2, RFC 7523 section 3, OpenID Connect Core section 9.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { basic, postForm } from '../harness/http.ts'
import type { Signed } from './assertions.ts'
import { CC, carried, claimsOf, ISSUER, LONG, NOW, pairOf, sign, startSigned } from './assertions.ts'

let server: Signed
before(async () => {
  server = await startSigned()
})
after(async () => {
  await server.close()
  assert.deepEqual([server.reports, server.notices], [[], []])
})

test('each algorithm that the client has a key for is taken, with and without kid', async () => {
  const { es, rs, ps, ed } = server.keys
  for (const [alg, pair] of Object.entries({ ES256: es, RS256: rs, PS256: ps, EdDSA: ed })) {
    for (const header of [{ alg, kid: pair.publicJwk.kid ?? '' }, { alg }])
      assert.equal((await server.ask(await sign(claimsOf('signer', NOW), header, pair.privateKey))).status, 200, JSON.stringify(header))
  }
})

test('the typ may be absent, JWT or client-authentication+jwt, in any case and with application/', async () => {
  for (const typ of ['JWT', 'jwt', 'client-authentication+jwt', 'application/client-authentication+jwt'])
    assert.equal((await server.ask(await server.make({ header: { typ } }))).status, 200, typ)
  assert.equal((await server.ask(await sign(claimsOf('signer', NOW), { alg: 'ES256', kid: 'es' }, server.keys.es.privateKey))).status, 200)
})

test('the aud may be the issuer or an endpoint of the realm, alone or in a list of such', async () => {
  const token = `${ISSUER}/oauth2/token`
  for (const aud of [ISSUER, [ISSUER], token, [token], [ISSUER, token], `${ISSUER}/oauth2/introspect`, `${ISSUER}/oauth2/revoke`])
    assert.equal((await server.ask(await server.make({ claims: { aud } }))).status, 200, String(aud))
})

test('clocks may differ by ten seconds, an assertion may be good for an hour, and iat is not needed', async () => {
  for (const claims of [
    { iat: NOW + 10 },
    { nbf: NOW + 10 },
    { iat: undefined },
    { exp: NOW + 3600 },
    { iat: NOW - 3600 },
    { exp: NOW + 0.5 },
  ])
    assert.equal((await server.ask(await server.make({ claims }))).status, 200, JSON.stringify(claims))
})

test('a client_id that is the sub may stand beside it, and JWT members that nobody knows mean nothing', async () => {
  assert.equal((await server.ask(await server.make(), { client_id: 'signer' })).status, 200)
  assert.equal((await server.ask(await server.make({ claims: { scope: 'admin', client_id: 'plain', act: { sub: 'x' } } }))).status, 200)
})

test('keys at a URL are fetched once, and again for one that is new there', async () => {
  const remote = (kid: string, key: CryptoKey) => server.make({ client: 'remote', header: { alg: 'RS256', kid }, key })
  const before = server.keyServer.asked()
  for (let round = 0; round < 3; round += 1) assert.equal((await server.ask(await remote('rs', server.keys.rs.privateKey))).status, 200)
  assert.equal(server.keyServer.asked(), before + 1)
  const next = await pairOf('RS256', 'next')
  server.keyServer.serve({ keys: [server.keys.rs.publicJwk, next.publicJwk] })
  assert.equal((await server.ask(await remote('next', next.privateKey))).status, 200)
  assert.equal(server.keyServer.asked(), before + 2)
})

test('HS256, HS384 and HS512 are taken by the secrets that are long enough for them', async () => {
  for (const alg of ['HS256', 'HS384']) assert.equal((await server.ask(await server.hmac('hmac', alg))).status, 200, alg)
  for (const alg of ['HS256', 'HS384', 'HS512'])
    assert.equal((await server.ask(await server.hmac('hmac-long', alg, LONG))).status, 200, alg)
  assert.equal((await server.ask(await server.hmac('hmac-long'))).status, 200, 'the other live secret')
})

test('a client with both methods may use either, and one with a secret may still use it otherwise', async () => {
  assert.equal((await server.ask(await server.make({ client: 'both' }))).status, 200)
  assert.equal((await server.ask(await server.hmac('both'))).status, 200)
  assert.equal((await postForm(server.url('token'), CC, basic('hmac-long', LONG))).status, 200)
})

test('introspection and revocation take assertions too', async () => {
  const token = String((await server.ask(await server.make())).json['access_token'])
  const told = await postForm(server.url('introspect'), { token, ...carried(await server.make()) })
  assert.deepEqual([told.status, told.json['active'], told.json['client_id']], [200, true, 'signer'])
  assert.equal((await postForm(server.url('revoke'), { token, ...carried(await server.make()) })).status, 200)
  assert.equal((await postForm(server.url('introspect'), { token, ...carried(await server.make()) })).json['active'], false)
})

test("the Keycloak family's realm takes its issuer and its own token endpoint", async () => {
  const issuer = 'https://login.example/realms/family'
  for (const aud of [issuer, `${issuer}/protocol/openid-connect/token`]) {
    const answer = await postForm(`${server.origin}/realms/family/protocol/openid-connect/token`, {
      ...CC,
      ...carried(await server.make({ claims: { aud } })),
    })
    assert.equal(answer.status, 200, aud)
  }
})
