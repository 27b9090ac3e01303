// Proofs at the token endpoint: what binds a token, what does not, and nothing twice. RFC 9449 sections 4.3, 5 and 11.1.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as jose from 'jose'
import { basic, postForm, send } from '../harness/http.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { askFor, boundToken, newKey, prove, TOKEN_PATH, vaultConfig } from './key_holder.ts'
import { PASSWORD, secretOf } from './orders.ts'

const key = await newKey()
const otherKey = await newKey()

let echo: Upstream
let server: TestServer
let tokenUrl: string
before(async () => {
  echo = await startEcho()
  server = await startConfigured(await vaultConfig(echo.origin))
  tokenUrl = server.origin + TOKEN_PATH
})
after(async () => {
  await server.close()
  await echo.close()
  assert.deepEqual(server.reports, [])
})

const claimsOf = (token: unknown): Record<string, unknown> => jose.decodeJwt(String(token))
const phone = (parameters: Record<string, string>, dpop?: string) =>
  postForm(tokenUrl, { client_id: 'phone', ...parameters }, dpop === undefined ? {} : { dpop })
const signIn = (dpop?: string) => phone({ grant_type: 'password', username: 'ada', password: PASSWORD }, dpop)

test('a proof binds the token to its key, and without one it is a bearer token', async () => {
  const bound = await askFor(server.origin, 'shop', prove(key, tokenUrl))
  assert.deepEqual([bound.status, bound.json['token_type']], [200, 'DPoP'])
  assert.deepEqual(claimsOf(bound.json['access_token'])['cnf'], { jkt: key.thumbprint })
  const bare = await askFor(server.origin, 'shop', undefined)
  assert.deepEqual([bare.status, bare.json['token_type']], [200, 'Bearer'])
  assert.equal(claimsOf(bare.json['access_token'])['cnf'], undefined)
})

test('introspection says what a token is bound to, whatever its format', async () => {
  for (const client of ['shop', 'reference']) {
    const token = await boundToken(server.origin, key, client)
    const { json } = await postForm(`${server.origin}/realms/vault/oauth2/introspect`, { token }, basic('checker', secretOf('checker')))
    assert.deepEqual([json['active'], json['token_type'], json['cnf']], [true, 'DPoP', { jkt: key.thumbprint }], client)
  }
})

test('the endpoint is known by its place at the issuer and at the hosts of the realm, and by no Host that a request names', async () => {
  const status = async (url: string, host?: string): Promise<number> => {
    const path = host === 'login.vault.example' ? '/oauth2/token' : TOKEN_PATH
    const headers = { ...basic('shop', secretOf('shop')), 'content-type': 'application/x-www-form-urlencoded', dpop: prove(key, url) }
    const answer = await sendAs(server.origin + path, {
      method: 'POST',
      headers: host === undefined ? headers : { ...headers, host },
      body: 'grant_type=client_credentials',
    })
    return answer.status
  }
  const { json } = await send(`${server.origin}/realms/vault/.well-known/oauth-authorization-server`)
  assert.equal(await status(String(json['token_endpoint'])), 200)
  assert.equal(await status(`${tokenUrl}?x=1`), 200)
  assert.equal(await status('https://login.vault.example/oauth2/token', 'login.vault.example'), 200)
  assert.equal(await status('https://login.vault.example:443/oauth2/%74oken', 'login.vault.example'), 200)
  assert.equal(await status('https://evil.example/realms/vault/oauth2/token', 'evil.example'), 400)
  assert.equal(await status('http://login.vault.example/oauth2/token', 'login.vault.example'), 400)
  assert.equal(await status(tokenUrl.replace('http:', 'https:')), 400)
  assert.equal(await status(tokenUrl.replace('vault', 'other')), 400)
  assert.equal(await status(`${tokenUrl}/`), 400)
  assert.equal(await status(tokenUrl.replace('oauth2/', 'oauth2%2F')), 400)
})

test('the refresh token of a public client works with its key and with no other', async () => {
  const first = await signIn(prove(key, tokenUrl))
  assert.deepEqual([first.status, first.json['token_type']], [200, 'DPoP'])
  const refresh = { grant_type: 'refresh_token', refresh_token: String(first.json['refresh_token']) }
  for (const dpop of [undefined, prove(otherKey, tokenUrl)]) {
    const { status, json } = await phone(refresh, dpop)
    assert.deepEqual([status, json['error']], [400, 'invalid_grant'])
  }
  const next = await phone(refresh, prove(key, tokenUrl))
  assert.deepEqual([next.status, next.json['token_type']], [200, 'DPoP'], 'who failed has not used it up')
  assert.deepEqual(claimsOf(next.json['access_token'])['cnf'], { jkt: key.thumbprint })
})

