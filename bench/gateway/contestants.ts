// The gateways under test, each in a process of its own in front of the same upstream, with a token and fields that it lets in.
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { BenchAlgorithm } from '../servers/asked.ts'
import { ALGORITHMS, CLIENT_ID, TOKEN_BODY } from '../servers/asked.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import { spawnServer } from '../servers/server_process.ts'
import { createTokenMaker } from '../verification/tokens.ts'
import { startHaproxy } from './haproxy.ts'

export type Role = 'ours' | 'ours on all cores' | 'limit' | 'fastify' | 'haproxy'

export interface Contestant {
  readonly name: string
  readonly role: Role
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly pid: number
  readonly stop: () => Promise<void>
}

const API_KEY = 'bench-api-key-that-is-long-enough'
const PATH = '/orders/17'

/** Those that can be had on this machine; HAProxy is left out where it is not installed. */
export async function startContestants(algorithm: BenchAlgorithm): Promise<readonly Contestant[]> {
  const upstream = await spawnServer([fileOf('upstream.ts')], {})
  const maker = createTokenMaker(algorithm)
  const headers = { Authorization: `Bearer ${maker.make()}` }
  const env = {
    BENCH_UPSTREAM: upstream.origin,
    BENCH_ALGORITHM: algorithm,
    BENCH_PUBLIC_KEY: maker.publicKey.export({ format: 'pem', type: 'spki' }),
    NODE_ENV: 'production',
  }
  const ours = await startCountersign(algorithm, upstream.origin, 1)
  const cores = availableParallelism()
  const workers = cores > 1 ? [await startCountersign(algorithm, upstream.origin, cores)] : []
  const bare = await spawnServer([fileOf('bare.ts')], env)
  const fastify = await spawnServer([fileOf('fastify.ts')], env)
  const haproxy = await startHaproxy(upstream.origin, maker)
  const peers = [
    { name: 'bare node:http and undici, no check', role: 'limit' as const, server: bare },
    { name: '@fastify/http-proxy, jwt, rate-limit', role: 'fastify' as const, server: fastify },
    ...(haproxy ? [{ name: 'HAProxy, jwt_verify, stick-table', role: 'haproxy' as const, server: haproxy }] : []),
  ]
  const all = [
    ours,
    ...workers,
    ...peers.map(({ name, role, server }) => ({
      name,
      role,
      headers,
      url: server.origin + PATH,
      pid: server.pid,
      stop: () => server.stop(),
    })),
  ]
  // The upstream goes last.
  return all.map((one) =>
    one === ours ? { ...one, stop: async () => Promise.all([one.stop(), upstream.stop()]).then(() => undefined) } : one,
  )
}

/** With everything on: API key and bearer, a rate, volumes by day and month, every request counted in a file with synchronous=FULL. */
async function startCountersign(algorithm: BenchAlgorithm, upstream: string, workers: number): Promise<Contestant> {
  const plan = { requests: { rates: [{ limit: 1_000_000, per: '1s' }], perDay: 1_000_000_000, perMonth: 10_000_000_000 } }
  const apis = ALGORITHMS.map((one) => ({ id: idOf(one), realm: one.toLowerCase(), upstream, apiKey: 'required' }))
  const clients = [{ clientId: CLIENT_ID, secret: { env: 'BENCH_SECRET' }, apiKeys: [{ key: { env: 'BENCH_API_KEY' } }] }]
  const folder = await createFolder({ top: { apis }, realm: { plan, clients } })
  const args = [...folder.args, '--workers', String(workers), '--port', '0', '--management-port', '0']
  const server = await spawnServer(args, { ...folder.env, BENCH_API_KEY: API_KEY })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await fetch(server.origin + tokenPath(algorithm), { method: 'POST', headers: form, body: TOKEN_BODY })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  return {
    name: `countersign${workers > 1 ? `, ${workers} workers` : ''}: key, bearer, rate, volumes, metering`,
    role: workers > 1 ? 'ours on all cores' : 'ours',
    url: `${server.origin}/apis/${idOf(algorithm)}${PATH}`,
    headers: { Authorization: `Bearer ${token}`, 'X-API-Key': API_KEY },
    pid: server.pid,
    stop: async () => {
      await server.stop()
      await folder.remove()
    },
  }
}

function idOf(algorithm: BenchAlgorithm): string {
  return `orders-${algorithm.toLowerCase()}`
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
