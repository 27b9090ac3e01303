// The same server with one process and with several, on SQLite and on PostgreSQL; and what each is asked.
import { fileURLToPath } from 'node:url'
import { noPostgres, startPostgres } from '../../packages/server/test/postgres/server.ts'
import type { Load } from '../load/loader.ts'
import { ALGORITHMS, TOKEN_BODY } from '../servers/asked.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import { familySeconds, spawnServer } from '../servers/server_process.ts'

export const KINDS = ['tokens, ES256', 'tokens, RS256', 'forward-auth', 'gateway'] as const
export type Kind = (typeof KINDS)[number]

export interface Contestant {
  readonly database: 'SQLite' | 'PostgreSQL'
  readonly workers: number
  readonly load: (kind: Kind) => Pick<Load, 'url' | 'body' | 'headers'>
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
  const folder = await createFolder({ data: url === undefined, top: { apis } })
  ends.push(() => folder.remove())
  const args = [...folder.args, '--workers', String(workers), '--port', '0', '--management-port', '0']
  const server = await spawnServer([...args, ...(url === undefined ? [] : ['--database', url])], folder.env)
  ends.push(() => server.stop())
  const authorization = `Bearer ${await tokenOf(server.origin)}`
  const loads: Readonly<Record<Kind, Pick<Load, 'url' | 'body' | 'headers'>>> = {
    'tokens, ES256': { url: server.origin + tokenPath('ES256'), body: TOKEN_BODY },
    'tokens, RS256': { url: server.origin + tokenPath('RS256'), body: TOKEN_BODY },
    'forward-auth': {
      url: `${server.origin}/realms/es256/forward-auth/orders-es256/nginx`,
      headers: { Authorization: authorization, 'X-Original-Method': 'GET', 'X-Original-URI': '/orders/17' },
    },
    gateway: { url: `${server.origin}/apis/orders-es256/orders/17`, headers: { Authorization: authorization } },
  }
  return { database, workers, load: (kind) => loads[kind], processorSeconds: () => familySeconds(server.pid) }
}

async function tokenOf(origin: string): Promise<string> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await fetch(origin + tokenPath('ES256'), { method: 'POST', headers, body: TOKEN_BODY })
  const { access_token } = (await response.json()) as { access_token?: string }
  if (access_token === undefined) throw new Error(`countersign gave no token: status ${response.status}`)
  return access_token
}