const token = (): string => prove(key, tokenUrl, { accessToken: 'a' })
const INVALID: Readonly<Record<string, () => string>> = {
  'nothing in it': () => '',
  'a word': () => 'proof',
  'two of them': () => `${token()}, ${token()}`,
  'one that is huge': () => 'a'.repeat(9000),
  'one for another method': () => prove(key, tokenUrl, { method: 'GET' }),
  'one for another endpoint': () => prove(key, tokenUrl.replace('token', 'revoke')),
  'one for another realm': () => prove(key, tokenUrl.replace('vault', 'other')),
  'one of a minute ago': () => prove(key, tokenUrl, { issuedAt: Math.floor(Date.now() / 1000) - 61 }),
  'one of tomorrow': () => prove(key, tokenUrl, { issuedAt: Math.floor(Date.now() / 1000) + 86_400 }),
  'one with a jti that is too long': () => prove(key, tokenUrl, { jti: 'j'.repeat(201) }),
  'one with its last character changed': () => token().replace(/..$/, (end) => (end === 'AA' ? 'BA' : 'AA')),
  'one of alg none': () => `${Buffer.from('{"typ":"dpop+jwt","alg":"none","jwk":{}}').toString('base64url')}.${token().split('.')[1]}.AA`,
}

for (const [what, make] of Object.entries(INVALID)) {
  test(`invalid_dpop_proof, and no token: ${what}`, async () => {
    for (const client of ['shop', 'strict', 'counted']) {
      const { status, json, headers } = await askFor(server.origin, client, make())
      assert.deepEqual([status, json['error'], json['access_token']], [400, 'invalid_dpop_proof', undefined], client)
      assert.match(String(json['error_description']), /^The [\x20-\x7e]+\.$/)
      assert.equal(headers.get('cache-control'), 'no-store')
    }
  })
}

test('a refused proof has cost nothing of the budget', async () => {
  assert.equal((await askFor(server.origin, 'counted', prove(key, tokenUrl))).status, 200)
  assert.equal((await askFor(server.origin, 'counted', prove(key, tokenUrl))).status, 429)
})

test('two fields DPoP are refused, though both are good', async () => {
  const list = (name: string, value: string): string[] => [name, value]
  const { authorization = '' } = basic('shop', secretOf('shop'))
  const headers = [
    ...list('host', new URL(server.origin).host),
    ...list('authorization', authorization),
    ...list('content-type', 'application/x-www-form-urlencoded'),
    ...list('DPoP', prove(key, tokenUrl)),
    ...list('dpop', prove(key, tokenUrl)),
  ]
  const { status, json } = await sendAs(tokenUrl, { method: 'POST', headers, body: 'grant_type=client_credentials' })
  assert.deepEqual([status, json['error']], [400, 'invalid_dpop_proof'])
})

test('a client that must bind its tokens gets none without a proof', async () => {
  const bare = await askFor(server.origin, 'strict', undefined)
  assert.deepEqual([bare.status, bare.json['error']], [400, 'invalid_request'])
  assert.equal((await askFor(server.origin, 'strict', prove(key, tokenUrl))).status, 200)
})

test('of many requests with one proof at once exactly one gets a token', async () => {
  const dpop = prove(key, tokenUrl)
  const answers = await Promise.all(Array.from({ length: 12 }, () => askFor(server.origin, 'shop', dpop)))
  const refused = answers.filter((answer) => answer.status === 400 && answer.json['error'] === 'invalid_dpop_proof')
  assert.deepEqual([answers.filter((answer) => answer.status === 200).length, refused.length], [1, 11])
})

test('the jti of one key may be that of another', async () => {
  for (const by of [key, otherKey])
    assert.equal((await askFor(server.origin, 'shop', prove(by, tokenUrl, { jti: 'the same' }))).status, 200)
  assert.equal((await askFor(server.origin, 'shop', prove(key, tokenUrl, { jti: 'the same' }))).status, 400)
})

test('a wrong secret uses no proof up', async () => {
  const dpop = prove(key, tokenUrl)
  const wrong = await postForm(tokenUrl, { grant_type: 'client_credentials' }, { ...basic('shop', 'a wrong one'), dpop })
  assert.deepEqual([wrong.status, wrong.json['error']], [401, 'invalid_client'])
  assert.equal((await askFor(server.origin, 'shop', dpop)).status, 200)
})

test('a proof used before a restart is refused after it', async () => {
  const data = await mkdtemp(join(tmpdir(), 'dpop-'))
  try {
    const input = { ...(await vaultConfig(echo.origin)), publicUrl: 'https://auth.vault.example', data }
    const dpop = prove(key, `https://auth.vault.example${TOKEN_PATH}`)
    const statuses: number[] = []
    for (const _ of ['first', 'second']) {
      const again = await startConfigured(input)
      statuses.push((await askFor(again.origin, 'shop', dpop)).status)
      await again.close()
    }
    assert.deepEqual(statuses, [200, 400])
  } finally {
    await rm(data, { recursive: true })
  }
})

test('userinfo takes no bound token as a bearer token', async () => {
  const { json } = await signIn(prove(key, tokenUrl))
  const url = `${server.origin}/realms/vault/oauth2/userinfo`
  assert.equal((await send(url, { headers: { authorization: `Bearer ${String(json['access_token'])}` } })).status, 401)
  const bare = await signIn()
  assert.equal((await send(url, { headers: { authorization: `Bearer ${String(bare.json['access_token'])}` } })).status, 200)
})
