// Where the state is kept, as an operator writes it: a folder, or the URL of a PostgreSQL server with libpq's words for TLS.
// Nothing that is said of a URL quotes it: it may hold the password.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { DatabaseSettings, PostgresServer, PostgresTls } from '../model/database.ts'
import type { Findings } from './error.ts'
import type { ConfigInput } from './input.ts'
import type { Flags, ListenSource } from './listen.ts'
import { whyUnreadable } from './secret.ts'
import { isLoopback } from './url.ts'

/** Flags win over the environment, the environment over the file; in one of them, one of the two is said. */
export async function resolveDatabase(input: ConfigInput, source: ListenSource, findings: Findings): Promise<DatabaseSettings> {
  const { flags, env, folder } = source
  const written: readonly Said[] = [
    { data: flags.data, database: flags.database, names: ['--data', '--database'], folder: resolve('.') },
    {
      data: env['COUNTERSIGN_DATA'],
      database: env['COUNTERSIGN_DATABASE'],
      names: ['COUNTERSIGN_DATA', 'COUNTERSIGN_DATABASE'],
      folder: resolve('.'),
    },
    { data: input.data, database: input.database, names: ['data', 'database'], folder },
  ]
  for (const said of written) {
    const { data = '', database = '', names } = said
    if (data !== '' && database !== '') {
      findings.mistakes.push({
        path: names[1],
        message: `does not go with ${names[0]}: the state is in one place, so leave one of the two out`,
      })
      return MEMORY
    }
    if (data !== '') return { kind: 'sqlite', folder: resolve(said.folder, data) }
    if (database !== '') return await readServer(database, said, source, findings)
  }
  return MEMORY
}

const MEMORY: DatabaseSettings = { kind: 'memory' }

/** The two of one place. */
interface Said {
  readonly data: Flags['data']
  readonly database: Flags['database']
  readonly names: readonly [data: string, database: string]
  /** Where relative paths start. */
  readonly folder: string
}

const PARAMETERS = ['host', 'passwordFile', 'schema', 'sslmode', 'sslrootcert'] as const
type Parameter = (typeof PARAMETERS)[number]

const MOST_URL = 2048
const MOST_FILE = 1024 * 1024

async function readServer(text: string, said: Said, source: ListenSource, findings: Findings): Promise<DatabaseSettings> {
  const path = said.names[1]
  const fail = (message: string): undefined => void findings.mistakes.push({ path, message })
  const url = readUrl(text)
  const server = url ? await readParts(url, said, { env: source.env, fail, findings }) : fail(`must be a URL like ${EXAMPLE}`)
  return server ? { kind: 'postgres', server } : MEMORY
}

const EXAMPLE = 'postgres://user@db.example.com:5432/countersign'

/** As libpq has it, a URL with a user may name no host; as the standard has it, it may not. */
function readUrl(text: string): URL | undefined {
  const full = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)(?=\/)/, '$1localhost')
  return text.length <= MOST_URL && /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(full) ? new URL(full) : undefined
}

async function readParts(url: URL, said: Said, source: PasswordSource): Promise<PostgresServer | undefined> {
  const { fail } = source
  const parameters = readParameters(url, fail)
  if (parameters === undefined) return undefined
  const [user = '', database = ''] = [decoded(url.username), decoded(url.pathname.slice(1))]
  const host = parameters.get('host') ?? (decoded(url.hostname) ?? '').replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? 5432 : Number(url.port)
  const schema = parameters.get('schema') ?? null
  const problem = problemOf({ user, database, host, port, schema })
  if (problem !== undefined) return fail(problem)
  const tls = await readTls(parameters, host, said, fail)
  const password = tls && (await readPassword(url, parameters, said, source))
  return tls && password !== undefined ? { host, port, database, user, password, schema, tls } : undefined
}

function problemOf({ user, database, host, port, schema }: Omit<PostgresServer, 'password' | 'tls'>): string | undefined {
  if (user === '' || hasControl(user)) return 'names no user: write postgres://user@host/database'
  if (!/^(?:[A-Za-z0-9.:_-]{1,253}|\/[^\p{Cc}]{0,100})$/u.test(host))
    return "names no host: write postgres://user@host/database, or ?host=/folder for a server's Unix socket"
  if (database === '' || /[/\p{Cc}]/u.test(database)) return 'names no database: write postgres://user@host/database'
  if (port === 0) return 'must name a port from 1 to 65535'
  if (schema !== null && !/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) return 'must name a schema of a-z, 0-9 and _ with at most 63 characters'
  return undefined
}

