// How a command reaches the state without going through a server: by its data folder or its configuration. A server may be running on
// the same file: it sees what changes within a second. Owns no command.
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import type { Act } from '../model/audit.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Store } from '../model/store.ts'
import { StoreUnavailable } from '../model/store.ts'
import type { Io } from './command.ts'
import { UsageError } from './command.ts'

/** For `parseArgs`, beside the command's own. */
export const AT_REST_OPTIONS = {
  data: { type: 'string' },
  config: { type: 'string' },
  database: { type: 'string' },
} as const

/** For `--help`, below the command's own. */
export const AT_REST_USAGE = `  --data DIR      folder of the database file
  --config FILE   the server's configuration: names the folder, and the master key that sealed things need

Both are also environment variables, COUNTERSIGN_DATA and COUNTERSIGN_CONFIG; flags win. A server that runs on the same
database sees a change within a second.`

export interface AtRestOptions {
  readonly data?: string
  readonly config?: string
  readonly database?: string
}

export interface AtRest {
  readonly store: Store
  /** undefined without --config. */
  readonly configuration: Configuration | undefined
  /** Opens what is sealed; null without --config, or if that names none. */
  readonly masterKey: Uint8Array | null
  /** For everything this command changes. */
  readonly act: Act
  close(): Promise<void>
}

/** @throws UsageError, ConfigError. Nothing is created by looking: a folder without a database is refused. */
async function openAtRest(options: AtRestOptions, io: Io): Promise<AtRest> {
  refuseDatabase(options, io)
  const configuration = await readConfiguration(options, io)
  const file = databaseFile(options, configuration, io)
  if (!existsSync(file)) {
    throw new UsageError(`There is no database ${file}: name the folder that \`countersign serve\` keeps its data in with --data DIR.`)
  }
  const store = await open(file)
  return {
    store,
    configuration,
    masterKey: configuration?.masterKey ?? null,
    act: { at: Math.floor(Date.now() / 1000), by: `command ${userName()}` },
    close: () => store.close(),
  }
}

/** Runs what a command does with the state, and closes it whatever happens. A database that cannot be used is one sentence, exit 2. */
export async function withAtRest<T>(options: AtRestOptions, io: Io, use: (atRest: AtRest) => Promise<T>): Promise<T> {
  const atRest = await openAtRest(options, io)
  try {
    return await use(atRest)
  } catch (error) {
    throw error instanceof StoreUnavailable ? new UsageError(error.message) : error
  } finally {
    await atRest.close()
  }
}

/** As compose.ts names it. */
const DATABASE_FILE = 'countersign.db'

function refuseDatabase({ database }: AtRestOptions, { env }: Io): void {
  if (database === undefined && variable(env, 'COUNTERSIGN_DATABASE') === undefined) return
  const name = database === undefined ? 'COUNTERSIGN_DATABASE' : '--database'
  throw new UsageError(`${name} cannot be used yet, since PostgreSQL is not there yet: name the data folder with --data DIR instead.`)
}

async function readConfiguration({ data, config }: AtRestOptions, { env }: Io): Promise<Configuration | undefined> {
  const file = config ?? variable(env, 'COUNTERSIGN_CONFIG')
  if (file === undefined || file === '') return undefined
  const { loadConfiguration } = await import('../config/config.ts')
  return (await loadConfiguration({ file, env, flags: { data } })).configuration
}

function databaseFile({ data }: AtRestOptions, configuration: Configuration | undefined, { env }: Io): string {
  const folder = configuration ? configuration.dataFolder : (data ?? variable(env, 'COUNTERSIGN_DATA'))
  if (folder === undefined || folder === '')
    throw new UsageError('It is not said where the data is: name its folder with --data DIR, or the configuration with --config FILE.')
  if (folder === null)
    throw new UsageError('The configuration keeps its state in memory, where no command reaches it: name a data folder with --data DIR.')
  return join(resolve(folder), DATABASE_FILE)
}

/** The database's driver is loaded here alone, so that `--help` need not wait for it. */
async function open(file: string): Promise<Store> {
  const { openSqliteStore } = await import('../store/adapters/sqlite.ts')
  try {
    return await openSqliteStore({ file })
  } catch (error) {
    throw error instanceof StoreUnavailable ? new UsageError(error.message) : error
  }
}

/** An empty one is none. */
function variable(env: Io['env'], name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/** A container may run as a user without a name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
