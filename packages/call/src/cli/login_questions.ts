// What `callsign login` still has to know: how the client signs in, its id, and its secrets. Asked on the terminal, or else named in one
// sentence.
import { discover } from '../discover.ts'
import type { World } from './command.ts'
import { CommandFailed, UsageError } from './command.ts'
import { SECRET_WORDS } from './connection_client.ts'
import { hasKeychain } from './keychain.ts'
import type { SecretStore } from './own_secrets.ts'
import type { Profile, SecretMember, SignIn } from './profile.ts'
import { SECRET_MEMBERS } from './profile.ts'
import { describeSource, readSource } from './secret_source.ts'
import { ask, askSecret, choose, isTerminal } from './terminal.ts'

export interface Answers {
  /** Complete, but for the places of the secrets below. */
  readonly profile: Profile
  /** Secrets to put away, and where. */
  readonly secrets: ReadonlyMap<SecretMember, { readonly secret: string; readonly where: SecretStore }>
}

/** @throws UsageError, CommandFailed */
export async function completeProfile(begun: Profile, store: SecretStore | undefined, world: World): Promise<Answers> {
  if (begun.demo) return { profile: begun, secrets: new Map() }
  let profile = await withIssuer(begun, world)
  profile = await withGrant(profile, world)
  if (profile.clientId === undefined && profile.preset !== 'wogeez')
    profile = { ...profile, clientId: await need('Client id', '--client-id ID', world) }
  if (wants(profile, 'password') && profile.username === undefined)
    profile = { ...profile, username: await need('User name', '--username NAME', world) }
  let where = store
  const secrets = new Map<SecretMember, { secret: string; where: SecretStore }>()
  for (const member of SECRET_MEMBERS) {
    const found = await secretOf(profile, member, store, world)
    if (found === undefined) continue
    where ??= await chooseStore(world)
    secrets.set(member, { secret: found, where })
  }
  return { profile, secrets }
}

/** @throws UsageError */
export function storeOf(value: string | undefined): SecretStore | undefined {
  if (value !== undefined && value !== 'keychain' && value !== 'file') throw new UsageError('--store must be keychain or file.')
  return value
}

const FLAGS: Readonly<Record<SecretMember, string>> = { clientSecret: 'client-secret', password: 'password', apiKey: 'api-key' }
const PASSWORD_PRESETS = ['wogeez', 'webcommander']

async function withIssuer(profile: Profile, world: World): Promise<Profile> {
  if (profile.preset !== 'wave' || profile.issuer !== undefined || profile.tokenUrl !== undefined) return profile
  return { ...profile, issuer: await need('The authorization server that Wave named to you', '--issuer URL', world) }
}

const OFFERS: readonly (readonly [SignIn, string, string])[] = [
  ['client_credentials', 'client_credentials', 'this machine signs in with a client secret'],
  ['authorization_code', 'authorization_code', 'you sign in, in a browser on this machine'],
  ['device_code', 'urn:ietf:params:oauth:grant-type:device_code', 'you sign in, in a browser on any device'],
]

/** Asked only where the provider offers several ways and nothing that was given tells which. */
async function withGrant(profile: Profile, world: World): Promise<Profile> {
  const { preset, issuer, grant, clientSecret, privateKeyFile, username } = profile
  const decided = [preset, grant, clientSecret, privateKeyFile, username].some((one) => one !== undefined)
  if (decided || issuer === undefined) return profile
  const metadata = await discover(issuer, { fetch: world.fetch, now: world.now, timeoutMs: 10_000 })
  const listed: readonly unknown[] = metadata.grant_types_supported ?? ['authorization_code']
  const offered = OFFERS.filter(([, wire]) => listed.includes(wire)).map(([name, , words]) => [name, words] as const)
  const [only] = offered
  if (offered.length < 2) return { ...profile, grant: only?.[0] ?? 'client_credentials' }
  if (!isTerminal(world)) return { ...profile, grant: 'client_credentials' }
  return { ...profile, grant: await choose('How does this client sign in?', offered, world) }
}

function wants({ preset, grant, username }: Profile, member: SecretMember): boolean {
  if (member === 'password') return grant === 'password' || username !== undefined || PASSWORD_PRESETS.includes(preset ?? '')
  return member === 'apiKey' && preset === 'wych'
}

/** The secret itself, where it is to be put away; undefined where it is not wanted, or stays at its place. */
async function secretOf(profile: Profile, member: SecretMember, store: SecretStore | undefined, world: World): Promise<string | undefined> {
  const source = profile[member]
  const words = SECRET_WORDS[member]
  if (source !== undefined) {
    const standardInput = 'file' in source && source.file === '-'
    if (store !== undefined || standardInput) return readSource(source, words, world)
    try {
      await readSource(source, words, world)
      return undefined
    } catch (error) {
      // After a logout its place is empty: it is asked for again.
      if (!isTerminal(world)) throw error
      world.stderr.write(`The ${words} is not in ${describeSource(source)} any more.\n`)
      return askSecret(capital(words), world)
    }
  }
  const needed = member === 'clientSecret' ? needsClientSecret(profile) : wants(profile, member)
  if (!needed) return undefined
  if (!isTerminal(world)) {
    throw new UsageError(
      `The ${words} is missing, and there is no terminal to ask at: give --${FLAGS[member]}-file FILE (- for standard input), -env, -command or -keychain.`,
    )
  }
  return askSecret(capital(words), world)
}

/** Public clients are for people who sign in. */
function needsClientSecret({ preset, grant, privateKeyFile }: Profile): boolean {
  if (privateKeyFile !== undefined || preset === 'wogeez') return false
  return grant === undefined || grant === 'client_credentials'
}

async function chooseStore(world: World): Promise<SecretStore> {
  const keychain = await hasKeychain(world)
  if (!keychain) return 'file'
  if (!isTerminal(world)) return 'keychain'
  const choices = [['keychain', "the system's keychain"] as const, ['file', 'a file that only you can read'] as const]
  return choose('Where shall the secret be kept?', choices, world)
}

async function need(question: string, flag: string, world: World): Promise<string> {
  if (!isTerminal(world)) throw new UsageError(`${question} is missing, and there is no terminal to ask at: give ${flag}.`)
  const answer = await ask(question, world)
  if (answer.length > 4096) throw new CommandFailed('That is too long.')
  return answer
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}
