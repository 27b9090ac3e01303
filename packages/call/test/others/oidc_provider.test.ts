// The client against oidc-provider, known by its issuer alone: every grant and client authentication that both know.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@countersign/call'
import { dpop } from '@countersign/call/client_auth/dpop'
import { privateKeyJwt } from '@countersign/call/client_auth/private_key_jwt'
import type { ClientOptions } from '@countersign/call/client_options'
import { authorizationCode } from '@countersign/call/grants/authorization_code'
import { deviceCode } from '@countersign/call/grants/device_code'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { simulatedTime, startApi } from '../fake_provider.ts'
import type { OidcProvider } from './oidc_provider_server.ts'
import { API, REDIRECT_URI, SCOPE, SECRET, startOidcProvider } from './oidc_provider_server.ts'
import { signIn } from './person.ts'

const ASKED = { scope: SCOPE, resource: API }
const confidential = (clientId: string): Pick<ClientOptions, 'clientId' | 'clientSecret'> => ({ clientId, clientSecret: SECRET })

async function verified({ issuer }: OidcProvider, token: string): Promise<Record<string, unknown>> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  return (await jwtVerify(token, keys, { issuer, audience: API, typ: 'at+jwt' })).payload
}

test('client_credentials: secrets with every special character by Basic and by post, and a signed assertion', async (t) => {
  const provider = await startOidcProvider(t)
  const { issuer, clientKey } = provider
  const ways: ClientOptions[] = [
    { issuer, ...ASKED, ...confidential('basic'), clientAuth: 'client_secret_basic' },
    { issuer, ...ASKED, ...confidential('post'), clientAuth: 'client_secret_post' },
    { issuer, ...ASKED, clientId: 'signing', clientAuth: privateKeyJwt({ key: clientKey, kid: 'ours' }) },
  ]
  for (const options of ways) {
    const { accessToken, tokenType, scope } = await createClient(options).token()
    const claims = await verified(provider, accessToken)
    assert.deepEqual([claims['client_id'], claims['scope'], tokenType, scope], [options.clientId, SCOPE, 'Bearer', [SCOPE]])
  }
  await assert.rejects(createClient({ issuer, ...ASKED, clientId: 'basic', clientSecret: 'wrong' }).token(), { code: 'invalid_client' })
})

test('DPoP: the server asks for its nonce, the token is bound, and each call proves the key anew', async (t) => {
  const provider = await startOidcProvider(t)
  const api = await startApi(t)
  const prover = dpop()
  const client = createClient({ issuer: provider.issuer, ...ASKED, ...confidential('basic'), dpop: prover, apiOrigins: [api.origin] })
  await Promise.all([client.fetch(`${api.origin}/a?b=c`), client.fetch(`${api.origin}/a?b=c`, { method: 'POST' })])
  const { accessToken, tokenType } = await client.token()
  const claims = await verified(provider, accessToken)
  assert.deepEqual([tokenType, claims['cnf']], ['DPoP', { jkt: await prover.thumbprint() }])
  const proofs = api.seen.map(({ headers }) => decodeJwt(String(headers['dpop'])))
  assert.deepEqual(new Set(api.seen.map(({ headers }) => headers.authorization)), new Set([`DPoP ${accessToken}`]))
  assert.deepEqual(
    new Set(proofs.map((proof) => `${String(proof['htm'])} ${String(proof['htu'])}`)),
    new Set([`GET ${api.origin}/a`, `POST ${api.origin}/a`]),
  )
  assert.equal(new Set(proofs.map(({ jti }) => jti)).size, 2)
  assert.deepEqual(provider.grants, ['client_credentials'])
})

/** A client whose human has said yes, and whose tokens then age. */
function renewing(options: ClientOptions): { readonly next: () => Promise<string> } {
  const time = simulatedTime()
  const started = Date.now() / 1000
  const client = createClient({ ...options, monotonic: time.monotonic, now: () => started })
  return {
    next: async () => {
      const { accessToken } = await client.token()
      time.ms += 600_000
      return accessToken
    },
  }
}

test('authorization code with PKCE: one sign-in, then renewals by refresh tokens that are good once each', async (t) => {
  const provider = await startOidcProvider(t)
  let visits = 0
  const grant = authorizationCode({
    redirectUri: REDIRECT_URI,
    authorize: (url) => {
      visits++
      return signIn(url, REDIRECT_URI)
    },
    request: { prompt: 'consent' },
  })
  const options = { issuer: provider.issuer, clientId: 'public', grant, scope: `openid offline_access ${SCOPE}`, resource: API }
  const { next } = renewing(options)
  const given = [await next(), await next(), await next()]
  const claims = await Promise.all(given.map((token) => verified(provider, token)))
  assert.deepEqual(
    claims.map(({ sub, scope }) => [sub, scope]),
    Array.from({ length: 3 }, () => ['someone', SCOPE]),
  )
  assert.deepEqual([visits, new Set(given).size, provider.grants], [1, 3, ['authorization_code', 'refresh_token', 'refresh_token']])
})

test('device code: the client waits while a person confirms the code in a browser', async (t) => {
  const provider = await startOidcProvider(t)
  let page: Promise<string> | undefined
  const grant = deviceCode({
    prompt: ({ verificationUriComplete = '' }) => {
      page = signIn(verificationUriComplete)
    },
    wait: async () => {
      await new Promise(setImmediate)
    },
  })
  const { next } = renewing({
    issuer: provider.issuer,
    clientId: 'public',
    grant,
    scope: `openid offline_access ${SCOPE}`,
    resource: API,
  })
  const claims = [await verified(provider, await next()), await verified(provider, await next())]
  assert.deepEqual(
    claims.map(({ sub, client_id }) => [sub, client_id]),
    [
      ['someone', 'public'],
      ['someone', 'public'],
    ],
  )
  assert.deepEqual(provider.grants, ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'])
  assert.match((await page) ?? '', /Sign-in Success/)
})

test('revocation: neither the access token nor the refresh token is good any more, and the client has forgotten both', async (t) => {
  const { issuer } = await startOidcProvider(t, { tokens: 'opaque' })
  let visits = 0
  const authorize = (url: URL): Promise<string> => {
    visits++
    return signIn(url, REDIRECT_URI)
  }
  const grant = authorizationCode({ redirectUri: REDIRECT_URI, authorize, request: { prompt: 'consent' } })
  const client = createClient({ issuer, ...confidential('post'), grant, scope: 'openid offline_access' })
  const { accessToken } = await client.token()
  const introspect = async (): Promise<unknown> => {
    const body = new URLSearchParams({ token: accessToken, client_id: 'post', client_secret: SECRET })
    return ((await (await fetch(`${issuer}/token/introspection`, { method: 'POST', body })).json()) as Record<string, unknown>)['active']
  }
  assert.equal(await introspect(), true)
  await client.revoke()
  assert.equal(await introspect(), false)
  assert.notEqual((await client.token()).accessToken, accessToken)
  assert.equal(visits, 2)
})
