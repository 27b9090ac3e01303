// Tokens bound to a key at the gateway: what a thief can do with one, and that real clients get through. RFC 9449 section 7.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type { ProofContent } from '@countersign/protocol/jose/dpop'
import { makeProof } from '@countersign/protocol/jose/dpop'
import * as oauth from 'oauth4webapi'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { boundToken, newKey, vaultConfig } from '../issue/key_holder.ts'
import { secretOf } from '../issue/orders.ts'
import { seen } from './shop.ts'

const key = await newKey()
const otherKey = await newKey()
const PATH = '/apis/orders/orders/1'

let echo: Upstream
let server: TestServer
let token: string
before(async () => {
  echo = await startEcho()
  server = await startConfigured(await vaultConfig(echo.origin))
  token = await boundToken(server.origin, key)
})
after(async () => {
  await server.close()
  await echo.close()
  assert.deepEqual(server.reports, [])
})

const prove = (changes: Partial<ProofContent> = {}, by = key): string =>
  makeProof(by, {
    jti: randomUUID(),
    method: 'GET',
    url: server.origin + PATH,
    issuedAt: Math.floor(Date.now() / 1000),
    accessToken: token,
    ...changes,
  })

const call = (dpop: string | undefined, { path = PATH, scheme = 'DPoP', shown = token, host = '' } = {}): Promise<RawAnswer> =>
  sendAs(server.origin + path, {
    headers: { authorization: `${scheme} ${shown}`, ...(dpop !== undefined && { dpop }), ...(host !== '' && { host }) },
  })

const outcome = ({ status, json }: RawAnswer): readonly unknown[] => [status, json['code']]

test('a bound token opens the API with its proof, below the prefix and at the host of the API, the query apart', async () => {
  assert.equal((await call(prove())).status, 200)
  assert.equal((await call(prove(), { path: `${PATH}?page=2` })).status, 200)
  const host = 'api.vault.example'
  assert.equal((await call(prove({ url: `https://${host}/orders/1` }), { path: '/orders/1', host })).status, 200)
  const login = 'login.vault.example'
  assert.equal((await call(prove({ url: `https://${login}${PATH}` }), { host: login })).status, 200)
})

test('an opaque token is bound as well', async () => {
  const shown = await boundToken(server.origin, key, 'reference')
  assert.equal((await call(prove({ accessToken: shown }), { shown })).status, 200)
  assert.deepEqual(outcome(await call(undefined, { shown, scheme: 'Bearer' })), [401, 'invalid_token'])
  assert.deepEqual(outcome(await call(prove({ accessToken: shown }, otherKey), { shown })), [401, 'invalid_token'])
})

test('the upstream sees what the caller sent, or no credential at all', async () => {
  const dpop = prove()
  assert.deepEqual([seen(await call(dpop))['authorization'], seen(await call(prove()))['x-countersign-client']], [`DPoP ${token}`, 'shop'])
  const path = '/apis/strip/orders'
  const stripped = seen(await call(prove({ url: server.origin + path }), { path }))
  assert.deepEqual([stripped['authorization'], stripped['dpop'], stripped['x-countersign-client']], [undefined, undefined, 'shop'])
})

test('stolen, it opens nothing as a bearer token, and the challenge says how it would', async () => {
  for (const dpop of [undefined, prove()]) {
    const answer = await call(dpop, { scheme: 'Bearer' })
    assert.deepEqual(outcome(answer), [401, 'invalid_token'])
    assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="vault", error="invalid_token", .*, DPoP realm="vault", algs="/)
  }
})

test('a proof seen on the way opens nothing a second time, nor anything else', async () => {
  const dpop = prove()
  assert.equal((await call(dpop)).status, 200)
  assert.deepEqual(outcome(await call(dpop)), [401, 'invalid_dpop_proof'])
  for (const path of ['/apis/orders/orders/2', '/apis/orders/write', '/apis/strip/orders/1']) {
    assert.deepEqual(outcome(await call(prove(), { path })), [401, 'invalid_dpop_proof'], path)
  }
  const evil = 'evil.example'
  assert.deepEqual(outcome(await call(prove({ url: `https://${evil}${PATH}` }), { host: evil })), [401, 'invalid_dpop_proof'])
  assert.deepEqual(outcome(await call(prove({ accessToken: await boundToken(server.origin, key) }))), [401, 'invalid_dpop_proof'])
  assert.deepEqual(outcome(await call(prove({}, otherKey))), [401, 'invalid_token'])
  assert.deepEqual(outcome(await call(undefined)), [401, 'invalid_dpop_proof'])
})

test('of many requests with one proof at once exactly one passes', async () => {
  const dpop = prove()
  const answers = await Promise.all(Array.from({ length: 12 }, () => call(dpop)))
  assert.deepEqual(answers.map((answer) => outcome(answer).join(' ')).sort(), [
    '200 ',
    ...Array.from({ length: 11 }, () => '401 invalid_dpop_proof'),
  ])
})

test('a scope that is missing is said to who came by DPoP in its own scheme', async () => {
  const path = '/apis/orders/write'
  const answer = await call(prove({ url: server.origin + path }), { path })
  assert.deepEqual(outcome(answer), [403, 'insufficient_scope'])
  assert.match(String(answer.headers['www-authenticate']), /^DPoP realm="vault", error="insufficient_scope", .*scope="write", algs="/)
})

// oxlint-disable-next-line typescript/no-deprecated -- marked so as a warning; the server is on loopback
const INSECURE = { [oauth.allowInsecureRequests]: true }

for (const algorithm of ['ES256', 'Ed25519', 'PS256']) {
  test(`oauth4webapi gets a token bound to an ${algorithm} key, and calls the API with it`, async () => {
    const issuer = new URL(`${server.origin}/realms/vault`)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE }))
    assert.ok(as.dpop_signing_alg_values_supported?.includes(algorithm === 'Ed25519' ? 'EdDSA' : algorithm))
    const pair = await oauth.generateKeyPair(algorithm)
    const client: oauth.Client = { client_id: 'shop' }
    const DPoP = oauth.DPoP(client, pair)
    const auth = oauth.ClientSecretBasic(secretOf('shop'))
    const response = await oauth.clientCredentialsGrantRequest(as, client, auth, {}, { DPoP, ...INSECURE })
    const { access_token: bound, token_type: type } = await oauth.processClientCredentialsResponse(as, client, response)
    assert.equal(type, 'dpop')
    for (const method of ['GET', 'POST', 'GET']) {
      const answer = await oauth.protectedResourceRequest(bound, method, new URL(`${server.origin}${PATH}?page=2`), undefined, undefined, {
        DPoP,
        ...INSECURE,
      })
      assert.equal(answer.status, 200, method)
      await answer.body?.cancel()
    }
  })
}
