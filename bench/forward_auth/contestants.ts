// nginx in front of nginx by the recipe of examples/forward-auth, and whom it asks about each request: nobody, a server that says yes, Countersign.
import { fileURLToPath } from 'node:url'
import type { ProxyProgram } from '../../packages/server/test/proxies/programs.ts'
import { PROXY_PROGRAMS, startProxy } from '../../packages/server/test/proxies/programs.ts'
import { CLIENT_ID, TOKEN_BODY } from '../servers/asked.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import type { ServerProcess } from '../servers/server_process.ts'
import { spawnServer } from '../servers/server_process.ts'

export interface Contestant {
  readonly name: string
  readonly role: 'ours' | 'limit'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Of who is asked; undefined: nobody is. */
  readonly pid: number | undefined
}

export interface Contest {
  readonly contestants: readonly Contestant[]
  readonly stop: () => Promise<void>
}

const NGINX = PROXY_PROGRAMS.find(({ name }) => name === 'nginx')
/** Why nothing can be measured, or false. */
export const noNginx: string | false = NGINX?.program === undefined ? 'nginx is not installed' : false

const API_KEY = 'bench-api-key-that-is-long-enough'
const BODY = JSON.stringify({ orders: [{ id: 17, state: 'open', lines: 3 }], next: null })
/** In place of the recipe, at the same address. */
const upstreamOf = (recipe: string): string =>
  `server { ${/listen [^;]+;/.exec(recipe)?.[0]} keepalive_requests 1000000; default_type application/json; location / { return 200 '${BODY}'; } }`
const PLAN = { requests: { rates: [{ limit: 1_000_000, per: '1s' }], perDay: 1_000_000_000, perMonth: 10_000_000_000 } }

export async function startContest(): Promise<Contest> {
  const ends: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of ends.toReversed()) await end()
  }
  try {
    const upstream = await proxy({ countersign: 'http://127.0.0.1:1', upstream: 'http://127.0.0.1:1' }, upstreamOf, ends)
    const front = (asked: string, change = (text: string) => text) =>
      proxy(
        { countersign: asked, upstream },
        (text) => change(text).replaceAll(/keepalive 64;/g, 'keepalive 64; keepalive_requests 1000000;'),
        ends,
      )
    const yes = await spawnServer([fileURLToPath(new URL('./yes.ts', import.meta.url))], {})
    ends.push(() => yes.stop())
    const bare = await front(yes.origin, (text) => text.replace('auth_request /.countersign;', ''))
    const limits = [
      { name: 'nginx asks nobody', role: 'limit' as const, url: `${bare}/orders/17`, headers: {}, pid: undefined },
      {
        name: 'nginx asks bare node:http, which says yes',
        role: 'limit' as const,
        url: `${await front(yes.origin)}/orders/17`,
        headers: {},
        pid: yes.pid,
      },
    ]
    const plain = await startCountersign({}, ends)
    const planned = await startCountersign({ data: true, plan: true }, ends)
    const ours = async (name: string, { server, headers }: Started): Promise<Contestant> => ({
      name,
      role: 'ours',
      url: `${await front(server.origin)}/orders/17`,
      headers,
      pid: server.pid,
    })
    return {
      contestants: [
        ...limits,
        await ours('nginx asks countersign, counts in memory', plain),
        await ours('nginx asks countersign: key, bearer, rate, volumes, in a file', planned),
      ],
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function proxy(
  addresses: { readonly countersign: string; readonly upstream: string },
  change: (text: string) => string,
  ends: (() => Promise<void>)[],
): Promise<string> {
  const { origin, close } = await startProxy(nginx(), addresses, {
    change: (text) => change(text.replaceAll('/realms/shop/', '/realms/es256/')),
  })
  ends.push(close)
  return origin
}

function nginx(): ProxyProgram {
  if (NGINX === undefined) throw new Error('there is no recipe for nginx')
  return NGINX
}

interface Started {
  readonly server: ServerProcess
  readonly headers: Readonly<Record<string, string>>
}

async function startCountersign({ data = false, plan = false }, ends: (() => Promise<void>)[]): Promise<Started> {
  const apis = [{ id: 'orders', realm: 'es256', upstream: 'http://127.0.0.1:1', forwardAuth: true, ...(plan && { apiKey: 'required' }) }]
  const clients = [{ clientId: CLIENT_ID, secret: { env: 'BENCH_SECRET' }, apiKeys: [{ key: { env: 'BENCH_API_KEY' } }] }]
  const folder = await createFolder({ data, top: { apis }, realm: { clients, ...(plan && { plan: PLAN }) } })
  ends.push(() => folder.remove())
  const server = await spawnServer([...folder.args, '--port', '0', '--management-port', '0'], { ...folder.env, BENCH_API_KEY: API_KEY })
  ends.push(() => server.stop())
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await fetch(server.origin + tokenPath('ES256'), { method: 'POST', headers: form, body: TOKEN_BODY })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  return { server, headers: { Authorization: `Bearer ${token}`, 'X-API-Key': API_KEY } }
}
