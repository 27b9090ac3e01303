// countersign serve: from flags, environment and file to a running server, and down again at a signal.
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoadedConfiguration } from '../config/config.ts'
import { loadConfiguration } from '../config/config.ts'
import { StoreUnavailable } from '../model/store.ts'
import { banner } from './banner.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { stopSignal } from './stop_signal.ts'
import { version } from './version.ts'

export const command: Command = {
  summary: 'run the server',
  usage: `Usage: countersign serve (--demo | --config FILE) [OPTIONS]

  --config FILE           the configuration, .ts or .json (\`countersign init\` writes one)
  --demo                  five sample realms on loopback, state in memory
  --data DIR              keep everything in one database file in DIR; without it state is in memory
  --host H                address of both listeners (127.0.0.1)
  --port N                public listener: realms and guarded APIs (8080; 0: any free port)
  --management-port N     management listener: health and metrics (8081; 0: any free port)

Each is also an environment variable: COUNTERSIGN_CONFIG, COUNTERSIGN_DEMO, COUNTERSIGN_DATA, COUNTERSIGN_HOST,
COUNTERSIGN_PORT (or PORT), COUNTERSIGN_MANAGEMENT_PORT; COUNTERSIGN_PUBLIC_URL is the origin that others see.
Flags win over the environment, the environment over the file.`,
  async run(args, io) {
    const choice = choose(args, io)
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
  readonly flags: { readonly host?: string; readonly port?: string; readonly managementPort?: string; readonly data?: string }
}

function choose(args: readonly string[], { env }: Io): Choice {
  const {
    demo,
    config,
    database,
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
  })
  if (database !== undefined || variable(env, 'COUNTERSIGN_DATABASE') !== undefined) {
    const name = database === undefined ? 'COUNTERSIGN_DATABASE' : '--database'
    throw new UsageError(`${name} cannot be used yet, since PostgreSQL is not there yet: keep the state with --data DIR instead.`)
  }
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

async function serve({ demo, file, flags }: Choice, upstream: string | undefined, io: Io): Promise<number> {
  const loaded = await loadConfiguration({
    file,
    demo: upstream === undefined ? undefined : { upstream, issuers: demoIssuers(io) },
    flags,
    env: io.env,
  })
  for (const warning of loaded.warnings) io.err(`warning: ${warning}\n`)
  const stop = stopSignal(process)
  const server = await start(loaded)
  io.out(
    banner({ version: version(), demo, configuration: server.configuration, managementUrl: server.managementUrl, colour: hasColour(io) }),
  )
  await stop
  const drained = await Promise.race([server.close().then(() => true), delay(DRAIN_MS, false, { ref: false })])
  if (drained) return 0
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

async function start(loaded: LoadedConfiguration) {
  const { startServer } = await import('../server/compose.ts')
  try {
    return await startServer(loaded.configuration, { atPorts: loaded.atPorts })
  } catch (error) {
    const { host, port, managementPort } = loaded.configuration.listen
    if (error instanceof StoreUnavailable) throw new UsageError(error.message)
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const refusal = LISTEN_ERRORS[code]
    if (!refusal || !(error instanceof Error)) throw error
    const at = 'port' in error && typeof error.port === 'number' ? error.port : port
    throw new UsageError(refusal(at === managementPort && at !== port ? '--management-port' : '--port', at, host))
  }
}

const LISTEN_ERRORS: Readonly<Record<string, (flag: string, port: number, host: string) => string>> = {
  EADDRINUSE: (flag, port, host) => `Port ${port} on ${host} is in use: stop what listens there, or choose another with ${flag}.`,
  EACCES: (flag, port, host) => `Port ${port} on ${host} may not be opened by this user: choose one above 1023 with ${flag}.`,
  EADDRNOTAVAIL: (_flag, _port, host) => `${host} is no address of this machine: choose one with --host, such as 127.0.0.1 or 0.0.0.0.`,
  ENOTFOUND: (_flag, _port, host) => `The host ${host} is unknown: choose another with --host, such as 127.0.0.1.`,
  EAI_AGAIN: (_flag, _port, host) => `The host ${host} cannot be looked up: choose another with --host, such as 127.0.0.1.`,
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
