// A connection as ClientOptions: preset, demo or provider by URL, with its secrets asked for at their places when they are needed.
import type { ClientOptions, Secret } from '../client_options.ts'
import { DEMO_REALMS, demo } from '../demo.ts'
import { dialect as readDialect } from '../dialect.ts'
import type { GrantSource } from '../extensions.ts'
import { wave, webcommander, willba, wogeez, wych } from '../presets.ts'
import type { TokenCache } from '../token_cache.ts'
import type { World } from './command.ts'
import { CommandFailed, UsageError } from './command.ts'
import type { Connection } from './connection_profile.ts'
import { keyOptions } from './key_files.ts'
import type { Profile, SecretMember } from './profile.ts'
import { SECRET_MEMBERS } from './profile.ts'
import { childEnvironment } from './run_program.ts'
import type { SecretSource } from './secret_source.ts'
import { readSource } from './secret_source.ts'
import { signInGrant } from './sign_in.ts'
import { tokenFolderCache } from './token_folder.ts'

export interface ClientUse {
  /** In the user's folder of tokens; otherwise this process keeps its own. */
  readonly cached: boolean
  /** Where somebody sits who can sign in; without it a connection that needs it says how. */
  readonly grant?: GrantSource
  readonly cache?: TokenCache
  /** Secrets that are at hand already and stand at no place yet. */
  readonly secrets?: Partial<Readonly<Record<SecretMember, string>>>
}

export const PRESET_NAMES = ['willba', 'wych', 'wogeez', 'wave', 'webcommander']

/** @throws UsageError, CommandFailed, ConfigurationError */
export async function clientOptions(
  connection: Connection,
  world: World,
  { cached, grant, cache, secrets = {} }: ClientUse,
): Promise<ClientOptions> {
  const { profile } = connection
  checkProvider(profile)
  const options = profile.demo ? demoOptions(profile) : await providerOptions(profile, secrets, world)
  const signIn = grant ?? idleSignIn(connection)
  // A demo's keys end with it: a token that outlived them would open nothing.
  const kept = cache ?? (cached && !profile.demo ? tokenFolderCache(world) : undefined)
  return {
    ...options,
    ...shapeOf(profile),
    ...(await keyOptions(connection, world)),
    ...(signIn === undefined ? {} : { grant: signIn }),
    ...(kept === undefined ? {} : { cache: kept }),
    fetch: world.fetch,
  }
}

/** The words for each secret, and the variable it has where no profile is used. */
export const SECRET_WORDS: Readonly<Record<SecretMember, string>> = {
  clientSecret: 'client secret',
  password: 'password',
  apiKey: 'API key',
}

function checkProvider({ preset, issuer, tokenUrl, demo: demoed, origin, dialect, clientSecret, privateKeyFile }: Profile): void {
  if (origin !== undefined && !demoed) throw new UsageError('--origin says where the demo runs and goes with --demo.')
  if (preset !== undefined && !PRESET_NAMES.includes(preset) && !(demoed && preset === 'partner')) throw unknownPreset(preset)
  if (demoed) return
  if (preset === undefined && issuer === undefined && tokenUrl === undefined) {
    throw new UsageError('Say which provider: --preset NAME, --issuer URL or --token-url URL; or --profile NAME.')
  }
  if (preset !== undefined && dialect !== undefined)
    throw new UsageError(`The preset ${preset} brings its own dialect: leave out --dialect, or --preset.`)
  if (preset !== undefined && preset !== 'wave' && issuer !== undefined)
    throw new UsageError(`The preset ${preset} knows its issuer: leave out --issuer, or --preset.`)
  if (clientSecret !== undefined && privateKeyFile !== undefined)
    throw new UsageError('A client secret and a private key contradict each other: leave out one of them.')
}

function shapeOf({ tokenUrl, revocationUrl, usageUrl, scope, audience, resource, apiOrigins }: Profile): Partial<ClientOptions> {
  return {
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(revocationUrl === undefined ? {} : { revocationUrl }),
    ...(usageUrl === undefined ? {} : { usageUrl }),
    ...(scope === undefined ? {} : { scope }),
    ...(audience === undefined ? {} : { audience }),
    ...(resource === undefined ? {} : { resource }),
    ...(apiOrigins === undefined ? {} : { apiOrigins }),
  }
}

function demoOptions({ preset, origin }: Profile): ClientOptions {
  const realm = DEMO_REALMS.find((one) => one === (preset === 'wych' ? 'partner' : preset))
  if (!realm) throw new UsageError(`--demo needs --preset: one of ${PRESET_NAMES.join(', ')}.`)
  return demo(realm, origin === undefined ? {} : { origin })
}

/** Credentials as far as they are known; secrets as functions. */
interface Found {
  readonly clientId: string | undefined
  readonly clientSecret: Secret | undefined
  readonly username: string | undefined
  readonly password: Secret | undefined
  readonly apiKey: string | undefined
}

