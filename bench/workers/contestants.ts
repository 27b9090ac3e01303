// The same server with one process and with several, on SQLite and on PostgreSQL; and what each is asked.
import { fileURLToPath } from 'node:url'
import { noPostgres, startPostgres } from '../../packages/server/test/postgres/server.ts'
import type { Load } from '../load/loader.ts'
import { ALGORITHMS, CLIENT_ID, CLIENT_SECRET, TOKEN_BODY } from '../servers/asked.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import { familySeconds, spawnServer } from '../servers/server_process.ts'

/** One whose line of the bill all processes write to, and more, each with a line of his own. */
const CLIENTS = [CLIENT_ID, ...Array.from({ length: 15 }, (_, n) => `${CLIENT_ID}-${n}`)]

export const KINDS = ['tokens, ES256', 'tokens, RS256', 'forward-auth', 'forward-auth, 16 clients', 'gateway'] as const
export type Kind = (typeof KINDS)[number]

type Asked = Pick<Load, 'url' | 'body' | 'headers' | 'authorizations'>

export interface Contestant {
  readonly database: 'SQLite' | 'PostgreSQL'
  readonly workers: number
  readonly load: (kind: Kind) => Asked
  /** Of all its processes so far. */
  readonly processorSeconds: () => number
}

export interface Contest {
  readonly contestants: readonly Contestant[]
  /** Why PostgreSQL is left out, or false. */
  readonly noPostgres: string | false
  readonly stop: () => Promise<void>
}

export async function startContest(workers: readonly number[]): Promise<Contest> {
  const ends: (() => Promise<void>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of ends.toReversed()) await end()
  }
  try {
    const upstream = await spawnServer([fileURLToPath(new URL('../gateway/upstream.ts', import.meta.url))], {})
    ends.push(() => upstream.stop())
    const postgres = noPostgres === false ? await startPostgres({ after: (end) => void ends.push(end) }) : undefined
    const contestants: Contestant[] = []
    for (const count of workers) {
      contestants.push(await startContestant('SQLite', count, upstream.origin, ends))
      if (postgres) contestants.push(await startContestant('PostgreSQL', count, upstream.origin, ends, await postgres.createDatabase()))
    }
    return { contestants, noPostgres, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startContestant(
  database: Contestant['database'],
  workers: number,
  upstream: string,
  ends: (() => Promise<void>)[],
  url?: string,
): Promise<Contestant> {
  const apis = ALGORITHMS.map((one) => ({ id: `orders-${one.toLowerCase()}`, realm: one.toLowerCase(), upstream, forwardAuth: true }))
  const clients = CLIENTS.map((clientId) => ({ clientId, secret: { env: 'BENCH_SECRET' } }))
  const folder = await createFolder({ data: url === undefined, top: { apis }, realm: { clients } })
  ends.push(() => folder.remove())
  const args = [...folder.args, '--workers', String(workers), '--port', '0', '--management-port', '0']
  const server = await spawnServer([...args, ...(url === undefined ? [] : ['--database', url])], folder.env)
  ends.push(() => server.stop())
  const authorizations = await Promise.all(CLIENTS.map(async (id) => `Bearer ${await tokenOf(server.origin, id)}`))
  const authorization = authorizations[0] ?? ''
  const forwardAuth = `${server.origin}/realms/es256/forward-auth/orders-es256/nginx`
  const original = { 'X-Original-Method': 'GET', 'X-Original-URI': '/orders/17' }
  const loads: Readonly<Record<Kind, Asked>> = {
    'tokens, ES256': { url: server.origin + tokenPath('ES256'), body: TOKEN_BODY },
    'tokens, RS256': { url: server.origin + tokenPath('RS256'), body: TOKEN_BODY },
    'forward-auth': { url: forwardAuth, headers: { ...original, Authorization: authorization } },
    'forward-auth, 16 clients': { url: forwardAuth, headers: original, authorizations },
    gateway: { url: `${server.origin}/apis/orders-es256/orders/17`, headers: { Authorization: authorization } },
  }
  return { database, workers, load: (kind) => loads[kind], processorSeconds: () => familySeconds(server.pid) }
}

async function tokenOf(origin: string, clientId: string): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: CLIENT_SECRET })
  const response = await fetch(origin + tokenPath('ES256'), { method: 'POST', headers, body })
  const { access_token } = (await response.json()) as { access_token?: string }
  if (access_token === undefined) throw new Error(`countersign gave no token: status ${response.status}`)
  return access_token
}
