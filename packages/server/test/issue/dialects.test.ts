// Dialects as an operator configures them: to the letter, invented, and several at once.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { hashPassword } from '../../src/issue/password.ts'
import { basic, postForm, postJson, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { assertRefused, verifiedByJose } from '../harness/verify.ts'
import { API, hashed } from './orders.ts'

const SECRET = 'a secret that is long enough'
const CC = { grant_type: 'client_credentials', client_id: 'one', client_secret: SECRET }
const client = { clientId: 'one', secret: hashed(SECRET), scopes: ['read', 'write'] }
const facts = { scopes: ['read', 'write'], audiences: [API], clients: [client] }

let upstream: Upstream
before(async () => {
  upstream = await startEcho()
})
after(() => upstream.close())

describe('verbatim: true', () => {
  const auth_string = Buffer.from('ada:the password of ada').toString('base64')
  let server: TestServer
  before(async () => {
    const users = [{ username: 'ada', password: { hash: await hashPassword('the password of ada') } }]
    const shop = { ...client, grants: ['password', 'refresh_token'] as const }
    const realm = { ...facts, clients: [shop], users, dialects: ['webcommander'] }
    server = await startConfigured({
      realms: [
        { id: 'letter', ...realm, verbatim: true },
        { id: 'mended', ...realm },
        { id: 'wych', ...facts, dialects: ['keycloak'], grants: ['client_credentials', 'refresh_token'], verbatim: true },
      ],
    })
  })
  after(async () => {
    assert.deepEqual(server.reports, [])
    await server.close()
  })
  const ask = (realm: string) =>
    postJson(`${server.origin}/realms/${realm}/api/v4/oauth2/token`, { ...CC, auth_string, redirect_uri: 'https://x.example/' })

  test('WebCommander answers without token_type, in the page’s order and with nothing else', async () => {
    const answer = await ask('letter')
    assert.equal(answer.status, 200)
    assert.deepEqual(Object.keys(answer.json), ['access_token', 'refresh_token', 'expires_in'])
  })

  test('without it the same realm adds what strict clients need', async () => {
    const { json } = await ask('mended')
    assert.deepEqual([json['token_type'], json['scope']], ['Bearer', 'read write'])
  })

  test('Wych lists grant_types_supported as one space-joined string', async () => {
    const { json } = await send(`${server.origin}/realms/wych/.well-known/openid-configuration`)
    assert.deepEqual(json['grant_types_supported'], ['client_credentials refresh_token'])
  })
})

describe('a sixth dialect, invented here and given as JSON', () => {
  // As it stands in a configuration file: text, parsed, nothing of ours.
  const DOCUMENT = `{
    "extends": "standard",
    "name": "bakery",
    "endpoints": { "token": ["/oven/v1/ticket"], "introspection": ["/oven/v1/check"], "revocation": ["/oven/v1/spoil"],
      "jwks": ["/oven/v1/keys"], "metadata": ["/.well-known/openid-configuration"] },
    "token_request": {
      "encodings": ["json", "form"],
      "client_auth": ["client_secret_post"],
      "parameters": { "client_id": "baker", "grant_type": "kind", "scope": "loaves" },
      "composites": [],
      "ignored": ["flour"],
      "grants": [{ "grant_type": "daily", "needs": [], "is": "client_credentials", "required": false }]
    },
    "token_response": { "envelope": "ticket", "members": [
      { "name": "bread", "from": "access_token" },
      { "name": "stale_in", "from": "expires_in", "as": "text" },
      { "name": "loaves", "from": "scope", "as": "list" },
      { "name": "oven", "constant": 7 }
    ] },
    "error": { "envelope": "trouble", "members": [
      { "name": "word", "from": "error" }, { "name": "sentence", "from": "error_description" }, { "name": "http", "from": "status" }
    ], "statuses": { "invalid_client": 403 }, "codes": { "invalid_client": "who_are_you" } },
    "presentation": { "token": [{ "header": "x-bread", "scheme": "slice" }], "api_key": [{ "header": "x-flour", "scheme": null }] }
  }`
  let server: TestServer
  before(async () => {
    server = await startConfigured({
      realms: [{ id: 'bakery', ...facts, dialects: [JSON.parse(DOCUMENT)] }],
      apis: [{ id: 'bakery', realm: 'bakery', upstream: upstream.origin, credentials: 'strip' }],
    })
  })
  after(async () => {
    assert.deepEqual(server.reports, [])
    await server.close()
  })
  const ask = (changes: Record<string, unknown> = {}) =>
    postJson(`${server.origin}/realms/bakery/oven/v1/ticket`, {
      kind: 'daily',
      baker: 'one',
      client_secret: SECRET,
      flour: 'rye',
      ...changes,
    })

  test('it answers in its own words, and its token opens the API in its own header', async () => {
    const answer = await ask({ loaves: 'write' })
    assert.equal(answer.status, 200)
    const ticket = answer.json['ticket'] as Record<string, unknown>
    assert.deepEqual(Object.keys(ticket), ['bread', 'stale_in', 'loaves', 'oven'])
    assert.deepEqual([ticket['stale_in'], ticket['loaves'], ticket['oven']], ['900', ['write'], 7])
    const token = String(ticket['bread'])
    assert.equal((await verifiedByJose(server.origin, '/realms/bakery', token, API)).header.alg, 'ES256')
    const opened = await send(`${server.origin}/apis/bakery/`, { headers: { 'x-bread': `Slice ${token}` } })
    assert.equal(opened.status, 200)
    assert.ok(!opened.text.includes(token), 'the upstream was to see no credentials')
    assert.equal((await send(`${server.origin}/apis/bakery/`, { headers: { authorization: `Bearer ${token}` } })).status, 401)
  })

  test('a parameter in both spellings, its own and the standard one, is refused', async () => {
    for (const twice of [{ grant_type: 'daily' }, { client_id: 'one' }, { loaves: 'read', scope: 'write' }]) {
      const trouble = (await ask(twice)).json['trouble'] as Record<string, unknown>
      assert.deepEqual([trouble['word'], trouble['http']], ['invalid_request', 400])
    }
  })

  test('it refuses in its own words and with its own status', async () => {
    const answer = await ask({ client_secret: 'wrong' })
    assert.equal(answer.status, 403)
    const { word, http } = answer.json['trouble'] as Record<string, unknown>
    assert.deepEqual([word, http], ['who_are_you', 403])
  })

  test('what could not be read at all is refused in its words too', async () => {
    const answer = await send(`${server.origin}/realms/bakery/oven/v1/ticket`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'x'.repeat(40_000) }),
    })
    assert.equal(answer.status, 413)
    assert.equal((answer.json['trouble'] as Record<string, unknown>)['word'], 'invalid_request')
  })
})

