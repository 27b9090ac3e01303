// The realms of the token exchange tests: apps whose users' tokens come, and brokers that exchange them, as an operator would write them.
import assert from 'node:assert/strict'
import { standard } from '@countersign/protocol/dialect/builtin/standard'
import type { ConfigInput } from '../../src/config/input.ts'
import { hashPassword } from '../../src/issue/password.ts'
import type { Answer } from '../harness/http.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { API, FILES, hashed, PASSWORD, secretOf } from './orders.ts'

export const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const TYPE = 'urn:ietf:params:oauth:token-type:'
export const ACCESS_TOKEN = `${TYPE}access_token`
export const MAIL = 'https://mail.example.com'

/** Who signs in where; default: ada by `app` of realm `orders`. */
interface SignIn {
  readonly client?: string
  readonly realm?: string
  readonly user?: string
  readonly scope?: string
  readonly headers?: Record<string, string>
}

export interface Brokers extends TestServer {
  /** Its clock, epoch seconds. */
  now(): number
  /** Sets the clock forward. */
  pass(seconds: number): void
  /** The URL of an endpoint by its last word. */
  url(endpoint: string, realm?: string): string
  /** The whole token response. */
  signIn(who?: SignIn): Promise<Record<string, string>>
  userToken(who?: SignIn): Promise<string>
  /** A token of a client in its own name. */
  serviceToken(client: string, scope?: string): Promise<string>
  /** The request to exchange `subject`, by `broker` or another client. */
  exchange(subject: string, parameters?: Record<string, string>, client?: string): Promise<Answer>
  /** The token that such a request must give. */
  exchanged(subject: string, parameters?: Record<string, string>, client?: string): Promise<string>
  introspect(token: string): Promise<Record<string, unknown>>
  callApi(token: string): Promise<number>
}

const START = 1_800_000_000

/** @param data folder of the database; default: in memory */
export async function startBrokers(data?: string): Promise<Brokers> {
  let clock = START
  const upstream = await startEcho()
  const server = await startConfigured(await brokersConfig(upstream.origin, data), {}, () => clock)
  const url: Brokers['url'] = (endpoint, realm = 'orders') => `${server.origin}/realms/${realm}/oauth2/${endpoint}`
  const signIn: Brokers['signIn'] = async ({ client = 'app', realm, user = 'ada', scope, headers = {} } = {}) => {
    const parameters = { grant_type: 'password', username: user, password: PASSWORD, ...(scope !== undefined && { scope }) }
    return PUBLIC.has(client)
      ? granted(await postForm(url('token', realm), { ...parameters, client_id: client }, headers))
      : granted(await postForm(url('token', realm), parameters, { ...basic(client, secretOf(client)), ...headers }))
  }
  const exchange: Brokers['exchange'] = (subject, parameters, client = 'broker') =>
    postForm(
      url('token'),
      { grant_type: GRANT, subject_token: subject, subject_token_type: ACCESS_TOKEN, ...parameters },
      basic(client, secretOf(client)),
    )
  return {
    ...server,
    now: () => clock,
    pass: (seconds) => {
      clock += seconds
    },
    url,
    signIn,
    userToken: async (who) => tokenOf(await signIn(who)),
    async serviceToken(client, scope) {
      const parameters = { grant_type: 'client_credentials', audience: API, ...(scope !== undefined && { scope }) }
      return tokenOf(granted(await postForm(url('token'), parameters, basic(client, secretOf(client)))))
    },
    exchange,
    exchanged: async (...request) => tokenOf(granted(await exchange(...request))),
    introspect: async (token) => (await postForm(url('introspect'), { token }, basic('plain', secretOf('plain')))).json,
    async callApi(token) {
      const response = await fetch(`${server.origin}/apis/orders/`, { headers: { authorization: `Bearer ${token}` } })
      await response.body?.cancel()
      return response.status
    },
    async close() {
      await server.close()
      await upstream.close()
    },
  }
}

const PUBLIC = new Set(['app', 'stranger'])

function granted({ status, json, text }: Answer): Record<string, string> {
  assert.equal(status, 200, text)
  return json as Record<string, string>
}

function tokenOf({ access_token = '' }: Record<string, string>): string {
  return access_token
}

/** Two realms as alike as can be, so that only issuer and keys tell their tokens apart. */
async function brokersConfig(upstream: string, data?: string): Promise<ConfigInput> {
  const password = { hash: await hashPassword(PASSWORD) }
  const app = { grants: ['password', 'refresh_token'] as const, scopes: ['read', 'write', 'email'], defaultAudience: API }
  const exchange = { actorScope: 'exchange', subjectClients: ['app', 'app-reference'], audiences: [API, FILES], scopes: ['read', 'write'] }
  const broker = { grants: ['client_credentials', GRANT] as const, scopes: ['exchange', 'read'], audiences: [API, FILES] }
  const confidential = (clientId: string) => ({ clientId, secret: hashed(secretOf(clientId)) })
  const realm = (id: string): ConfigInput['realms'][number] => ({
    id,
    scopes: ['read', 'write', 'admin', 'email', 'exchange'],
    audiences: [API, FILES, MAIL],
    clients: [
      { ...app, clientId: 'app', public: true },
      { ...app, ...confidential('app-reference'), tokenFormat: 'opaque' },
      { ...app, clientId: 'stranger', public: true },
      { ...broker, ...confidential('broker'), defaultAudience: API, exchanges: [exchange], accessTokenLifetime: 3600, reuse: true },
      { ...broker, ...confidential('broker-reference'), defaultAudience: API, exchanges: [exchange], tokenFormat: 'opaque' },
      { ...broker, ...confidential('undecided'), defaultAudience: null, exchanges: [exchange] },
      { ...broker, ...confidential('unscoped'), scopes: ['read'], exchanges: [exchange] },
      {
        ...broker,
        ...confidential('two-rules'),
        audiences: [API, FILES, MAIL],
        exchanges: [
          { audiences: [API], scopes: ['read'] },
          { audiences: [FILES], scopes: ['write'] },
        ],
      },
      { ...broker, ...confidential('relay'), defaultAudience: API, exchanges: [{ audiences: [API], scopes: ['read'] }] },
      { ...app, ...broker, ...confidential('mixed'), grants: ['password', 'client_credentials', GRANT], exchanges: [exchange] },
      { ...confidential('plain'), grants: ['client_credentials'], defaultAudience: API, introspects: true },
    ],
    users: ['ada', 'bob'].map((username) => ({ id: `user-${username}`, username, password })),
  })
  const mayAct = [...standard.claims.members, { name: 'may_act', constant: { sub: 'broker' } }]
  return {
    realms: [
      realm('orders'),
      realm('twin'),
      { ...realm('wave'), dialects: ['auth0'] },
      { ...realm('delegating'), dialects: [{ extends: 'standard', name: 'delegating', claims: { members: mayAct } }] },
    ],
    apis: [{ id: 'orders', realm: 'orders', upstream, audience: API, otherwise: 'authenticated' }],
    ...(data !== undefined && { data }),
  }
}