async function providerOptions(profile: Profile, secrets: NonNullable<ClientUse['secrets']>, world: World): Promise<ClientOptions> {
  const { clientId, username, clientSecret, password, apiKey } = profile
  const shielded = { ...world, env: childEnvironment(world.env, variablesOf(profile)) }
  const worldOf = (source: SecretSource): World => ('command' in source || 'keychain' in source ? shielded : world)
  const found: Found = {
    clientId,
    clientSecret: secrets.clientSecret ?? (clientSecret && lazily(clientSecret, 'clientSecret', worldOf(clientSecret))),
    username,
    password: secrets.password ?? (password && lazily(password, 'password', worldOf(password))),
    apiKey: secrets.apiKey ?? (apiKey && (await readSource(apiKey, SECRET_WORDS.apiKey, worldOf(apiKey)))),
  }
  if (profile.preset !== undefined) return (PRESETS[profile.preset] ?? generic)(found, profile)
  return generic(found, profile)
}

/** What asks for one secret needs to know of no other. */
function variablesOf(profile: Profile): readonly string[] {
  return SECRET_MEMBERS.flatMap((member) => {
    const source = profile[member]
    return source !== undefined && 'env' in source ? [source.env] : []
  })
}

const PRESETS: Readonly<Record<string, (found: Found, profile: Profile) => ClientOptions>> = {
  willba: (found, { realm }) => willba({ ...confidential(found), ...(realm === undefined ? {} : { realm }) }),
  wych: (found) => wych({ ...confidential(found), apiKey: needed(found.apiKey, 'CALLSIGN_API_KEY') }),
  wogeez: (found) => wogeez({ ...user(found), ...(found.clientId === undefined ? {} : { clientId: found.clientId }) }),
  wave: (found, { issuer, tokenUrl }) => {
    if (issuer === undefined && tokenUrl === undefined) {
      throw new UsageError("Wave's authorization server differs from customer to customer: give the one you were told as --issuer URL.")
    }
    const place = { ...(tokenUrl === undefined ? {} : { tokenUrl }), ...(issuer === undefined ? {} : { issuerUrl: issuer }) }
    return wave({ ...confidential(found), ...place })
  },
  webcommander: (found) => webcommander({ ...confidential(found), ...user(found) }),
}

function generic(
  { clientId, clientSecret, username, password, apiKey }: Found,
  { issuer, tokenUrl, dialect, grant }: Profile,
): ClientOptions {
  return {
    clientId: needed(clientId, 'CALLSIGN_CLIENT_ID'),
    ...(issuer === undefined ? {} : { issuer }),
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(dialect === undefined ? {} : { dialect: readDialect(dialect) }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(grant === 'client_credentials' || grant === 'password' ? { grant } : {}),
    ...(username === undefined ? {} : { username, password: needed(password, 'CALLSIGN_PASSWORD') }),
    ...(apiKey === undefined ? {} : { apiKey }),
  }
}

function confidential(found: Found): { clientId: string; clientSecret: Secret } {
  return { clientId: needed(found.clientId, 'CALLSIGN_CLIENT_ID'), clientSecret: needed(found.clientSecret, 'CALLSIGN_CLIENT_SECRET') }
}

function user(found: Found): { username: string; password: Secret } {
  return { username: needed(found.username, 'CALLSIGN_USERNAME'), password: needed(found.password, 'CALLSIGN_PASSWORD') }
}

function needed<Value>(value: Value | undefined, variable: string): Value {
  if (value === undefined) {
    throw new UsageError(
      `${variable} is not set: export it, make a profile with callsign login, or use --demo for the demo's own credentials.`,
    )
  }
  return value
}

function unknownPreset(name: string): UsageError {
  return new UsageError(`There is no preset '${name.slice(0, 40)}': use one of ${PRESET_NAMES.join(', ')}, or --issuer or --token-url.`)
}

/** One token may need its secret several times over; whoever has to unlock a keychain is asked once. */
const KEPT_SECONDS = 10

function lazily(source: SecretSource, member: SecretMember, world: World): () => Promise<string> {
  let read: { readonly at: number; readonly secret: Promise<string> } | undefined
  const once = 'file' in source && source.file === '-'
  return () => {
    if (!read || (!once && Math.abs(world.now() - read.at) > KEPT_SECONDS)) {
      read = { at: world.now(), secret: readSource(source, SECRET_WORDS[member], world) }
    }
    return read.secret
  }
}

/** A sign-in by a person lives on in its refresh token; when that has ended, somebody has to sit down again. */
function idleSignIn({ name, profile }: Connection): GrantSource | undefined {
  const { grant } = profile
  if (grant !== 'device_code' && grant !== 'authorization_code') return undefined
  const refuse = (): never => {
    throw new CommandFailed(
      `Nobody is signed in, or the sign-in has ended: callsign login${name === undefined ? '' : ` --profile ${name}`}.`,
    )
  }
  const idle = { prompt: refuse, redirectUri: refuse, authorize: refuse }
  return { ...signInGrant(grant, idle, name ?? ''), parameters: async () => refuse() }
}
