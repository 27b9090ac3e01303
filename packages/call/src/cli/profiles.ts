// `callsign profiles`: the named connections, without their secrets.
import type { Command, World } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from './connection.ts'
import type { ConnectionValues } from './connection_profile.ts'
import { fromFlags } from './connection_profile.ts'
import { forgetOwn } from './own_secrets.ts'
import type { Profile } from './profile.ts'
import { checkProfileName } from './profile.ts'
import { changeProfiles, findProfile, profilesPath, readProfiles } from './profiles_file.ts'

export const profiles: Command = {
  name: 'profiles',
  summary: 'list, show, add, remove and choose named connections',
  help: `Usage: callsign profiles [list] [--json]
       callsign profiles show NAME
       callsign profiles add NAME [connection options]
       callsign profiles remove NAME
       callsign profiles use NAME

A profile is a named connection: provider, client, and where its secrets are, but never a secret. All are kept in
countersign/callsign.json in XDG_CONFIG_HOME or ~/.config. 'use' chooses the one that is meant where none is named.
'remove' also forgets the secrets that callsign login put away for it; callsign logout revokes its tokens first.

${CONNECTION_HELP}

Examples:
  callsign profiles add production --issuer https://login.example.com --client-id orders --client-secret-env ORDERS_SECRET
  callsign profiles add vaulted --preset willba --client-id us --client-secret-command 'op read op://work/willba/secret'
  callsign profiles use production
  callsign profiles
`,
  async run(args, world) {
    const { values, positionals } = readArguments('profiles', args, { ...CONNECTION_OPTIONS, json: { type: 'boolean' } })
    const [action = 'list', name, ...more] = positionals
    if (more.length > 0) throw new UsageError('One profile at a time; see callsign profiles --help.')
    if (action === 'list') return list(values.json === true, world)
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
    if (!act) throw new UsageError(`There is no 'profiles ${action.slice(0, 40)}': use list, ${Object.keys(ACTIONS).join(', ')}.`)
    if (name === undefined) throw new UsageError(`Name the profile: callsign profiles ${action} NAME.`)
    await act(checkProfileName(name), values, world)
    return 0
  },
}

const ACTIONS: Readonly<Record<string, (name: string, values: ConnectionValues, world: World) => Promise<void>>> = {
  async show(name, _values, world) {
    const profile = await findProfile(name, world)
    world.stdout.write(`${JSON.stringify(profile, null, 2)}\n`)
  },
  async add(name, values, world) {
    const profile = await fromFlags(values)
    if (profile.preset === undefined && profile.issuer === undefined && profile.tokenUrl === undefined) {
      throw new UsageError('Say which provider: --preset NAME, --issuer URL or --token-url URL; or let callsign login ask.')
    }
    refuseStandardInput(profile)
    await changeProfiles(world, ({ current, profiles: before }) => {
      if (before.has(name)) throw new UsageError(`There is a profile '${name}' already: remove it first, or take another name.`)
      return { current: current ?? name, profiles: new Map(before).set(name, profile) }
    })
    world.stdout.write(`The profile '${name}' is kept in ${profilesPath(world)}. Next: callsign doctor --profile ${name}\n`)
  },
  async remove(name, _values, world) {
    const forgotten = await forgetOwn(name, await findProfile(name, world), world)
    await changeProfiles(world, ({ current, profiles: before }) => {
      const after = new Map(before)
      after.delete(name)
      return { current: current === name ? undefined : current, profiles: after }
    })
    world.stdout.write(`The profile '${name}' is gone${forgotten.length === 0 ? '' : ', and so is what was kept secret for it'}.\n`)
  },
  async use(name, _values, world) {
    await findProfile(name, world)
    await changeProfiles(world, ({ profiles: before }) => ({ current: name, profiles: before }))
    world.stdout.write(`'${name}' is meant from now on where no profile is named.\n`)
  },
}

async function list(json: boolean, world: World): Promise<number> {
  const { current, profiles: all } = await readProfiles(world)
  if (json) {
    const rows = [...all].map(([name, profile]) => ({
      name,
      current: name === current,
      provider: providerOf(profile),
      client_id: profile.clientId,
    }))
    world.stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
    return 0
  }
  if (all.size === 0) world.stdout.write('There is no profile yet: callsign login makes one.\n')
  for (const [name, profile] of all) {
    world.stdout.write(
      `${name === current ? '*' : ' '} ${name.padEnd(20)} ${providerOf(profile)}${profile.clientId === undefined ? '' : ` as ${profile.clientId}`}\n`,
    )
  }
  return 0
}

function providerOf({ preset, demo, issuer, tokenUrl }: Profile): string {
  if (preset !== undefined) return `${preset}${demo ? ' (demo)' : ''}`
  return issuer ?? tokenUrl ?? ''
}

/** A profile is read many times, standard input once. */
export function refuseStandardInput(profile: Profile): void {
  for (const source of [profile.clientSecret, profile.password, profile.apiKey]) {
    if (source !== undefined && 'file' in source && source.file === '-') {
      throw new UsageError('A profile cannot read a secret from standard input each time: name a file, or let callsign login put it away.')
    }
  }
}
