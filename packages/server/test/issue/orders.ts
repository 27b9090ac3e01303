// The realm most tests of the issuer work with, as an operator would write it, and its guarded API.

import type { ConfigInput, SecretRef } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'

export const API = 'https://api.example.com'
export const FILES = 'https://files.example.com'
export const ISSUER_PATH = '/realms/orders'

/** The secret of a client of that name. */
export const secretOf = (clientId: string): string => `the secret of ${clientId}, long enough`
export const hashed = (text: string): SecretRef => ({ hash: secretHash(text) })
const secret = (clientId: string): { clientId: string; secret: SecretRef } => ({ clientId, secret: hashed(secretOf(clientId)) })

export const PASSWORD = 'correct horse battery staple'

export async function ordersConfig(upstream: string): Promise<ConfigInput> {
  const password = { hash: await hashPassword(PASSWORD) }
  const scopes = ['read', 'write', 'admin', 'email', 'profile']
  const legacy = { grants: ['password', 'refresh_token'] as const, scopes: ['read', 'write', 'email', 'profile'], defaultAudience: API }
  return {
    realms: [
      {
        id: 'orders',
        hosts: ['auth.example.com'],
        scopes,
        audiences: [{ identifier: API, scopes: ['read', 'write', 'email', 'profile'] }, FILES],
        clients: [
          { ...secret('shop'), scopes: ['read', 'write', 'admin'], defaultScopes: ['read'], defaultAudience: API },
          { ...secret('plain'), defaultAudience: API },
          { ...secret('narrow'), scopes: ['read'], audiences: [API] },
          { ...secret('undecided'), scopes: ['read', 'admin'] },
          { ...secret('basic-only'), authMethods: ['client_secret_basic'], defaultAudience: API },
          { ...secret('post-only'), authMethods: ['client_secret_post'], defaultAudience: API },
          { clientId: 'odd:%+&=', secret: hashed('odd:% +&=/?"\\~'), defaultAudience: API },
          {
            clientId: 'rotating',
            secrets: [hashed('the old secret of rotating'), hashed('the new secret of rotating')],
            defaultAudience: API,
          },
          { ...secret('reference'), scopes: ['read'], defaultAudience: API, tokenFormat: 'opaque' },
          { ...secret('checker'), introspects: true, defaultAudience: API },
          { ...secret('legacy'), ...legacy },
          { ...secret('legacy-2'), ...legacy },
          { ...secret('legacy-reference'), ...legacy, tokenFormat: 'opaque' },
          { ...secret('legacy-once'), ...legacy, grants: ['password'] },
          { clientId: 'phone', public: true, ...legacy },
        ],
        users: [
          {
            username: 'ada',
            password,
            claims: { name: 'Ada L', email: 'ada@example.com', email_verified: true, favourite: 'none of yours' },
          },
        ],
      },
    ],
    apis: [
      {
        id: 'orders',
        realm: 'orders',
        upstream,
        audience: API,
        routes: [{ methods: ['POST'], path: '/orders', scopes: ['write'] }],
        otherwise: 'authenticated',
      },
    ],
  }
}

export interface Orders extends TestServer {
  readonly tokenUrl: string
  /** The URL of another endpoint by its last word: introspect, revoke, userinfo. */
  url(endpoint: string): string
  /** A token request by this client with Basic. */
  token(clientId: string, parameters: Record<string, string>): Promise<Answer>
  /** access_token and refresh_token of ada's sign-in. */
  signIn(clientId: string, scope?: string): Promise<{ access: string; refresh: string }>
  introspect(token: string, caller?: string): Promise<Record<string, unknown>>
  callApi(token: string, path?: string, method?: string): Promise<number>
}

export async function startOrders(): Promise<Orders> {
  const upstream = await startEcho()
  const server = await startConfigured(await ordersConfig(upstream.origin))
  const url = (endpoint: string): string => `${server.origin}${ISSUER_PATH}/oauth2/${endpoint}`
  const token: Orders['token'] = (clientId, parameters) =>
    clientId === 'phone'
      ? postForm(url('token'), { client_id: 'phone', ...parameters })
      : postForm(url('token'), parameters, basic(clientId, secretOf(clientId)))
  return {
    ...server,
    tokenUrl: url('token'),
    url,
    token,
    async signIn(clientId, scope) {
      const answer = await token(clientId, {
        grant_type: 'password',
        username: 'ada',
        password: PASSWORD,
        ...(scope !== undefined && { scope }),
      })
      if (answer.status !== 200) throw new Error(`no sign-in: ${answer.text}`)
      return { access: String(answer.json['access_token']), refresh: String(answer.json['refresh_token']) }
    },
    introspect: async (one, caller = 'checker') =>
      (await postForm(url('introspect'), { token: one }, basic(caller, secretOf(caller)))).json,
    async callApi(one, path = '/', method = 'GET') {
      const response = await fetch(`${server.origin}/apis/orders${path}`, { method, headers: { authorization: `Bearer ${one}` } })
      await response.body?.cancel()
      return response.status
    },
    async close() {
      await server.close()
      await upstream.close()
    },
  }
}
