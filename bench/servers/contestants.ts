// Who takes part in the issuance benchmark: Countersign, the bare limit in its three ways, and the peers. One row each.
import { generateKeyPairSync } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { JSONWebKeySet, JWK } from 'jose'
import type { BenchAlgorithm } from './asked.ts'
import { createFolder, jwksPath, tokenPath } from './countersign.ts'
import { spawnServer } from './server_process.ts'

/** `tuned`: a peer whose operator moved signing to the thread pool by hand. */
export type Role = 'ours' | 'limit' | 'oidc-provider' | 'peer' | 'tuned'

export interface Contestant {
  readonly name: string
  readonly role: Role
  /** Its token endpoint. */
  readonly url: string
  readonly pid: number
  /** What its tokens verify with. */
  readonly jwks: JSONWebKeySet
  readonly stop: () => Promise<void>
}

/** All of them, each in a process of its own, for tokens of one algorithm. */
export async function startContestants(algorithm: BenchAlgorithm): Promise<readonly Contestant[]> {
  const key = createKey(algorithm)
  return await Promise.all([startCountersign(algorithm), ...PEERS.map((row) => startPeer(row, key))])
}

async function startCountersign(algorithm: BenchAlgorithm): Promise<Contestant> {
  const folder = await createFolder()
  const server = await spawnServer([...folder.args, '--port', '0', '--management-port', '0'], folder.env)
  const response = await fetch(server.origin + jwksPath(algorithm))
  return {
    name: 'countersign',
    role: 'ours',
    url: server.origin + tokenPath(algorithm),
    pid: server.pid,
    jwks: (await response.json()) as JSONWebKeySet,
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
  { name: 'oauth2-server on Fastify, at once', role: 'peer', file: 'oauth2_server.ts', way: 'sync' },
  { name: 'oauth2-server on Fastify, pool', role: 'tuned', file: 'oauth2_server.ts', way: 'pool' },
]

async function startPeer({ name, role, file, way }: PeerRow, key: PeerKeyPair): Promise<Contestant> {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const server = await spawnServer([path], { BENCH_KEY: JSON.stringify(key.privateJwk), BENCH_WAY: way, NODE_ENV: 'production' })
  return { name, role, url: `${server.origin}/token`, pid: server.pid, jwks: { keys: [key.publicJwk] }, stop: () => server.stop() }
}

interface PeerKeyPair {
  readonly privateJwk: JWK
  readonly publicJwk: JWK
}

/** One key for all peers, made anew for each run. */
function createKey(algorithm: BenchAlgorithm): PeerKeyPair {
  const pair =
    algorithm === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const names = { kid: 'bench', alg: algorithm, use: 'sig' }
  return {
    privateJwk: { ...(pair.privateKey.export({ format: 'jwk' }) as JWK), ...names },
    publicJwk: { ...(pair.publicKey.export({ format: 'jwk' }) as JWK), ...names },
  }
}
