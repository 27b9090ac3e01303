// countersign serve: from flags, environment and file to a running server, and down again at a signal.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoadedConfiguration, Progress } from '../config/config.ts'
import { loadConfiguration } from '../config/config.ts'
import type { Flags } from '../config/listen.ts'
import type { Configuration } from '../model/configuration.ts'
import type { RunningServer, ServeOptions } from '../server/compose.ts'
import { WORKER_VARIABLES, workFor } from '../server/workers_link.ts'
import { banner } from './banner.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { startSupervision } from './serve_workers.ts'
import { explained } from './start_error.ts'
import { startProgress } from './start_progress.ts'
import { stopSignal } from './stop_signal.ts'
import { version } from './version.ts'

export const command: Command = {
  summary: 'run the server',
  usage: `Usage: countersign serve (--demo | --config FILE) [OPTIONS]

  --config FILE           the configuration, .ts or .json (\`countersign init\` writes one)
  --demo                  five sample realms on loopback, state in memory
  --data DIR              keep everything in one database file in DIR; without it and --database state is in memory
  --database URL          keep everything on a PostgreSQL server, postgres://user@host/database, which several nodes may share
  --host H                address of both listeners (127.0.0.1)
  --port N                public listener: realms and guarded APIs (8080; 0: any free port)
  --management-port N     management listener: health and metrics (8081; 0: any free port)
  --workers N             processes that share the public listener (1; auto: one on each core); they need --data or --database

Each is also an environment variable: COUNTERSIGN_CONFIG, COUNTERSIGN_DEMO, COUNTERSIGN_DATA, COUNTERSIGN_DATABASE,
COUNTERSIGN_HOST, COUNTERSIGN_PORT (or PORT), COUNTERSIGN_MANAGEMENT_PORT, COUNTERSIGN_WORKERS; COUNTERSIGN_PUBLIC_URL is the
origin that others see. Flags win over the environment, the environment over the file.

Examples:
  countersign serve --demo
  countersign serve --config countersign.config.ts --data ./data --port 8443`,
  async run(args, io) {
    const choice = choose(args, io)
    const port = workerPort(io)
    if (port !== undefined) return await work({ ...choice, flags: { ...choice.flags, port } }, io)
    const upstream = choice.demo ? await startUpstream() : undefined
    try {
      return await serve(choice, upstream && originOf(upstream), io)
    } finally {
      upstream?.close().closeAllConnections()
    }
  },
}

/** A drain that takes longer has lost its caller: what was acknowledged is durable by then. */
const DRAIN_MS = 9000

interface Choice {
  readonly demo: boolean
  readonly file: string | undefined
  readonly flags: Flags
}

function choose(args: readonly string[], { env }: Io): Choice {
  const {
    demo,
    config,
    'management-port': managementPort,
    ...others
  } = readOptions('serve', args, {
    demo: { type: 'boolean' },
    config: { type: 'string' },
    data: { type: 'string' },
    database: { type: 'string' },
    host: { type: 'string' },
    port: { type: 'string' },
    'management-port': { type: 'string' },
    workers: { type: 'string' },
  })
  const wantsDemo = demo ?? readSwitch('COUNTERSIGN_DEMO', variable(env, 'COUNTERSIGN_DEMO'))
  const file = config ?? variable(env, 'COUNTERSIGN_CONFIG')
  if (wantsDemo && file !== undefined) {
    throw new UsageError(
      `${config === undefined ? 'COUNTERSIGN_CONFIG' : '--config'} does not go with --demo, which has its own: leave one of the two out.`,
    )
  }
  if (!wantsDemo && file === undefined) {
    throw new UsageError(
      'There is nothing to serve: name a configuration with --config FILE (`countersign init` writes one), or try --demo.',
    )
  }
  return { demo: wantsDemo, file, flags: { ...others, ...(managementPort !== undefined && { managementPort }) } }
}

/** An empty one is none. */
function variable(env: Io['env'], name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

function readSwitch(name: string, value: string | undefined): boolean {
  if (value === undefined || value === '0' || value === 'false') return false
  if (value === '1' || value === 'true') return true
  throw new UsageError(`${name} must be 1 or true, 0 or false.`)
}

async function serve(choice: Choice, upstream: string | undefined, io: Io): Promise<number> {
  const { demo } = choice
  const progress = startProgress(io.err, () => performance.now())
  let loaded: LoadedConfiguration | undefined = await load(choice, upstream, io, progress)
  for (const warning of loaded.warnings) io.err(`warning: ${warning}\n`)
  const stop = stopSignal(process)
  const say = (configuration: Configuration, managementUrl: string): void =>
    io.out(banner({ version: version(), demo, configuration, managementUrl, colour: hasColour(io) }))
  if (loaded.configuration.listen.workers > 1) {
    const supervise = await startSupervision(loaded, { upstream, stop, say, io })
    loaded = undefined
    return await supervise()
  }
  const server = await start(loaded, { progress })
  // The store has the clients now. Held here, those of a large configuration would stay in memory to the end.
  loaded = undefined
  say(server.configuration, server.managementUrl)
  await stop
  return await drained(server, io)
}

/** One of several processes that share the listener. Its supervisor prints and decides when it ends. */
async function work(choice: Choice, io: Io): Promise<number> {
  const progress = startProgress(io.err, () => performance.now())
  const loaded = await load(choice, variable(io.env, WORKER_VARIABLES.upstream), io, progress)
  const server = await start(loaded, { withoutManagement: true, progress })
  await workFor(process, server)
  const code = await drained(server, io)
  // The channel to the supervisor keeps the process alive otherwise.
  process.exit(code)
}

/** As the supervisor found it; undefined: this process is no worker. */
function workerPort({ env }: Io): string | undefined {
  return process.send === undefined ? undefined : variable(env, WORKER_VARIABLES.port)
}

function load({ file, flags }: Choice, upstream: string | undefined, io: Io, progress: Progress): Promise<LoadedConfiguration> {
  const demo = upstream === undefined ? undefined : { upstream, issuers: demoIssuers(io) }
  return loadConfiguration({ file, demo, flags, env: io.env, progress })
}

async function drained(server: RunningServer, io: Io): Promise<number> {
  const isDrained = await Promise.race([server.close().then(() => true), delay(DRAIN_MS, false, { ref: false })])
  if (isDrained) return 0
  io.err(`Some answers were not finished after ${DRAIN_MS / 1000} s and are cut off; nothing acknowledged is lost.\n`)
  process.exit(0)
}

/** For `npm run seeds`, which stands in front of the demo under the pages' own host names. */
function demoIssuers({ env }: Io): 'local' | 'pages' {
  const value = variable(env, 'COUNTERSIGN_DEMO_ISSUERS') ?? 'local'
  if (value === 'local' || value === 'pages') return value
  throw new UsageError('COUNTERSIGN_DEMO_ISSUERS must be local or pages.')
}

function hasColour({ env }: Io): boolean {
  return process.stdout.isTTY && !env['NO_COLOR']
}

async function start(loaded: LoadedConfiguration, options: Pick<ServeOptions, 'withoutManagement' | 'progress'>) {
  const { startServer } = await import('../server/compose.ts')
  try {
    return await startServer(loaded.configuration, { ...options, atPorts: loaded.atPorts })
  } catch (error) {
    throw explained(error, loaded.configuration.listen)
  }
}

async function startUpstream(): Promise<Server> {
  const { createSampleUpstream } = await import('../server/sample_upstream.ts')
  const upstream = createSampleUpstream().listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  return upstream
}

function originOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
