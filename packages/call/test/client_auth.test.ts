// Client authentication without a secret on the wire, and proofs of possession: what is signed is read by jose and by protocol's own check.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { checkProof } from '@countersign/protocol/jose/dpop'
import * as jose from 'jose'
import { createClient } from '../src/client.ts'
import { clientSecretJwt } from '../src/client_auth/client_secret_jwt.ts'
import { dpop } from '../src/client_auth/dpop.ts'
import { privateKeyJwt } from '../src/client_auth/private_key_jwt.ts'
import type { SigningAlgorithm } from '../src/client_auth/signing_key.ts'
import { readSigningKey } from '../src/client_auth/signing_key.ts'
import type { ClientAssertion, Prover, World } from '../src/extensions.ts'
import { serve, startApi, startProvider, tokens } from './fake_provider.ts'

const NOW = 1_800_000_000
let drawn = 0
const world: World = { now: () => NOW + 0.7, unique: () => `unique-${++drawn}` }
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const

const bearer = async (assertion: ClientAssertion, t: Parameters<typeof startProvider>[0], issuer?: string) => {
  const provider = await startProvider(t)
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientAuth: assertion,
    ...(issuer ? { issuer } : {}),
    ...world,
  })
  await client.token()
  return { provider, parameters: provider.requests[0]?.parameters ?? new Map<string, string>() }
}

test('an assertion by each kind of key, as JWK and as PEM, is what RFC 7523 wants', async () => {
  for (const alg of ALGORITHMS) {
    const { privateKey, publicKey } = await jose.generateKeyPair(alg, { extractable: true })
    const jwk = { ...(await jose.exportJWK(privateKey)), kid: 'key-1' }
    for (const key of [
      jwk,
      await jose.exportPKCS8(privateKey),
      JSON.stringify({ ...jwk, alg }),
      () => Promise.resolve(JSON.stringify(jwk)),
    ]) {
      const jwt = await privateKeyJwt({ key, alg }).assertion('ours', 'https://login.example.com', world)
      const { payload, protectedHeader } = await jose.jwtVerify(jwt, publicKey, { currentDate: new Date(NOW * 1000) })
      assert.deepEqual(payload, {
        iss: 'ours',
        sub: 'ours',
        aud: 'https://login.example.com',
        jti: `unique-${drawn}`,
        iat: NOW,
        exp: NOW + 60,
      })
      assert.equal(protectedHeader.alg, alg)
    }
    const { thumbprint } = await readSigningKey(jwk, alg)
    assert.equal(thumbprint, await jose.calculateJwkThumbprint(jwk), alg)
  }
})

test('the alg follows from the key where nobody names it', async () => {
  for (const [alg, given] of [
    ['ES256', 'ES256'],
    ['ES384', 'ES384'],
    ['EdDSA', 'EdDSA'],
    ['RS256', 'PS256'],
  ] as const) {
    const { privateKey } = await jose.generateKeyPair(given, { extractable: true })
    assert.equal((await readSigningKey(await jose.exportPKCS8(privateKey))).alg, alg)
  }
})

test('a key that cannot be used is refused in a sentence that holds nothing of it', async () => {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
  const [secret, open] = [await jose.exportJWK(privateKey), await jose.exportJWK(publicKey)]
  const pem = await jose.exportPKCS8(privateKey)
  const bad: [unknown, SigningAlgorithm?][] = [
    [open],
    [secret, 'RS256'],
    [secret, 'ES384'],
    [{ ...secret, alg: 'RS256' }],
    [{ ...secret, d: 'AAAA' }],
    [{ ...secret, kty: 'RSA' }],
    [{ ...secret, crv: 'P-999' }],
    [{ kty: 'oct', k: 'c2VjcmV0' }],
    [pem.replaceAll('PRIVATE KEY', 'EC PRIVATE KEY')],
    [pem.replace(/[A-Za-z]{8}/, 'AAAAAAAA')],
    [await jose.exportSPKI(publicKey)],
    [JSON.stringify(secret).slice(1)],
    ['not a key'],
  ]
  for (const [key, alg] of bad) {
    await assert.rejects(readSigningKey(key as string, alg), (error) => {
      assert.equal((error as Error).name, 'ConfigurationError')
      const shown = inspect(error, { depth: 9 })
      assert.ok(!shown.includes(secret.d ?? '?') && !shown.includes(pem.slice(60, 90)), shown)
      return true
    })
  }
})

