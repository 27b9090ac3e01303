// The options that `token` and `fetch` share: from flags and environment to ClientOptions. Secrets come from the environment or a file.
import { readFile } from 'node:fs/promises'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { BUILTIN_DIALECTS } from '@countersign/protocol/dialect/resolve'
import type { ClientOptions } from '../client_options.ts'
import { DEMO_ORIGIN, DEMO_REALMS, demo } from '../demo.ts'
import { wave, webcommander, willba, wogeez, wych } from '../presets.ts'
import type { World } from './command.ts'
import { readStream, UsageError } from './command.ts'

export const CONNECTION_OPTIONS = {
  preset: { type: 'string' },
  demo: { type: 'boolean' },
  origin: { type: 'string' },
  realm: { type: 'string' },
  issuer: { type: 'string' },
  'token-url': { type: 'string' },
  dialect: { type: 'string' },
  'client-id': { type: 'string' },
  'client-secret-file': { type: 'string' },
  username: { type: 'string' },
  scope: { type: 'string' },
  audience: { type: 'string' },
  resource: { type: 'string', multiple: true },
  'api-origin': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const

export const CONNECTION_HELP = `Which provider (one of these):
  --preset NAME            willba, wych, wogeez, wave or webcommander
  --preset NAME --demo     the demo of that name on ${DEMO_ORIGIN}, with its published credentials
  --issuer URL             any provider with discovery; exactly as it writes its issuer
  --token-url URL          any other token endpoint
  --dialect NAME|FILE      how it speaks: ${[...BUILTIN_DIALECTS.keys()].join(', ')}, or a JSON document (default: standard)
  --origin URL             where the demo runs, if not on ${DEMO_ORIGIN}
  --realm NAME             the realm of the preset willba

Which token:
  --scope 'A B'  --audience NAME  --resource URI (may be repeated)

Who asks (never as arguments, which every process on the machine can read):
  CALLSIGN_CLIENT_ID (or --client-id)   CALLSIGN_CLIENT_SECRET (or --client-secret-file FILE, - for standard input)
  CALLSIGN_USERNAME (or --username)     CALLSIGN_PASSWORD      CALLSIGN_API_KEY`

export interface ConnectionValues {
  readonly preset?: string | undefined
  readonly demo?: boolean | undefined
  readonly origin?: string | undefined
  readonly realm?: string | undefined
  readonly issuer?: string | undefined
  readonly 'token-url'?: string | undefined
  readonly dialect?: string | undefined
  readonly 'client-id'?: string | undefined
  readonly 'client-secret-file'?: string | undefined
  readonly username?: string | undefined
  readonly scope?: string | undefined
  readonly audience?: string | undefined
  readonly resource?: readonly string[] | undefined
  readonly 'api-origin'?: readonly string[] | undefined
}

/** @throws UsageError, ConfigurationError */
export async function readConnection(values: ConnectionValues, world: World): Promise<ClientOptions> {
  const { scope, audience, resource } = values
  const shape = {
    ...(scope === undefined ? {} : { scope }),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...(values['api-origin'] === undefined ? {} : { apiOrigins: values['api-origin'] }),
    fetch: world.fetch,
  }
  if (values.demo) return { ...readDemo(values), ...shape }
  if (values.origin !== undefined) throw new UsageError('--origin says where the demo runs and goes with --demo.')
  const tokenUrl = values['token-url'] === undefined ? {} : { tokenUrl: values['token-url'] }
  const credentials = await readCredentials(values, world)
  if (values.preset === undefined) return { ...(await readGeneric(values, credentials)), ...tokenUrl, ...shape }
  const preset = PRESETS[values.preset]
  if (!preset) throw unknownPreset(values.preset)
  if (values.dialect !== undefined)
    throw new UsageError(`The preset ${values.preset} brings its own dialect: leave out --dialect, or --preset.`)
  if (values.issuer !== undefined && values.preset !== 'wave') {
    throw new UsageError(`The preset ${values.preset} knows its issuer: leave out --issuer, or --preset.`)
  }
  return { ...preset(credentials, values), ...tokenUrl, ...shape }
}

interface Found {
  readonly clientId: string | undefined
  readonly clientSecret: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  readonly apiKey: string | undefined
}

const MAX_SECRET_BYTES = 64 * 1024
const NAMES = ['willba', 'wych', 'wogeez', 'wave', 'webcommander']

const PRESETS: Readonly<Record<string, (found: Found, values: ConnectionValues) => ClientOptions>> = {
  willba: (found, { realm }) => willba({ ...confidential(found), ...(realm === undefined ? {} : { realm }) }),
  wych: (found) => wych({ ...confidential(found), apiKey: needed(found.apiKey, 'CALLSIGN_API_KEY') }),
  wogeez: (found) => wogeez({ ...user(found), ...(found.clientId === undefined ? {} : { clientId: found.clientId }) }),
  wave: (found, values) => {
    if (values.issuer === undefined && values['token-url'] === undefined) {
      throw new UsageError("Wave's authorization server differs from customer to customer: give the one you were told as --issuer URL.")
    }
    const tokenUrl = values['token-url'] === undefined ? {} : { tokenUrl: values['token-url'] }
    return wave({ ...confidential(found), ...tokenUrl, ...(values.issuer === undefined ? {} : { issuerUrl: values.issuer }) })
  },
  webcommander: (found) => webcommander({ ...confidential(found), ...user(found) }),
}

function confidential(found: Found): { clientId: string; clientSecret: string } {
  return {
    clientId: needed(found.clientId, 'CALLSIGN_CLIENT_ID'),
    clientSecret: needed(found.clientSecret, 'CALLSIGN_CLIENT_SECRET'),
  }
}

function user(found: Found): { username: string; password: string } {
  return { username: needed(found.username, 'CALLSIGN_USERNAME'), password: needed(found.password, 'CALLSIGN_PASSWORD') }
}

function needed(value: string | undefined, variable: string): string {
  if (value === undefined) throw new UsageError(`${variable} is not set: export it, or use --demo to try the demo's own credentials.`)
  return value
}

function readDemo({ preset, origin }: ConnectionValues): ClientOptions {
  const realm = DEMO_REALMS.find((one) => one === (preset === 'wych' ? 'partner' : preset))
  if (!realm) throw preset === undefined ? new UsageError(`--demo needs --preset: one of ${NAMES.join(', ')}.`) : unknownPreset(preset)
  return demo(realm, origin === undefined ? {} : { origin })
}

function unknownPreset(name: string): UsageError {
  return new UsageError(`There is no preset '${name.slice(0, 40)}': use one of ${NAMES.join(', ')}, or --issuer or --token-url.`)
}

async function readGeneric(values: ConnectionValues, found: Found): Promise<ClientOptions> {
  const { issuer } = values
  if (issuer === undefined && values['token-url'] === undefined) {
    throw new UsageError('Say which provider: --preset NAME, --issuer URL or --token-url URL.')
  }
  const { clientSecret, username, password, apiKey } = found
  return {
    clientId: needed(found.clientId, 'CALLSIGN_CLIENT_ID'),
    ...(issuer === undefined ? {} : { issuer }),
    ...(values.dialect === undefined ? {} : { dialect: await readDialectOption(values.dialect) }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(username === undefined ? {} : { username, password: needed(password, 'CALLSIGN_PASSWORD') }),
    ...(apiKey === undefined ? {} : { apiKey }),
  }
}

async function readDialectOption(value: string): Promise<string | DialectDocument> {
  if (BUILTIN_DIALECTS.has(value)) return value
  const text = await readOrRefuse(value, '--dialect', `give one of ${[...BUILTIN_DIALECTS.keys()].join(', ')}, or a file`)
  try {
    return JSON.parse(text) as DialectDocument
  } catch {
    throw new UsageError(`The dialect file ${value} is not JSON.`)
  }
}

async function readCredentials(values: ConnectionValues, { env, stdin }: World): Promise<Found> {
  const variable = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  const file = values['client-secret-file']
  let clientSecret = variable('CALLSIGN_CLIENT_SECRET')
  if (file === '-') clientSecret = (await readStream(stdin, MAX_SECRET_BYTES)).toString('utf8')
  else if (file !== undefined)
    clientSecret = await readOrRefuse(file, '--client-secret-file', 'give a readable file, or - for standard input')
  return {
    clientId: values['client-id'] ?? variable('CALLSIGN_CLIENT_ID'),
    // An editor ends a file with a line break, which is no part of the secret.
    clientSecret: clientSecret?.replace(/\r?\n$/, ''),
    username: values.username ?? variable('CALLSIGN_USERNAME'),
    password: variable('CALLSIGN_PASSWORD'),
    apiKey: variable('CALLSIGN_API_KEY'),
  }
}

async function readOrRefuse(path: string, option: string, mend: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new UsageError(`${option}: the file ${path} cannot be read (${code}); ${mend}.`)
  }
}