describe('a realm with three dialects at once', () => {
  let server: TestServer
  before(async () => {
    server = await startConfigured({
      realms: [{ id: 'all', ...facts, dialects: ['standard', 'auth0', 'keycloak'] }],
      apis: [{ id: 'all', realm: 'all', upstream: upstream.origin }],
    })
  })
  after(async () => {
    assert.deepEqual(server.reports, [])
    await server.close()
  })
  const TOKENS = {
    standard: '/realms/all/oauth2/token',
    auth0: '/realms/all/oauth/token',
    keycloak: '/realms/all/protocol/openid-connect/token',
  }
  const INTROSPECTIONS = [
    '/realms/all/oauth2/introspect',
    '/realms/all/oauth/introspect',
    '/realms/all/protocol/openid-connect/token/introspect',
  ]

  for (const [dialect, path] of Object.entries(TOKENS)) {
    test(`${dialect}: its token has its family's claims, opens the API, and is known at every endpoint of the realm`, async () => {
      const answer = await postForm(server.origin + path, CC)
      assert.equal(answer.status, 200)
      assert.equal('not-before-policy' in answer.json, dialect === 'keycloak')
      const token = String(answer.json['access_token'])
      const { header, claims } = await verifiedByJose(server.origin, '/realms/all', token, API)
      assert.deepEqual(
        [header.typ, claims['typ'], claims['gty']],
        {
          standard: ['at+jwt', undefined, undefined],
          auth0: ['at+jwt', undefined, 'client-credentials'],
          keycloak: ['JWT', 'Bearer', undefined],
        }[dialect],
      )
      assert.equal((await send(`${server.origin}/apis/all/`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
      for (const endpoint of INTROSPECTIONS) {
        assert.equal((await postForm(server.origin + endpoint, { token }, basic('one', SECRET))).json['active'], true, endpoint)
      }
    })
  }

  test('a token revoked in one dialect is dead in all', async () => {
    const token = String((await postForm(server.origin + TOKENS.keycloak, CC)).json['access_token'])
    assert.equal((await postForm(`${server.origin}/realms/all/oauth2/revoke`, { token }, basic('one', SECRET))).status, 200)
    assert.equal((await send(`${server.origin}/apis/all/`, { headers: { authorization: `Bearer ${token}` } })).status, 401)
  })

  test('the first one speaks in the metadata, and all sign with the realm’s one key', async () => {
    const { json } = await send(`${server.origin}/realms/all/.well-known/openid-configuration`)
    assert.equal(json['token_endpoint'], server.origin + TOKENS.standard)
    const sets = ['/realms/all/.well-known/jwks.json', '/realms/all/protocol/openid-connect/certs'].map((path) =>
      send(server.origin + path),
    )
    const [one, other] = await Promise.all(sets)
    assert.deepEqual(one?.json, other?.json)
  })

  test('each takes its own encodings only', async () => {
    assertRefused(await postJson(server.origin + TOKENS.standard, CC), 400, 'invalid_request')
    assert.equal((await postJson(server.origin + TOKENS.auth0, CC)).status, 200)
    assertRefused(await postJson(server.origin + TOKENS.keycloak, CC), 400, 'invalid_request')
  })
})
