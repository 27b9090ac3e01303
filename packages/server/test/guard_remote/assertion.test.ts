// The signed assertion for an upstream: any JOSE library verifies it, and neither it nor an access token passes for the other.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { basic, postForm, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { verifiedByJose } from '../harness/verify.ts'
import { API, hashed, secretOf } from '../issue/orders.ts'

const HEADER = 'x-countersign-assertion'

let upstream: Upstream
let server: TestServer
before(async () => {
  upstream = await startEcho()
  const to = { realm: 'signed', upstream: `${upstream.origin}/base`, assertion: true }
  server = await startConfigured({
    realms: [
      {
        id: 'signed',
        scopes: ['read', 'write'],
        audiences: [API],
        clients: [
          {
            clientId: 'shop',
            secret: hashed(secretOf('shop')),
            scopes: ['read', 'write'],
            apiKeys: [{ id: 'front', key: hashed('the-key-of-shop') }],
          },
          { clientId: 'api', secret: hashed(secretOf('api')), introspects: true },
        ],
      },
    ],
    apis: [
      { id: 'orders', ...to, apiKey: 'optional' },
      { id: 'plain', ...to, assertion: false },
    ],
  })
})
after(async () => {
  await server.close()
  await upstream.close()
})

async function tokenOf(scope: string): Promise<string> {
  const form = { grant_type: 'client_credentials', scope }
  return String((await postForm(`${server.origin}/realms/signed/oauth2/token`, form, basic('shop', secretOf('shop')))).json['access_token'])
}

/** The assertion as the upstream has got it. */
async function assertionFor(token: string, headers: Record<string, string> = {}, api = 'orders'): Promise<string | undefined> {
  const { status, json } = await send(`${server.origin}/apis/${api}/x`, { headers: { authorization: `Bearer ${token}`, ...headers } })
  assert.equal(status, 200, JSON.stringify(json))
  return (json['headers'] as Record<string, string>)[HEADER]
}

test('the upstream gets a JWT about the caller that the keys of the realm verify, for it alone', async () => {
  const assertion = (await assertionFor(await tokenOf('read write'), { 'x-api-key': 'the-key-of-shop' })) ?? ''
  const { header, claims } = await verifiedByJose(server.origin, '/realms/signed', assertion, upstream.origin)
  assert.equal(header.typ, 'countersign-identity+jwt')
  const { iat = 0, exp = 0, jti, ...said } = claims
  assert.deepEqual(said, {
    iss: `${server.origin}/realms/signed`,
    aud: upstream.origin,
    realm: 'signed',
    sub: 'shop',
    client_id: 'shop',
    scope: 'read write',
    api_key: 'front',
  })
  assert.equal(exp - iat, 60)
  assert.equal(typeof jti, 'string')
})

test('requests with one token share an assertion, another token has its own', async () => {
  const [one, other] = [await tokenOf('read'), await tokenOf('write')]
  const first = await assertionFor(one)
  assert.equal(await assertionFor(one), first)
  assert.notEqual(await assertionFor(other), first)
  assert.notEqual(await assertionFor(one, { 'x-api-key': 'the-key-of-shop' }), first)
})

test("an upstream that wants none gets none, and a caller's own never arrives", async () => {
  const token = await tokenOf('read')
  assert.equal(await assertionFor(token, { [HEADER]: 'mine' }, 'plain'), undefined)
  assert.notEqual(await assertionFor(token, { [HEADER]: 'mine', x_countersign_assertion: 'mine' }), 'mine')
})

test('an assertion is no access token: the guard and introspection refuse it', async () => {
  const assertion = (await assertionFor(await tokenOf('read'))) ?? ''
  const refused = await send(`${server.origin}/apis/orders/x`, { headers: { authorization: `Bearer ${assertion}` } })
  assert.deepEqual([refused.status, refused.json['code']], [401, 'invalid_token'])
  const introspected = await postForm(
    `${server.origin}/realms/signed/oauth2/introspect`,
    { token: assertion },
    basic('api', secretOf('api')),
  )
  assert.deepEqual(introspected.json, { active: false })
})

test('an access token is no assertion: its type and its audience are others', async () => {
  const token = await tokenOf('read')
  assert.equal(decodeProtectedHeader(token).typ, 'at+jwt')
  const keys = (await send(`${server.origin}/realms/signed/.well-known/jwks.json`)).json as unknown as Parameters<
    typeof createLocalJWKSet
  >[0]
  await assert.rejects(jwtVerify(token, createLocalJWKSet(keys), { typ: 'countersign-identity+jwt' }), /typ/)
  await assert.rejects(jwtVerify(token, createLocalJWKSet(keys), { audience: upstream.origin }), /aud/)
})
