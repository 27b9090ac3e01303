// How a command reaches the state without going through a server: by its data folder, its database or its configuration. A server may be
// running on the same one: it sees what changes within a second. Owns no command.
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { Act } from '../model/audit.ts'
import type { Configuration } from '../model/configuration.ts'
import type { DatabaseSettings } from '../model/database.ts'
import type { Store } from '../model/store.ts'
import { StoreUnavailable } from '../model/store.ts'
import { DATABASE_FILE, openSql } from '../server/open_store.ts'
import type { Sql } from '../store/sql.ts'
import type { Io } from './command.ts'
import { UsageError } from './command.ts'

/** For `parseArgs`, beside the command's own. */
export const AT_REST_OPTIONS = {
  data: { type: 'string' },
  config: { type: 'string' },
  database: { type: 'string' },
} as const

const PLACES = [
  ['--data DIR', 'folder of the database file'],
  ['--database URL', 'the PostgreSQL server, postgres://user@host/database'],
  ['--config FILE', "the server's configuration: names either, and the master key that sealed things need"],
] as const
const VARIABLES = 'Each is also an environment variable, COUNTERSIGN_DATA, COUNTERSIGN_DATABASE and COUNTERSIGN_CONFIG; flags win.'

/** For `--help` of a command that only reads, or that no server runs beside. @param width of the column of options */
export function placesUsage(width: number): string {
  return `${PLACES.map(([option, says]) => `  ${option.padEnd(width)}${says}\n`).join('')}\n${VARIABLES}`
}

/** For `--help` of a command that changes something beside a server, below the command's own. @param width of the column of options */
export function atRestUsage(width: number): string {
  return `${placesUsage(width)} A server that\nruns on the same database sees a change within a second.`
}

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
  const configuration = await readConfiguration(options, io)
  const settings = configuration?.database ?? (await readSettings(options, io))
  refuseNothing(settings, configuration)
  const store = await open(settings)
  return {
    store,
    configuration,
    masterKey: configuration?.masterKey ?? null,
    act: actOfCommand(),
    close: () => store.close(),
  }
}

/** The database that the options name; memory is none. Nothing is opened. @throws UsageError, ConfigError */
export async function databaseOf(options: AtRestOptions, io: Io): Promise<Exclude<DatabaseSettings, { kind: 'memory' }>> {
  const configuration = await readConfiguration(options, io)
  const settings = configuration?.database ?? (await readSettings(options, io))
  if (settings.kind === 'memory') throw new UsageError(NOT_SAID)
  return settings
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

async function readConfiguration({ data, database, config }: AtRestOptions, { env }: Io): Promise<Configuration | undefined> {
  const file = config ?? variable(env, 'COUNTERSIGN_CONFIG')
  if (file === undefined || file === '') return undefined
  const { loadConfiguration } = await import('../config/config.ts')
  return (await loadConfiguration({ file, env, flags: { data, database } })).configuration
}

async function readSettings({ data, database }: AtRestOptions, { env }: Io): Promise<DatabaseSettings> {
  const [{ resolveDatabase }, { ConfigError, noFindings, sentence }] = await Promise.all([
    import('../config/database.ts'),
    import('../config/error.ts'),
  ])
  const findings = noFindings()
  const settings = await resolveDatabase({ realms: [] }, { flags: { data, database }, env, folder: '.', demo: false }, findings)
  if (findings.mistakes.length > 0) throw new ConfigError(findings.mistakes.map(sentence))
  return settings
}

const NOT_SAID =
  'It is not said where the data is: name its folder with --data DIR, the PostgreSQL server with --database URL, or the configuration with --config FILE.'

function refuseNothing(settings: DatabaseSettings, configuration: Configuration | undefined): void {
  if (settings.kind === 'memory' && configuration === undefined) throw new UsageError(NOT_SAID)
  if (settings.kind === 'memory')
    throw new UsageError('The configuration keeps its state in memory, where no command reaches it: name a data folder with --data DIR.')
  refuseMissing(settings)
}

/** Nothing is created by looking: SQLite would make the file. */
export function refuseMissing(settings: DatabaseSettings): void {
  if (settings.kind !== 'sqlite') return
  const file = join(settings.folder, DATABASE_FILE)
  if (!existsSync(file))
    throw new UsageError(`There is no database ${file}: name the folder that \`countersign serve\` keeps its data in with --data DIR.`)
}

/** The database's driver is loaded here alone, so that `--help` need not wait for it. */
async function open(settings: DatabaseSettings): Promise<Store> {
  const { sqlStore } = await import('../store/sql_store.ts')
  return sqlStore(await openOrRefuse(settings))
}

async function openOrRefuse(settings: DatabaseSettings): Promise<Sql> {
  try {
    return await openSql(settings)
  } catch (error) {
    throw error instanceof StoreUnavailable ? new UsageError(error.message) : error
  }
}

/** An empty one is none. */
function variable(env: Io['env'], name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/** For the audit rows of what a command does now. */
export function actOfCommand(): Act {
  return { at: Math.floor(Date.now() / 1000), by: `command ${userName()}` }
}

/** A container may run as a user without a name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
