// From the command line, the environment and the profiles file to the one connection that is meant. Flags win; credentials in the
// environment belong to a connection without a profile, and never go to the provider of one.
import { readFile } from 'node:fs/promises'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { BUILTIN_DIALECTS } from '@countersign/protocol/dialect/resolve'
import type { World } from './command.ts'
import { errorCode, UsageError } from './command.ts'
import type { Profile, SecretMember, SignIn } from './profile.ts'
import { SIGN_INS } from './profile.ts'
import { findProfile, readProfiles } from './profiles_file.ts'
import type { SecretSource } from './secret_source.ts'

type Texts =
  | 'profile'
  | 'preset'
  | 'origin'
  | 'realm'
  | 'issuer'
  | 'token-url'
  | 'revocation-url'
  | 'usage-url'
  | 'dialect'
  | 'grant'
  | 'client-id'
  | 'private-key-file'
  | 'username'
  | 'scope'
  | 'audience'
  | 'redirect-uri'
  | `${'client-secret' | 'password' | 'api-key'}-${'env' | 'file' | 'command' | 'keychain'}`

/** The values of the connection's flags, as parsed. */
export interface ConnectionValues extends Partial<Readonly<Record<Texts, string | undefined>>> {
  readonly demo?: boolean | undefined
  readonly dpop?: boolean | undefined
  readonly 'no-cache'?: boolean | undefined
  readonly resource?: readonly string[] | undefined
  readonly 'api-origin'?: readonly string[] | undefined
}

export interface Connection {
  /** Of the profile that was taken, if one was. */
  readonly name: string | undefined
  readonly profile: Profile
}

/** @throws UsageError */
export async function resolveConnection(values: ConnectionValues, world: World): Promise<Connection> {
  const given = await fromFlags(values)
  const name = await chosenProfile(values, world)
  if (name === undefined) return { name, profile: { ...fromEnvironment(world), ...given } }
  return { name, profile: { ...(await findProfile(name, world)), ...given } }
}

/** What the flags say, and nothing else. @throws UsageError */
export async function fromFlags(values: ConnectionValues): Promise<Profile> {
  const { demo, dpop, resource } = values
  const dialect = values.dialect === undefined ? undefined : await readDialectOption(values.dialect)
  const all = {
    preset: values.preset,
    demo,
    origin: values.origin,
    realm: values.realm,
    issuer: values.issuer,
    tokenUrl: values['token-url'],
    revocationUrl: values['revocation-url'],
    usageUrl: values['usage-url'],
    dialect,
    grant: values.grant === undefined ? undefined : readSignIn(values.grant),
    clientId: values['client-id'],
    clientSecret: sourceOf(values, 'client-secret'),
    privateKeyFile: values['private-key-file'],
    username: values.username,
    password: sourceOf(values, 'password'),
    apiKey: sourceOf(values, 'api-key'),
    dpop,
    scope: values.scope,
    audience: values.audience,
    resource,
    apiOrigins: values['api-origin'],
    redirectUri: values['redirect-uri'],
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** Credentials in the environment. */
export function fromEnvironment({ env }: World): Profile {
  const variable = (name: string): string | undefined => (env[name] === '' ? undefined : env[name])
  const [clientId, username] = [variable('CALLSIGN_CLIENT_ID'), variable('CALLSIGN_USERNAME')]
  const sources = Object.entries(SECRET_VARIABLES).filter(([, name]) => variable(name) !== undefined)
  return {
    ...(clientId === undefined ? {} : { clientId }),
    ...(username === undefined ? {} : { username }),
    ...Object.fromEntries(sources.map(([member, name]) => [member, { env: name }])),
  }
}

/** The profile that is meant: by name; or the current one, where no provider is named. @throws UsageError */
export async function chosenProfile(values: ConnectionValues, world: World): Promise<string | undefined> {
  const provider = PROVIDER_FLAGS.find((flag) => values[flag] !== undefined)
  if (values.profile !== undefined) {
    if (provider) throw new UsageError(`A profile names its provider: leave out --${provider}, or --profile.`)
    return values.profile
  }
  if (provider || values.demo) return undefined
  const named = world.env['CALLSIGN_PROFILE']
  return named === undefined || named === '' ? (await readProfiles(world)).current : named
}

const PROVIDER_FLAGS = ['preset', 'issuer', 'token-url'] as const
const SOURCE_KINDS = ['env', 'file', 'command', 'keychain'] as const
const SECRET_VARIABLES: Readonly<Record<SecretMember, string>> = {
  clientSecret: 'CALLSIGN_CLIENT_SECRET',
  password: 'CALLSIGN_PASSWORD',
  apiKey: 'CALLSIGN_API_KEY',
}

function sourceOf(values: ConnectionValues, secret: 'client-secret' | 'password' | 'api-key'): SecretSource | undefined {
  const given = SOURCE_KINDS.filter((one) => values[`${secret}-${one}`] !== undefined)
  const [kind] = given
  if (kind === undefined) return undefined
  if (given.length > 1) throw new UsageError(`--${secret}-${given[0]} and --${secret}-${given[1]} name two places: give one.`)
  const place = values[`${secret}-${kind}`] ?? ''
  if (place === '') throw new UsageError(`--${secret}-${kind} needs a value; see callsign token --help.`)
  if (kind === 'command') return { command: readWords(place, `--${secret}-command`) }
  if (kind === 'env') return { env: place }
  return kind === 'file' ? { file: place } : { keychain: checkAccount(place, `--${secret}-keychain`) }
}

/** `["op", "read", "op://vault/item"]`, or words with spaces between them; there is no shell that would take quotes away. */
function readWords(text: string, flag: string): readonly string[] {
  const refused = new UsageError(`${flag} takes a program and its arguments, as words or as JSON like '["op", "read", "op://vault/item"]'.`)
  if (!text.trimStart().startsWith('[')) return text.trim().split(/\s+/)
  let words: unknown
  try {
    words = JSON.parse(text)
  } catch {
    throw refused
  }
  if (!Array.isArray(words) || words.length === 0 || !words.every((word): word is string => typeof word === 'string')) throw refused
  return words
}

function checkAccount(name: string, flag: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._/@:-]{0,127}$/.test(name)) throw new UsageError(`${flag} takes a name of letters, digits and . _ / @ : -`)
  return name
}

function readSignIn(text: string): SignIn {
  const found = SIGN_INS.find((one) => one === text)
  if (!found) throw new UsageError(`--grant must be one of ${SIGN_INS.join(', ')}.`)
  return found
}

async function readDialectOption(value: string): Promise<string | DialectDocument> {
  if (BUILTIN_DIALECTS.has(value)) return value
  let text: string
  try {
    text = await readFile(value, 'utf8')
  } catch (error) {
    const names = [...BUILTIN_DIALECTS.keys()].join(', ')
    throw new UsageError(`--dialect: the file ${value} cannot be read (${errorCode(error)}); give one of ${names}, or a file.`)
  }
  try {
    return JSON.parse(text) as DialectDocument
  } catch {
    throw new UsageError(`The dialect file ${value} is not JSON.`)
  }
}
