// No realm accepts anything of another: every token and credential of every realm at every endpoint of every other one.
// The second half makes the realms as alike as can be: same client, secret, user, audience; only issuer and keys differ.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import type { DemoRealm } from '../harness/demo.ts'
import { DEMO_REALMS, presentation, requestToken, TOKEN_PATHS, TOKEN_REQUESTS } from '../harness/demo.ts'
import { postForm, postJson, send } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured, startDemo } from '../harness/server.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startEcho } from '../harness/upstream.ts'
import { API, hashed } from './orders.ts'

interface Held {
  readonly access: string
  readonly refresh: string | undefined
}

interface Place {
  readonly token: string
  readonly introspect: string
  readonly revoke: string
  readonly userinfo: string
}

const tokensOf = (json: Record<string, unknown>): Held => ({
  access: String(json['access_token']),
  refresh: typeof json['refresh_token'] === 'string' ? json['refresh_token'] : undefined,
})

describe('the five realms of the demo', () => {
  const PLACES: Readonly<Record<DemoRealm, Omit<Place, 'token'>>> = {
    willba: keycloakPlace('willba'),
    partner: keycloakPlace('partner'),
    wogeez: keycloakPlace('wogeez'),
    wave: { introspect: '/realms/wave/oauth/introspect', revoke: '/realms/wave/oauth/revoke', userinfo: '/realms/wave/userinfo' },
    webcommander: {
      introspect: '/realms/webcommander/api/v4/oauth2/introspect',
      revoke: '/realms/webcommander/api/v4/oauth2/revoke',
      userinfo: '/realms/webcommander/api/v4/oauth2/userinfo',
    },
  }
  let server: TestServer
  const held = new Map<DemoRealm, Held>()
  before(async () => {
    server = await startDemo()
    for (const realm of DEMO_REALMS) held.set(realm, tokensOf((await requestToken(server.origin, realm)).json))
  })
  after(async () => {
    assert.deepEqual(server.reports, [])
    await server.close()
  })
  const credentialsOf = (realm: DemoRealm): Record<string, string> => {
    const { client_id = '', client_secret } = TOKEN_REQUESTS[realm]
    return { client_id, ...(client_secret !== undefined && { client_secret }) }
  }

  for (const realm of DEMO_REALMS) {
    test(`${realm}: each realm takes its own token at its API, and this one takes nobody else's, in whatever header`, async () => {
      for (const other of DEMO_REALMS) {
        const token = held.get(other)?.access ?? ''
        for (const headers of [presentation(realm, token), { ...presentation(other, token), ...presentation(realm, token) }]) {
          const { status } = await send(`${server.origin}/apis/${realm}/`, { headers })
          const rightly = realm === other ? [200] : [400, 401]
          assert.ok(rightly.includes(status), `${other}'s token at ${realm}: ${status}`)
        }
      }
    })

    test(`${realm}: no other realm's tokens are known to introspection and userinfo, or harmed by revocation`, async () => {
      for (const other of DEMO_REALMS.filter((one) => one !== realm)) {
        const { access, refresh } = held.get(other) ?? { access: '', refresh: undefined }
        for (const token of [access, refresh].filter((one) => one !== undefined)) {
          const introspected = await postForm(server.origin + PLACES[realm].introspect, { ...credentialsOf(realm), token })
          if (realm === 'wogeez') assert.equal(introspected.json['error'], 'unauthorized_client')
          else assert.deepEqual(introspected.json, { active: false }, `${other}'s token at ${realm}`)
          assert.equal((await postForm(server.origin + PLACES[realm].revoke, { ...credentialsOf(realm), token })).status, 200)
          const info = await send(server.origin + PLACES[realm].userinfo, { headers: presentation(realm, token) })
          assert.equal(info.status, 401)
        }
        assert.equal((await send(`${server.origin}/apis/${other}/`, { headers: presentation(other, access) })).status, 200)
      }
    })

    test(`${realm}: no other realm's credentials and refresh tokens get a token`, async () => {
      const post = realm === 'webcommander' ? postJson : postForm
      for (const other of DEMO_REALMS.filter((one) => one !== realm)) {
        const answer = await post(server.origin + TOKEN_PATHS[realm], TOKEN_REQUESTS[other])
        assert.ok([400, 401].includes(answer.status), `${other}'s credentials at ${realm}: ${answer.status}`)
        assert.equal(answer.json['access_token'], undefined)
        const refresh_token = held.get(other)?.refresh
        if (refresh_token === undefined) continue
        for (const client of [credentialsOf(realm), credentialsOf(other)]) {
          const refreshed = await post(server.origin + TOKEN_PATHS[realm], { grant_type: 'refresh_token', refresh_token, ...client })
          assert.ok([400, 401].includes(refreshed.status))
        }
      }
    })
  }
})

