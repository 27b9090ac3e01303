// `callsign login`: a profile from little. Finds the provider, asks what is missing, gets a first token, and keeps what worked.
import { createClient } from '../client.ts'
import type { Command, World } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from './connection.ts'
import { clientOptions, SECRET_WORDS } from './connection_client.ts'
import type { ConnectionValues } from './connection_profile.ts'
import { fromEnvironment, fromFlags } from './connection_profile.ts'
import { findProvider, profileName } from './login_provider.ts'
import type { Answers } from './login_questions.ts'
import { completeProfile, storeOf } from './login_questions.ts'
import { putAway } from './own_secrets.ts'
import type { Profile, SecretMember } from './profile.ts'
import { checkProfileName } from './profile.ts'
import { changeProfiles, profilesPath, readProfiles } from './profiles_file.ts'
import type { SecretSource } from './secret_source.ts'
import { describeSource } from './secret_source.ts'
import { personAtTerminal, signInGrant } from './sign_in.ts'
import { duration } from './time_words.ts'
import { tokenFolderCache, unbiased } from './token_folder.ts'

export const login: Command = {
  name: 'login',
  summary: 'make a profile: find the provider, ask what is missing, get a first token',
  help: `Usage: callsign login [PLACE] [--profile NAME] [options]

Makes a profile from little, or fills one again. PLACE is a preset's name, an issuer's URL, or one near it (a realm's, a discovery
document's): what is near is found. What is missing is asked on the terminal; a secret is not shown while it is typed. A first token is
got, and only what worked is kept. Where the provider lets people sign in, on another device or in the browser, that is offered too.

  --store keychain|file    where callsign puts a secret that was typed (or came from standard input): the system's keychain, or a
                           file of mode 0600. With it, a secret from a variable, file or command is put away as well;
                           without it only its place is remembered

${CONNECTION_HELP}

Examples:
  callsign login https://login.example.com
  callsign login willba --profile willba-production
  callsign login http://127.0.0.1:8080/realms/willba --client-id YOUR_CLIENT_ID --client-secret-file - --store file < secret.txt
  callsign login https://login.example.com --client-id our-tool --grant device_code
`,
  async run(args, world) {
    const { values, positionals } = readArguments('login', args, { ...CONNECTION_OPTIONS, store: { type: 'string' } })
    const [place, ...more] = positionals
    if (more.length > 0) throw new UsageError('Give one place to log in to; see callsign login --help.')
    const store = storeOf(values.store)
    const begun = await begin(place, values, world)
    const { profile, secrets } = await completeProfile(begun.profile, store, world)
    const expiresAt = await firstToken(begun.name, profile, secrets, world)
    const kept = await keep(begun.name, profile, secrets, world)
    world.stdout.write(`${words(begun.name, kept, duration(Math.max(0, Math.round(expiresAt - world.now()))), world)}\n`)
    return 0
  },
}

async function begin(place: string | undefined, values: ConnectionValues, world: World): Promise<{ name: string; profile: Profile }> {
  // It becomes part of a file's name and of a keychain's entry.
  if (values.profile !== undefined) checkProfileName(values.profile)
  const { profiles } = await readProfiles(world)
  const flags = await fromFlags(values)
  const before = values.profile === undefined ? undefined : profiles.get(values.profile)
  const given = { ...(before ?? fromEnvironment(world)), ...flags }
  const profile = await findProvider(place, given, world)
  return { name: checkProfileName(values.profile ?? profileName(profile)), profile }
}

/** @returns epoch seconds at which it ends. */
async function firstToken(name: string, profile: Profile, secrets: Answers['secrets'], world: World): Promise<number> {
  const { grant } = profile
  const human = grant === 'device_code' || grant === 'authorization_code' ? personAtTerminal(world, profile.redirectUri) : undefined
  try {
    const signIn = human && (grant === 'device_code' || grant === 'authorization_code') ? { grant: signInGrant(grant, human, name) } : {}
    const use = { cached: true, cache: unbiased(tokenFolderCache(world)), secrets: literal(secrets), ...signIn }
    const client = createClient(await clientOptions({ name, profile }, world, use))
    // Whoever signs in anew wants to be asked, and not the earlier sign-in to go on.
    if (human) await client.invalidate()
    return (await client.token()).expiresAt
  } finally {
    human?.close()
  }
}

function literal(secrets: Answers['secrets']): Partial<Record<SecretMember, string>> {
  return Object.fromEntries([...secrets].map(([member, { secret }]) => [member, secret]))
}

async function keep(name: string, profile: Profile, secrets: Answers['secrets'], world: World): Promise<Profile> {
  const places: Partial<Record<SecretMember, SecretSource>> = {}
  for (const [member, { secret, where }] of secrets) places[member] = await putAway(name, member, secret, where, world)
  const kept: Profile = { ...profile, ...places }
  await changeProfiles(world, ({ current, profiles }) => ({ current: current ?? name, profiles: new Map(profiles).set(name, kept) }))
  return kept
}

function words(name: string, profile: Profile, life: string, world: World): string {
  const places = (['clientSecret', 'password', 'apiKey'] as const).flatMap((member) => {
    const source = profile[member]
    return source === undefined ? [] : [`The ${SECRET_WORDS[member]} is in ${describeSource(source)}.`]
  })
  const [api] = profile.apiOrigins ?? []
  const next =
    api === undefined
      ? `callsign token --profile ${name} --format curl | curl -K - https://...`
      : `callsign fetch ${api}/... --profile ${name}`
  return [
    `It works: the provider gave a token, good for ${life}, which the next commands use.`,
    `The profile '${name}' is kept in ${profilesPath(world)}, without any secret.`,
    ...places,
    `Next: ${next}`,
  ].join('\n')
}
