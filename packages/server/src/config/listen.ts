// Where the server listens: flags win over the environment, the environment over the file, the file over defaults.
import type { ListenSettings } from '../model/configuration.ts'
import { isEverywhere } from './address.ts'
import type { Findings } from './error.ts'
import type { ConfigInput } from './input.ts'
import type { Environment } from './secret.ts'
import { isLoopback, originOf, readOrigin } from './url.ts'

/** As typed on a command line. */
export interface Flags {
  readonly host?: string | undefined
  readonly port?: string | number | undefined
  readonly managementPort?: string | number | undefined
  readonly workers?: string | number | undefined
  readonly data?: string | undefined
  /** URL of a PostgreSQL server. */
  readonly database?: string | undefined
}

export interface Listening {
  readonly listen: Omit<ListenSettings, 'workers'>
  /** False: the public URL follows the port, and is only known once that is. */
  readonly publicUrlGiven: boolean
}

export interface ListenSource {
  readonly flags: Flags
  readonly env: Environment
  /** Folder of the configuration file. */
  readonly folder: string
  readonly demo: boolean
}

const DEFAULTS = { host: '127.0.0.1', port: 8080, managementPort: 8081 }

export function resolveListening(input: ConfigInput, source: ListenSource, findings: Findings): Listening {
  const { flags, env } = source
  const listen = input.listen ?? {}
  const host = resolveHost(
    first(['--host', flags.host], ['COUNTERSIGN_HOST', env['COUNTERSIGN_HOST']], ['listen.host', listen.host]),
    source,
    findings,
  )
  const port = resolvePort(
    first(['--port', flags.port], ['COUNTERSIGN_PORT', env['COUNTERSIGN_PORT']], ['PORT', env['PORT']], ['listen.port', listen.port]),
    DEFAULTS.port,
    findings,
  )
  const management = first(
    ['--management-port', flags.managementPort],
    ['COUNTERSIGN_MANAGEMENT_PORT', env['COUNTERSIGN_MANAGEMENT_PORT']],
    ['listen.managementPort', listen.managementPort],
  )
  const managementPort = resolvePort(management, DEFAULTS.managementPort, findings)
  if (port === managementPort && port !== 0) {
    const path = management?.name ?? 'listen.managementPort'
    findings.mistakes.push({ path, message: `is ${port} like the public port: the management listener needs its own` })
  }
  const given = first(['COUNTERSIGN_PUBLIC_URL', env['COUNTERSIGN_PUBLIC_URL']], ['publicUrl', input.publicUrl])
  return {
    listen: {
      host,
      port,
      managementPort,
      publicUrl: given ? resolvePublicUrl(given, findings) : defaultPublicUrl(host, port, findings),
      trustedProxies: resolveProxies(listen.trustedProxies ?? [], findings),
    },
    publicUrlGiven: given !== undefined,
  }
}

interface Setting {
  /** As the operator wrote it: flag, variable or path. */
  readonly name: string
  readonly value: string | number
}

/** The first that has a value; an empty text is none. */
function first(...settings: readonly (readonly [name: string, value: string | number | undefined])[]): Setting | undefined {
  for (const [name, value] of settings) if (value !== undefined && value !== '') return { name, value }
  return undefined
}

function resolvePort(setting: Setting | undefined, otherwise: number, { mistakes }: Findings): number {
  if (!setting) return otherwise
  const port = /^[0-9]{1,5}$/.test(String(setting.value)) ? Number(setting.value) : Number.NaN
  if (port <= 65_535) return port
  mistakes.push({ path: setting.name, message: 'must be a whole number from 0 to 65535' })
  return otherwise
}

function resolveHost(setting: Setting | undefined, { demo }: ListenSource, { mistakes }: Findings): string {
  if (!setting) return DEFAULTS.host
  const host = String(setting.value)
  if (!/^[A-Za-z0-9.:_-]{1,253}$/.test(host))
    mistakes.push({ path: setting.name, message: 'must be a host name or an IP address, without port or brackets' })
  else if (demo && !isLoopback(host)) {
    mistakes.push({
      path: setting.name,
      message: `is ${host}, but the demo's credentials are public: it listens on 127.0.0.1, ::1 or localhost only`,
    })
  } else return host
  return DEFAULTS.host
}

function resolvePublicUrl({ name, value }: Setting, { mistakes }: Findings): string {
  const read = readOrigin(String(value))
  if ('origin' in read) return read.origin
  mistakes.push({ path: name, message: read.problem })
  return 'http://127.0.0.1'
}

function defaultPublicUrl(host: string, port: number, { mistakes }: Findings): string {
  if (!isLoopback(host)) {
    mistakes.push({
      path: 'publicUrl',
      message: `is missing: listening on ${host} needs the origin under which others reach it, like https://auth.example.com`,
    })
  }
  return originOf(host, port)
}

function resolveProxies(proxies: readonly string[], { warnings }: Findings): readonly string[] {
  for (const [index, proxy] of proxies.entries()) {
    const message = 'is every address there is: anybody may then say where he comes from, so name the proxies alone'
    if (isEverywhere(proxy)) warnings.push({ path: `listen.trustedProxies[${index}]`, message })
  }
  return [...new Set(proxies)]
}