describe('four realms that differ in issuer and keys only', () => {
  const REALMS = ['standard', 'keycloak', 'auth0', 'webcommander'] as const
  const PLACES: Readonly<Record<(typeof REALMS)[number], Place>> = {
    standard: place('/realms/standard/oauth2', 'introspect'),
    keycloak: { token: '/realms/keycloak/protocol/openid-connect/token', ...keycloakPlace('keycloak') },
    auth0: { ...place('/realms/auth0/oauth', 'introspect'), userinfo: '/realms/auth0/userinfo' },
    webcommander: place('/realms/webcommander/api/v4/oauth2', 'introspect'),
  }
  const ONE = { client_id: 'one', client_secret: 'one and the same secret' }
  let server: TestServer
  let upstream: Upstream
  const held = new Map<string, Held>()

  before(async () => {
    upstream = await startEcho()
    server = await startConfigured(await alike(upstream.origin))
    for (const id of REALMS) {
      for (const client_id of ['one', 'reference']) {
        const answer = await postForm(server.origin + PLACES[id].token, {
          ...ONE,
          client_id,
          grant_type: 'password',
          username: 'ada',
          password: 'the password of ada',
        })
        assert.equal(answer.status, 200, answer.text)
        held.set(`${id} ${client_id}`, tokensOf(answer.json))
      }
    }
  })
  after(async () => {
    assert.deepEqual(server.reports, [])
    await server.close()
    await upstream.close()
  })

  for (const here of REALMS) {
    test(`${here}: its own tokens are good here and those of the three others at no endpoint`, async () => {
      for (const [name, { access, refresh = '' }] of held) {
        const own = name.startsWith(`${here} `)
        const client = { ...ONE, client_id: name.split(' ')[1] ?? '' }
        const api = await send(`${server.origin}/apis/${here}/`, {
          headers: presentation(here === 'webcommander' ? 'webcommander' : 'willba', access),
        })
        assert.equal(api.status, own ? 200 : 401, `${name} at the API of ${here}`)
        const info = await send(server.origin + PLACES[here].userinfo, { headers: presentation('willba', access) })
        assert.equal(info.status, own ? 200 : 401, `${name} at userinfo of ${here}`)
        for (const token of [access, refresh]) {
          const { json } = await postForm(server.origin + PLACES[here].introspect, { ...client, token })
          assert.equal(json['active'], own, `${name} at introspection of ${here}`)
        }
        if (own) continue
        for (const token of [access, refresh]) await postForm(server.origin + PLACES[here].revoke, { ...client, token })
        const refreshed = await postForm(server.origin + PLACES[here].token, {
          ...client,
          grant_type: 'refresh_token',
          refresh_token: refresh,
        })
        assert.deepEqual([refreshed.status, refreshed.json['error']], [400, 'invalid_grant'])
      }
    })
  }

  test('after all that was tried, every token still works at home', async () => {
    for (const [name, { access }] of held) {
      const home = name.split(' ')[0] ?? ''
      const headers = presentation(home === 'webcommander' ? 'webcommander' : 'willba', access)
      assert.equal((await send(`${server.origin}/apis/${home}/`, { headers })).status, 200, name)
    }
  })

  async function alike(origin: string): Promise<ConfigInput> {
    const rights = {
      secret: hashed(ONE.client_secret),
      grants: ['password', 'refresh_token'] as const,
      defaultAudience: API,
      scopes: ['profile'],
    }
    const users = [{ id: 'ada-1', username: 'ada', password: { hash: await hashPassword('the password of ada') } }]
    return {
      realms: REALMS.map((id) => ({
        id,
        dialects: [id],
        scopes: ['profile'],
        audiences: [API],
        users,
        clients: [
          { clientId: 'one', ...rights },
          { clientId: 'reference', ...rights, tokenFormat: 'opaque' },
        ],
      })),
      apis: REALMS.map((id) => ({ id, realm: id, upstream: origin })),
    }
  }
})

function place(base: string, introspect: string): Place {
  return { token: `${base}/token`, introspect: `${base}/${introspect}`, revoke: `${base}/revoke`, userinfo: `${base}/userinfo` }
}

function keycloakPlace(realm: string): Omit<Place, 'token'> {
  const base = `/realms/${realm}/protocol/openid-connect`
  return { introspect: `${base}/token/introspect`, revoke: `${base}/revoke`, userinfo: `${base}/userinfo` }
}
