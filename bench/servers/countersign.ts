// Countersign as an operator runs it: the program itself, from its sources like `npm start`, with a database file behind it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchAlgorithm } from './asked.ts'
import { ALGORITHMS, AUDIENCE, CLIENT_ID, CLIENT_SECRET, LIFETIME } from './asked.ts'

export interface CountersignFolder {
  /** Arguments after `node` for serving the benchmark's two realms; ports are the caller's. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Holds the configuration, and the database in `data`. */
  readonly folder: string
  remove(): Promise<void>
}

export const tokenPath = (algorithm: BenchAlgorithm): string => `/realms/${realmOf(algorithm)}/oauth2/token`

export const jwksPath = (algorithm: BenchAlgorithm): string => `/realms/${realmOf(algorithm)}/.well-known/jwks.json`

const realmOf = (algorithm: BenchAlgorithm): string => algorithm.toLowerCase()

/** The entry that `npm start` runs. */
const MAIN = fileURLToPath(new URL('../../bin/countersign.mjs', import.meta.url))

export const SERVE: readonly string[] = ['-C', 'source', MAIN, 'serve']

/** What differs from an operator's usual configuration, where anything does. */
export interface FolderOptions {
  /** Whether state is kept in a file; without one it is in memory, and no token leaves an audit row. */
  readonly data?: boolean
  /** Further members of the configuration, and of each of its realms. */
  readonly top?: Readonly<Record<string, unknown>>
  readonly realm?: Readonly<Record<string, unknown>>
}

/** A folder of its own with configuration and data. One realm of the standard dialect for each algorithm. */
export async function createFolder({ data = true, top = {}, realm = {} }: FolderOptions = {}): Promise<CountersignFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const file = join(folder, 'countersign.json')
  const realms = ALGORITHMS.map((algorithm) => ({
    id: realmOf(algorithm),
    algorithm,
    audiences: [AUDIENCE],
    accessTokenLifetime: LIFETIME,
    clients: [{ clientId: CLIENT_ID, secret: { env: 'BENCH_SECRET' } }],
    ...realm,
  }))
  await writeFile(file, JSON.stringify({ ...(data && { data: 'data' }), masterKey: { env: 'BENCH_MASTER_KEY' }, ...top, realms }))
  return {
    folder,
    args: [...SERVE, '--config', file],
    env: { BENCH_SECRET: CLIENT_SECRET, BENCH_MASTER_KEY: Buffer.alloc(32, 7).toString('base64url') },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
