// The guarded APIs that the gateway's tests call, each with one thing different, and their upstreams.
import { basic, postForm } from '../harness/http.ts'
import type { RawAnswer } from '../harness/raw.ts'
import { sendAs } from '../harness/raw.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho, startUpstream } from '../harness/upstream.ts'
import { API, hashed } from '../issue/orders.ts'

const SECRET = 'a secret that is long enough'

export interface Shop extends TestServer {
  /** Authorization of a token with the scopes read and write. */
  readonly bearer: string
  /** The same with read alone. */
  readonly reader: string
  call(path: string, options?: { method?: string; headers?: Record<string, string>; body?: string }): Promise<RawAnswer>
}

export async function startShop(): Promise<Shop> {
  const echo = await startEcho()
  const special = await startUpstream((request, response) => {
    request.resume()
    if (request.url === '/204') response.writeHead(204, { 'x-seen': 'yes' }).end()
    else if (request.url === '/304') response.writeHead(304, { etag: '"one"' }).end()
    else if (request.url === '/hop')
      response
        .writeHead(200, {
          connection: 'close, x-private',
          'x-private': 'mine',
          'proxy-authenticate': 'Basic',
          'keep-alive': 'timeout=99',
          'x-public': 'yours',
          'set-cookie': ['a=1', 'b=2'],
        })
        .end('x')
    else if (request.url === '/500') response.writeHead(500, { 'content-type': 'text/plain' }).end('upstream trouble')
    else if (request.url === '/broken') response.socket?.destroy()
    else response.writeHead(200, { 'content-length': '5', 'content-type': 'text/plain' }).end('hello')
  })
  const gone = await startUpstream(() => undefined)
  await gone.close()
  const common = { realm: 'shop', upstream: echo.origin }
  const routes = [
    { methods: ['GET'], path: '/orders/:id', scopes: ['read'] },
    { methods: ['POST', 'DELETE'], path: '/orders/:id', scopes: ['write'] },
    { path: '/both/*', scopes: ['read', 'write'] },
  ]
  const server = await startConfigured({
    realms: [
      {
        id: 'shop',
        scopes: ['read', 'write'],
        audiences: [API],
        clients: [{ clientId: 'one', secret: hashed(SECRET), scopes: ['read', 'write'] }],
      },
    ],
    apis: [
      { id: 'orders', ...common, hosts: ['api.example.com'] },
      { id: 'based', ...common, upstream: `${echo.origin}/base/` },
      { id: 'deep', ...common, prefix: '/apis/orders/deep' },
      { id: 'closed', ...common, routes, otherwise: 'deny' },
      { id: 'open', ...common, routes, otherwise: 'authenticated' },
      { id: 'unsaid', ...common, routes },
      { id: 'strip', ...common, credentials: 'strip' },
      { id: 'special', ...common, upstream: special.origin },
      { id: 'gone', ...common, upstream: gone.origin },
    ],
  })
  const token = async (scope: string): Promise<string> => {
    const { json } = await postForm(
      `${server.origin}/realms/shop/oauth2/token`,
      { grant_type: 'client_credentials', scope },
      basic('one', SECRET),
    )
    return `Bearer ${String(json['access_token'])}`
  }
  const bearer = await token('read write')
  return {
    ...server,
    bearer,
    reader: await token('read'),
    call: (path, { headers = {}, ...rest } = {}) =>
      sendAs(server.origin + path, { headers: { authorization: bearer, ...headers }, ...rest }),
    async close() {
      await server.close()
      await Promise.all([echo.close(), special.close()])
    },
  }
}

/** The fields that the echoing upstream received. */
export function seen(answer: RawAnswer): Record<string, string> {
  return answer.json['headers'] as Record<string, string>
}