test('private_key_jwt goes in the body with a fresh jti each time, made out to the issuer, or to the endpoint where none is known', async (t) => {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
  const assertion = privateKeyJwt({ key: await jose.exportJWK(privateKey), kid: 'chosen' })
  const { parameters } = await bearer(assertion, t, 'https://login.example.com/')
  assert.equal(parameters.get('client_assertion_type'), 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
  assert.deepEqual([parameters.get('client_id'), parameters.get('client_secret')], ['ours', undefined])
  const jwt = parameters.get('client_assertion') ?? ''
  const { payload, protectedHeader } = await jose.jwtVerify(jwt, publicKey, { currentDate: new Date(NOW * 1000) })
  assert.deepEqual([payload.aud, protectedHeader.kid], ['https://login.example.com/', 'chosen'])
  const other = await bearer(assertion, t)
  const claims = jose.decodeJwt(other.parameters.get('client_assertion') ?? '')
  assert.equal(claims.aud, other.provider.tokenUrl)
  assert.notEqual(claims.jti, payload.jti)
})

test('client_secret_jwt signs with the secret and does not send it; a short secret is refused', async (t) => {
  const secret = 'a secret of more than thirty-two bytes'
  const { provider, parameters } = await bearer(clientSecretJwt({ secret: () => secret }), t)
  const { payload } = await jose.jwtVerify(parameters.get('client_assertion') ?? '', new TextEncoder().encode(secret), {
    currentDate: new Date(NOW * 1000),
  })
  assert.equal(payload.sub, 'ours')
  assert.ok(!JSON.stringify(provider.requests).includes(secret))
  await assert.rejects(bearer(clientSecretJwt({ secret: 'short' }), t), { name: 'ConfigurationError' })
})

test('a secret and an assertion together are refused before anything is sent', () => {
  const both = {
    tokenUrl: 'https://login.example.com/token',
    clientId: 'ours',
    clientSecret: 'x',
    clientAuth: clientSecretJwt({ secret: 'x' }),
  }
  assert.throws(() => createClient(both), { name: 'ConfigurationError' })
})

test('a bound token is shown with a proof for each URL and method, which protocol accepts; redirects get their own', async (t) => {
  const [provider, api, elsewhere] = [await startProvider(t), await startApi(t), await startApi(t)]
  provider.answer = () => ({ ...tokens('bound-token'), tokenType: 'DPoP' })
  api.answer = ({ path }) => (path === '/moved' ? { status: 302, headers: { location: '/there?x=1' } } : { status: 200 })
  const client = createClient({
    tokenUrl: provider.tokenUrl,
    clientId: 'ours',
    clientSecret: 'our-secret',
    apiOrigins: [api.origin],
    dpop: dpop(),
  })
  const now = Date.now() / 1000
  await client.fetch(`${api.origin}/orders?page=2`, { method: 'POST', body: 'x', headers: { dpop: 'forged', authorization: 'forged' } })
  await client.fetch(`${api.origin}/moved`)
  const asked = checkProof(provider.requests[0]?.raw.headers['dpop'] ?? '', { method: 'POST', urls: [provider.tokenUrl], now })
  const token = { text: 'bound-token', binding: asked.key.thumbprint }
  const names = api.seen.map(({ method, path, headers }) => {
    assert.equal(headers.authorization, 'DPoP bound-token')
    return checkProof(headers['dpop'] ?? '', { method, urls: [api.origin + path], now, token }).name
  })
  assert.equal(new Set(names).size, 3)
  const fields = await client.headers(`${api.origin}/one`, 'DELETE')
  checkProof(fields['dpop'] ?? '', { method: 'DELETE', urls: [`${api.origin}/one`], now, token })
  await assert.rejects(client.headers(), { name: 'ConfigurationError' })
  api.answer = () => ({ status: 307, headers: { location: elsewhere.origin } })
  await client.fetch(api.origin)
  assert.deepEqual([elsewhere.seen[0]?.headers.authorization, elsewhere.seen[0]?.headers['dpop']], [undefined, undefined])
})

test('a token that the server did not bind is a bearer token, and a bound one that nobody asked for is no token', async (t) => {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const options = { tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret', apiOrigins: [api.origin] }
  await createClient({ ...options, dpop: dpop() }).fetch(api.origin)
  assert.deepEqual([api.seen[0]?.headers.authorization, api.seen[0]?.headers['dpop']], ['Bearer token-1', undefined])
  provider.answer = () => ({ ...tokens('bound-token'), tokenType: 'DPoP' })
  await assert.rejects(createClient(options).token(), { code: 'unreadable_answer' })
})

test('nonces are taken from each server and used at once, by one repetition and no more', async (t) => {
  let strict = true
  const seen: string[] = []
  const nonceOf = (proof: unknown): unknown => jose.decodeJwt(String(proof))['nonce']
  const origin = await serve(t, (incoming, outgoing) => {
    incoming.resume()
    const nonce = nonceOf(incoming.headers['dpop'])
    const at = incoming.url === '/token' ? 'issuer' : 'api'
    seen.push(`${at} ${String(nonce)}`)
    const headers = { 'content-type': 'application/json', 'dpop-nonce': `${at}-nonce-${strict ? 1 : seen.length}` }
    if (nonce === `${at}-nonce-1` && strict) {
      outgoing.writeHead(200, headers).end('{"access_token":"t","token_type":"DPoP","expires_in":60}')
    } else if (at === 'issuer') outgoing.writeHead(400, headers).end('{"error":"use_dpop_nonce"}')
    else outgoing.writeHead(401, { ...headers, 'www-authenticate': 'DPoP error="use_dpop_nonce"' }).end()
  })
  const client = createClient({ tokenUrl: `${origin}/token`, clientId: 'ours', clientSecret: 's', apiOrigins: [origin], dpop: dpop() })
  assert.equal((await client.fetch(`${origin}/api`, { method: 'PUT', body: 'x' })).status, 200)
  assert.equal((await client.fetch(`${origin}/api`)).status, 200)
  assert.deepEqual(seen, ['issuer undefined', 'issuer issuer-nonce-1', 'api undefined', 'api api-nonce-1', 'api api-nonce-1'])
  strict = false
  assert.equal((await client.fetch(`${origin}/api`)).status, 401)
  assert.equal(seen.length, 7, 'a server that is never content is asked twice')
})

test('each key has its own tokens in the cache', async (t) => {
  const { createMemoryCache } = await import('../src/token_cache.ts')
  const provider = await startProvider(t)
  const common = { tokenUrl: provider.tokenUrl, clientId: 'ours', cache: createMemoryCache() }
  const provers = [dpop(), dpop(), undefined]
  const ask = (one: Prover | undefined) => createClient({ ...common, ...(one && { dpop: one }) }).token()
  const first = [await ask(provers[0]), await ask(provers[1]), await ask(provers[2])].map((one) => one.accessToken)
  const second = [await ask(provers[0]), await ask(provers[1]), await ask(provers[2])].map((one) => one.accessToken)
  assert.equal(new Set(first).size, 3)
  assert.deepEqual(second, first)
  assert.equal(provider.requests.length, 3)
})

test('a proof holds the hash of the token and the URL without its query', async () => {
  const { dpop: proof = '' } = await dpop().prove(
    { method: 'GET', url: new URL('https://api.example.com/a%20b?token=1#x'), accessToken: 'abc' },
    world,
  )
  const { ath, htu, htm, iat, jti } = jose.decodeJwt(proof)
  const hash = createHash('sha256').update('abc').digest('base64url')
  assert.deepEqual([ath, htu, htm, iat, jti], [hash, 'https://api.example.com/a%20b', 'GET', NOW, `unique-${drawn}`])
  assert.equal(jose.decodeProtectedHeader(proof).typ, 'dpop+jwt')
  assert.deepEqual(Object.keys(jose.decodeProtectedHeader(proof).jwk ?? {}).sort(), ['crv', 'kty', 'x', 'y'])
})

test('a token endpoint that is never content with the nonce is asked twice', async (t) => {
  let asked = 0
  const origin = await serve(t, (incoming, outgoing) => {
    incoming.resume()
    asked++
    // A client that went on would go on for ever.
    const status = asked < 10 ? 400 : 500
    outgoing.writeHead(status, { 'content-type': 'application/json', 'dpop-nonce': `nonce-${asked}` }).end('{"error":"use_dpop_nonce"}')
  })
  const client = createClient({ tokenUrl: `${origin}/token`, clientId: 'ours', clientSecret: 'our-secret', dpop: dpop() })
  await assert.rejects(client.token(), { name: 'TokenRequestFailed', serverCode: 'use_dpop_nonce' })
  assert.equal(asked, 2)
})
