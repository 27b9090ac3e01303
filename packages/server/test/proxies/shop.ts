// The API that the proxies' tests call: the configuration of examples/forward-auth, and an upstream that remembers what reached it.
import type { IncomingHttpHeaders } from 'node:http'
import type { ConfigInput } from '../../src/config/input.ts'
import { basic, postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startUpstream } from '../harness/upstream.ts'
import { hashed } from '../issue/orders.ts'
import { recipe } from './programs.ts'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Shop extends TestServer {
  readonly upstream: string
  /** What reached the upstream, in order. */
  readonly received: Received[]
  /** Authorization of a token of the client with these scopes. */
  readonly bearer: (scope: string, client?: string) => Promise<string>
}

const SECRET = 'a secret that is long enough'
export const PROXY_SECRET = 'the secret of the proxy, long enough'
export const API_KEY = 'an-api-key-that-is-long-enough'
export const HOST = 'api.example.com'

export async function startShop(): Promise<Shop> {
  const received: Received[] = []
  const upstream = await startUpstream((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body }
      received.push(one)
      const status = request.url?.endsWith('/403') ? 403 : 200
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(one))
    })
  })
  const written = JSON.parse(recipe('countersign.config.json').replaceAll('http://127.0.0.1:9000', upstream.origin)) as ConfigInput
  const server = await startConfigured(withMore(written), { ONE_SECRET: SECRET }).catch(async (error: unknown) => {
    await upstream.close()
    throw error
  })
  return {
    ...server,
    upstream: upstream.origin,
    received,
    async bearer(scope, client = 'one') {
      const parameters = { grant_type: 'client_credentials', scope }
      const { json } = await postForm(`${server.origin}/realms/shop/oauth2/token`, parameters, basic(client, SECRET))
      return `Bearer ${String(json['access_token'])}`
    },
    async close() {
      await server.close()
      await upstream.close()
    },
  }
}

/** The configuration as it is, with a client that may send two requests, and APIs that differ from it in one thing each. */
function withMore(input: ConfigInput): ConfigInput {
  const [realm] = input.realms
  const [api] = input.apis ?? []
  if (!realm || !api) throw new Error('the example has a realm and an API')
  const few = {
    clientId: 'few',
    secret: hashed(SECRET),
    scopes: ['read'],
    plan: { requests: { rates: [{ limit: 2, per: '1h' as const, burst: 2 }] } },
  }
  const secured = { ...api, id: 'secured', hosts: [], forwardAuth: { secret: hashed(PROXY_SECRET) } }
  const { forwardAuth, ...closed } = { ...api, id: 'closed', hosts: [] }
  const keyed = { ...closed, id: 'keyed', apiKey: 'required' as const, forwardAuth }
  const asserted = { ...closed, id: 'asserted', assertion: true, forwardAuth }
  const [one, ...others] = realm.clients
  if (!one) throw new Error('the example has a client')
  const withKey = { ...one, apiKeys: [{ key: hashed(API_KEY), addresses: ['203.0.113.0/24'] }] }
  return { ...input, realms: [{ ...realm, clients: [withKey, ...others, few] }], apis: [api, secured, closed, keyed, asserted] }
}
