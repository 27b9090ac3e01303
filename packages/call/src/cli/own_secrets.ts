// Secrets that callsign itself put away for a profile, in the keychain or in a file of its own, and their forgetting. What the user
// keeps elsewhere is the user's and is never touched.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from './command.ts'
import { forget, store } from './keychain.ts'
import { ownFolder, writeOwnFile } from './own_folder.ts'
import type { Profile, SecretMember } from './profile.ts'
import { SECRET_MEMBERS } from './profile.ts'
import type { SecretSource } from './secret_source.ts'

export type SecretStore = 'keychain' | 'file'

/** @returns where it is from now on. @throws CommandFailed */
export async function putAway(
  profile: string,
  member: SecretMember,
  secret: string,
  where: SecretStore,
  world: World,
): Promise<SecretSource> {
  if (where === 'keychain') {
    const account = accountOf(profile, member)
    await store(account, secret, world)
    return { keychain: account }
  }
  const file = fileOf(profile, member, world)
  await writeOwnFile(file, secret)
  return { file }
}

/** @returns the words for what was forgotten. */
export async function forgetOwn(name: string, profile: Profile, world: World): Promise<readonly SecretMember[]> {
  const forgotten: SecretMember[] = []
  for (const member of SECRET_MEMBERS) {
    const source = profile[member]
    if (source === undefined) continue
    if ('keychain' in source && source.keychain === accountOf(name, member)) await forget(source.keychain, world)
    else if ('file' in source && source.file === fileOf(name, member, world)) await rm(source.file, { force: true })
    else continue
    forgotten.push(member)
  }
  return forgotten
}

const WIRE_NAMES: Readonly<Record<SecretMember, string>> = { clientSecret: 'client-secret', password: 'password', apiKey: 'api-key' }

function accountOf(profile: string, member: SecretMember): string {
  return `${profile}/${WIRE_NAMES[member]}`
}

function fileOf(profile: string, member: SecretMember, world: World): string {
  return join(ownFolder(world), 'secrets', `${profile}.${WIRE_NAMES[member]}`)
}
