// Metadata at every place clients look. RFC 8414, OpenID Connect Discovery 1.0.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { send } from '../harness/http.ts'
import { exchange, sendAs, statuses } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { API, hashed } from './orders.ts'

const ASSERTIONS = ['private_key_jwt', 'client_secret_jwt']
const SIGNATURES = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const WELL_KNOWN = ['openid-configuration', 'oauth-authorization-server']
const clients = [{ clientId: 'one', secret: hashed('a secret that is long enough') }]
const realm = (id: string, more: Record<string, unknown> = {}) => ({ id, clients, audiences: [API], scopes: ['read'], ...more })

let server: TestServer
before(async () => {
  server = await startConfigured({
    realms: [
      realm('standard'),
      realm('keycloak', { dialects: ['keycloak'] }),
      realm('auth0', { dialects: ['auth0'] }),
      realm('webcommander', { dialects: ['webcommander'] }),
      realm('rooted', { hosts: ['auth.example.com'], issuer: 'https://auth.example.com' }),
      realm('slashed', { dialects: ['auth0'], hosts: ['slash.example.com'], issuer: 'https://slash.example.com/' }),
      realm('below', { hosts: ['below.example.com'], issuer: 'https://below.example.com/tenants/one' }),
      realm('below-slash', { hosts: ['below2.example.com'], issuer: 'https://below2.example.com/tenants/one/' }),
      realm('family', { dialects: ['keycloak'], hosts: ['kc.example.com'], issuer: 'https://kc.example.com/realms/family' }),
    ],
  })
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

for (const id of ['standard', 'keycloak', 'auth0', 'webcommander']) {
  test(`${id}: the same document stands at all four places, for any cache and any origin`, async () => {
    const documents: Record<string, unknown>[] = []
    for (const name of WELL_KNOWN) {
      for (const path of [`/realms/${id}/.well-known/${name}`, `/.well-known/${name}/realms/${id}`]) {
        const answer = await send(server.origin + path)
        assert.equal(answer.status, 200, path)
        assert.match(answer.headers.get('content-type') ?? '', /^application\/json\b/)
        assert.match(answer.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
        assert.equal(answer.headers.get('access-control-allow-origin'), '*')
        documents.push(answer.json)
      }
    }
    for (const one of documents) assert.deepEqual(one, documents[0])
    assert.equal(documents[0]?.['issuer'], `${server.origin}/realms/${id}${id === 'auth0' ? '/' : ''}`)
  })

  test(`${id}: every endpoint it names answers`, async () => {
    const { json } = await send(`${server.origin}/realms/${id}/.well-known/openid-configuration`)
    const named = Object.entries(json).filter(([name]) => name.endsWith('_endpoint') || name === 'jwks_uri')
    assert.ok(named.length >= 5)
    for (const [name, url] of named) {
      const answer = await send(String(url), { method: name === 'jwks_uri' ? 'GET' : 'POST' })
      assert.ok(answer.status === 200 || answer.status === 400 || answer.status === 401, `${name} ${answer.status}`)
    }
  })

  test(`${id}: it has what RFC 8414 and OpenID Connect Discovery demand`, async () => {
    const { json } = await send(`${server.origin}/realms/${id}/.well-known/openid-configuration`)
    assert.deepEqual(json['grant_types_supported'], ['client_credentials'])
    assert.deepEqual(json['response_types_supported'], [])
    assert.deepEqual(json['subject_types_supported'], ['public'])
    assert.deepEqual(json['scopes_supported'], ['read'])
    assert.deepEqual(json['id_token_signing_alg_values_supported'], [id === 'keycloak' || id === 'auth0' ? 'RS256' : 'ES256'])
    assert.deepEqual(
      new Set(json['token_endpoint_auth_methods_supported'] as string[]),
      new Set(['client_secret_basic', 'client_secret_post', 'none', ...(id === 'webcommander' ? [] : ASSERTIONS)]),
    )
  })

  test(`${id}: it names the algorithms of assertions where they are taken, and those of DPoP proofs`, async () => {
    const { json } = await send(`${server.origin}/realms/${id}/.well-known/openid-configuration`)
    for (const endpoint of ['token', 'introspection', 'revocation']) {
      const methods = new Set(json[`${endpoint}_endpoint_auth_methods_supported`] as string[])
      const algorithms = json[`${endpoint}_endpoint_auth_signing_alg_values_supported`]
      assert.equal(methods.has('none'), endpoint !== 'introspection')
      assert.deepEqual(algorithms, id === 'webcommander' ? undefined : [...SIGNATURES, 'HS256', 'HS384', 'HS512'])
    }
    assert.deepEqual(json['dpop_signing_alg_values_supported'], [...SIGNATURES, 'Ed25519'])
  })
}

test('an issuer that ends with a slash is found without it and with it', async () => {
  for (const name of WELL_KNOWN) {
    for (const path of [`/.well-known/${name}/realms/auth0`, `/.well-known/${name}/realms/auth0/`]) {
      const answer = await send(server.origin + path)
      assert.deepEqual([answer.status, answer.json['issuer']], [200, `${server.origin}/realms/auth0/`], path)
    }
    for (const path of [`/.well-known/${name}/tenants/one`, `/.well-known/${name}/tenants/one/`, `/tenants/one/.well-known/${name}`]) {
      const answer = await sendAs(server.origin + path, { headers: { host: 'below2.example.com' } })
      assert.deepEqual([answer.status, answer.json['issuer']], [200, 'https://below2.example.com/tenants/one/'], path)
    }
    for (const path of [`/.well-known/${name}`, `/.well-known/${name}/`]) {
      const answer = await sendAs(server.origin + path, { headers: { host: 'slash.example.com' } })
      assert.deepEqual([answer.status, answer.json['issuer']], [200, 'https://slash.example.com/'], path)
    }
  }
})

test('an issuer without a slash at its end is not found with one', async () => {
  assert.equal((await send(`${server.origin}/.well-known/oauth-authorization-server/realms/standard/`)).status, 404)
})

const OWN_HOSTS = [
  ['auth.example.com', '', 'https://auth.example.com', 'https://auth.example.com/oauth2/token'],
  ['below.example.com', '/tenants/one', 'https://below.example.com/tenants/one', 'https://below.example.com/tenants/one/oauth2/token'],
  [
    'kc.example.com',
    '/realms/family',
    'https://kc.example.com/realms/family',
    'https://kc.example.com/realms/family/protocol/openid-connect/token',
  ],
] as const
for (const [host, path, issuer, tokenEndpoint] of OWN_HOSTS) {
  test(`${host}: its own host name finds the issuer in both orders, in any case and with any port, and its token endpoint answers there`, async () => {
    for (const name of WELL_KNOWN) {
      for (const [url, field] of [
        [`/.well-known/${name}${path}`, host],
        [`${path}/.well-known/${name}`, host.toUpperCase()],
        [`${path}/.well-known/${name}`, `${host}:8443`],
      ]) {
        const answer = await sendAs(server.origin + url, { headers: { host: field ?? '' } })
        assert.deepEqual(
          [answer.status, answer.json['issuer'], answer.json['token_endpoint']],
          [200, issuer, tokenEndpoint],
          `${field} ${url}`,
        )
      }
    }
    const answer = await sendAs(server.origin + new URL(tokenEndpoint).pathname, { method: 'POST', headers: { host } })
    assert.equal(answer.json['error'], 'invalid_request')
  })
}

test('another host than its own finds a realm below /realms only, whatever X-Forwarded-Host says', async () => {
  const headers = { host: 'elsewhere.example', 'x-forwarded-host': 'auth.example.com', forwarded: 'host=auth.example.com' }
  assert.equal((await sendAs(`${server.origin}/.well-known/openid-configuration`, { headers })).status, 404)
  const answer = await sendAs(`${server.origin}/realms/rooted/.well-known/openid-configuration`, { headers })
  assert.deepEqual([answer.status, answer.json['issuer']], [200, 'https://auth.example.com'])
})

test('the Host field never shapes the issuer or an endpoint', async () => {
  const answer = await sendAs(`${server.origin}/realms/standard/.well-known/openid-configuration`, { headers: { host: 'evil.example' } })
  assert.equal(answer.status, 200)
  assert.ok(!answer.text.includes('evil.example'))
})

test('HEAD is GET without a body, and other methods are refused', async () => {
  const url = `${server.origin}/realms/standard/.well-known/openid-configuration`
  const head = await send(url, { method: 'HEAD' })
  assert.deepEqual([head.status, head.text], [200, ''])
  const posted = await send(url, { method: 'POST' })
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET'])
})

test('a realm nobody configured has none', async () => {
  for (const path of [
    '/realms/none',
    '/realms/',
    '/realms/__proto__',
    '/realms/standard%2f',
    '/realms//standard',
    '/realms/./standard',
    '/REALMS/standard',
  ]) {
    assert.equal((await sendAs(`${server.origin}${path}/.well-known/openid-configuration`)).status, 404, path)
  }
})

test('a request target in absolute form is read as its host and path (RFC 9112 section 3.2.2)', async () => {
  const said = await exchange(
    server.origin,
    'GET http://auth.example.com/.well-known/openid-configuration HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n',
  )
  assert.deepEqual(statuses(said), [200])
  assert.match(said, /"issuer":"https:\/\/auth\.example\.com"/)
})

test('whoever opens the address itself is told what runs there, and no realm is named', async () => {
  const answer = await send(`${server.origin}/`)
  assert.equal(answer.status, 200)
  assert.match(answer.text, /^Countersign is running\./)
  for (const id of ['standard', 'keycloak', 'family']) assert.ok(!answer.text.includes(id))
})
