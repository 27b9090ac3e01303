// Who takes part in the issuance benchmark: Countersign, the bare limit in its three ways, and the peers. One row each.
import { generateKeyPairSync } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { ALGORITHMS, type BenchAlgorithm } from './asked.ts'
import { createFolder, tokenPath } from './countersign.ts'
import { spawnServer } from './server_process.ts'

export type Role = 'ours' | 'limit' | 'oidc-provider' | 'peer'

export interface Contestant {
  readonly name: string
  readonly role: Role
  /** Token endpoint for an algorithm. */
  readonly url: (algorithm: BenchAlgorithm) => string
  readonly pid: (algorithm: BenchAlgorithm) => number
  readonly stop: () => Promise<void>
}

export async function startCountersign(): Promise<Contestant> {
  const folder = await createFolder()
  const server = await spawnServer([...folder.args, '--port', '0', '--management-port', '0'], folder.env)
  return {
    name: 'countersign',
    role: 'ours',
    url: (algorithm) => server.origin + tokenPath(algorithm),
    pid: () => server.pid,
    stop: async () => {
      await server.stop()
      await folder.remove()
    },
  }
}

interface PeerRow {
  readonly name: string
  readonly role: Role
  readonly file: string
  readonly way: string
}

const PEERS: readonly PeerRow[] = [
  { name: 'bare node:http, signs at once', role: 'limit', file: 'bare.ts', way: 'sync' },
  { name: 'bare node:http, signs in the pool', role: 'limit', file: 'bare.ts', way: 'pool' },
  { name: 'bare node:http, signs in company', role: 'limit', file: 'bare.ts', way: 'batch' },
  { name: 'oidc-provider', role: 'oidc-provider', file: 'oidc_provider.ts', way: '' },
  { name: 'oauth2-server on Fastify, jose', role: 'peer', file: 'oauth2_server.ts', way: 'jose' },
  { name: 'oauth2-server on Fastify, node:crypto pool', role: 'peer', file: 'oauth2_server.ts', way: 'pool' },
]

/** A peer's algorithm is its process's: it runs one process for each. */
export async function startPeers(algorithms: readonly BenchAlgorithm[] = ALGORITHMS): Promise<readonly Contestant[]> {
  const contestants: Contestant[] = []
  for (const { name, role, file, way } of PEERS) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    const processes = new Map(
      await Promise.all(
        algorithms.map(async (algorithm) => {
          const env = { BENCH_KEY: JSON.stringify(KEYS[algorithm]), BENCH_WAY: way, NODE_ENV: 'production' }
          return [algorithm, await spawnServer([path], env)] as const
        }),
      ),
    )
    contestants.push({
      name,
      role,
      url: (algorithm) => `${processes.get(algorithm)?.origin}/token`,
      pid: (algorithm) => processes.get(algorithm)?.pid ?? 0,
      stop: async () => void (await Promise.all([...processes.values()].map((one) => one.stop()))),
    })
  }
  return contestants
}

/** The peers' private keys as JWKs, made anew for each run. */
const KEYS: Readonly<Record<BenchAlgorithm, object>> = {
  ES256: { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid: 'bench-ec', alg: 'ES256', use: 'sig' },
  RS256: { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: 'bench-rsa', alg: 'RS256', use: 'sig' },
}