type Fail = (message: string) => undefined

function readParameters(url: URL, fail: Fail): ReadonlyMap<Parameter, string> | undefined {
  const parameters = new Map<Parameter, string>()
  if (url.hash !== '') return fail('must have no fragment: write # in a user name or password as %23')
  for (const [name, value] of url.searchParams) {
    const known = PARAMETERS.find((one) => one === name)
    if (known === undefined) return fail(`has a parameter that is unknown here: it knows ${PARAMETERS.join(', ')}`)
    if (parameters.has(known)) return fail(`has ${known} twice: leave one out`)
    if (value === '') return fail(`has an empty ${known}: leave it out`)
    parameters.set(known, value)
  }
  return parameters
}

/** Beyond this machine a server proves who it is, unless the operator says otherwise. */
async function readTls(
  parameters: ReadonlyMap<Parameter, string>,
  host: string,
  { folder }: Said,
  fail: Fail,
): Promise<PostgresTls | undefined> {
  const isNear = host.startsWith('/') || isLoopback(host)
  const mode = parameters.get('sslmode') ?? (isNear ? 'disable' : 'verify-full')
  const file = parameters.get('sslrootcert')
  if (mode === 'disable' || mode === 'require') {
    if (file !== undefined) return fail('has sslrootcert, which nothing is compared with: add sslmode=verify-full or leave it out')
    return { mode }
  }
  if (mode !== 'verify-ca' && mode !== 'verify-full') return fail('must have an sslmode of disable, require, verify-ca or verify-full')
  if (file === undefined) return { mode, ca: null }
  const ca = await readText(resolve(folder, file), 'sslrootcert', fail)
  if (ca === undefined) return undefined
  return ca.includes('-----BEGIN CERTIFICATE-----')
    ? { mode, ca }
    : fail(`names ${resolve(folder, file)} as sslrootcert, which is no PEM certificate`)
}

interface PasswordSource {
  readonly env: ListenSource['env']
  readonly fail: Fail
  readonly findings: Findings
}

/** null: none is said. undefined: a mistake. */
async function readPassword(
  url: URL,
  parameters: ReadonlyMap<Parameter, string>,
  { names, folder }: Said,
  { env, fail, findings }: PasswordSource,
): Promise<string | null | undefined> {
  const inUrl = decoded(url.password)
  const file = parameters.get('passwordFile')
  const variable = env['COUNTERSIGN_DATABASE_PASSWORD'] ?? ''
  if (inUrl === undefined) return fail('has a password that is not percent-encoded: write % as %25')
  if (file !== undefined && inUrl !== '') return fail('has a password and names a passwordFile: leave one of the two out')
  if (file !== undefined) return checked((await readText(resolve(folder, file), 'passwordFile', fail))?.replace(/\r?\n$/, ''), fail)
  if (inUrl === '') return variable === '' ? null : checked(variable, fail)
  if (names[1] !== 'COUNTERSIGN_DATABASE') {
    const who = names[1] === 'database' ? 'who reads the configuration' : 'who lists the processes of this machine'
    const message = `holds a password that everybody sees ${who}: name a ?passwordFile= or set COUNTERSIGN_DATABASE_PASSWORD`
    findings.warnings.push({ path: names[1], message })
  }
  return checked(inUrl, fail)
}

const MOST_PASSWORD = 1024

function checked(password: string | undefined, fail: Fail): string | undefined {
  if (password === undefined) return undefined
  if (password === '' || password.length > MOST_PASSWORD || hasControl(password))
    return fail(`must have a password of 1 to ${MOST_PASSWORD} characters without control characters`)
  return password
}

async function readText(file: string, parameter: Parameter, fail: Fail): Promise<string | undefined> {
  try {
    const bytes = await readFile(file)
    if (bytes.length > MOST_FILE) return fail(`names ${file} as ${parameter}, which is larger than ${MOST_FILE} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    return fail(`names ${file} as ${parameter}, which ${whyUnreadable(error)}`)
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text)
}
