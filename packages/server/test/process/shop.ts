// A realm to be killed and restarted: a client with refresh tokens, one with opaque tokens, a resource server, and a guarded API.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after } from 'node:test'
import type { JSONWebKeySet } from 'jose'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm, send } from '../harness/http.ts'

export const ISSUER = 'https://auth.shop.example/realms/shop'
export const AUDIENCE = 'https://api.shop.example'
const TOKEN = '/realms/shop/oauth2/token'

/** Has a user, refresh tokens, and JWTs. */
export const DESK = { clientId: 'desk', secret: 'desk-secret-of-the-process-tests' }
/** Gets opaque tokens. */
export const TILL = { clientId: 'till', secret: 'till-secret-of-the-process-tests' }
/** A resource server: may introspect everybody's tokens. */
export const CHECKER = { clientId: 'checker', secret: 'checker-secret-of-the-process-tests' }

type Credentials = Readonly<typeof DESK>

const USER = { username: 'clerk', password: 'a password of the process tests' }
let passwordHash: Promise<string> | undefined

/** Writes the configuration into the folder, with more realms if they are given; gives back its path. The issuer does not depend on the port. */
export async function writeShop(folder: string, upstream: string, { realms = [], ...more }: Partial<ConfigInput> = {}): Promise<string> {
  passwordHash ??= hashPassword(USER.password)
  const input: ConfigInput = {
    realms: [
      {
        id: 'shop',
        issuer: ISSUER,
        scopes: ['orders:read'],
        audiences: [AUDIENCE],
        accessTokenLifetime: '12h',
        clients: [
          {
            clientId: DESK.clientId,
            secret: { hash: secretHash(DESK.secret) },
            grants: ['password', 'refresh_token', 'client_credentials'],
            scopes: ['orders:read'],
          },
          { clientId: TILL.clientId, secret: { hash: secretHash(TILL.secret) }, scopes: ['orders:read'], tokenFormat: 'opaque' },
          { clientId: CHECKER.clientId, secret: { hash: secretHash(CHECKER.secret) }, introspects: true },
        ],
        users: [{ username: USER.username, password: { hash: await passwordHash } }],
      },
      ...realms,
    ],
    apis: [{ id: 'shop', realm: 'shop', upstream }],
    ...more,
  }
  const file = join(folder, 'countersign.json')
  writeFileSync(file, JSON.stringify(input))
  return file
}

const upstreams: Server[] = []
after(() => {
  for (const server of upstreams) server.close().closeAllConnections()
})

/** An API behind the gateway; closed after the tests. */
export async function startUpstream(
  listener: RequestListener = (_request, response) => void response.end('from the API'),
): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  upstreams.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function ask(origin: string, client: Credentials, parameters: Record<string, string>): Promise<Answer> {
  return postForm(origin + TOKEN, parameters, basic(client.clientId, client.secret))
}

export const clientCredentials = (origin: string, client: Credentials): Promise<Answer> =>
  ask(origin, client, { grant_type: 'client_credentials' })
export const signIn = (origin: string): Promise<Answer> => ask(origin, DESK, { grant_type: 'password', ...USER })
export const refresh = (origin: string, token: string): Promise<Answer> =>
  ask(origin, DESK, { grant_type: 'refresh_token', refresh_token: token })

export function revoke(origin: string, client: Credentials, token: string): Promise<Answer> {
  return postForm(`${origin}/realms/shop/oauth2/revoke`, { token }, basic(client.clientId, client.secret))
}

export function introspect(origin: string, token: string): Promise<Answer> {
  return postForm(`${origin}/realms/shop/oauth2/introspect`, { token }, basic(CHECKER.clientId, CHECKER.secret))
}

export async function isActive(origin: string, token: string): Promise<boolean> {
  const { status, json, text } = await introspect(origin, token)
  assert.equal(status, 200, text)
  return json['active'] === true
}

/** The guarded API's answer to the token. */
export function callApi(origin: string, token: string, path = '/orders'): Promise<Answer> {
  return send(`${origin}/apis/shop${path}`, { headers: { authorization: `Bearer ${token}` } })
}

export async function jwks(origin: string): Promise<JSONWebKeySet> {
  const { status, json, text } = await send(`${origin}/realms/shop/.well-known/jwks.json`)
  assert.equal(status, 200, text)
  return json as unknown as JSONWebKeySet
}

export interface Tokens {
  readonly access: string
  /** '' if there is none. */
  readonly refresh: string
}

/** The tokens of an answer that must be a success. */
export function tokensOf({ status, json, text }: Answer): Tokens {
  assert.equal(status, 200, text)
  const { access_token: access, refresh_token: refresh = '' } = json
  assert.ok(typeof access === 'string' && typeof refresh === 'string', text)
  return { access, refresh }
}
