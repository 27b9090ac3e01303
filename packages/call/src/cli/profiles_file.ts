// The file of the profiles: `countersign/callsign.json` in the user's folder for configuration. Written by rename, so that two commands
// at once leave one of both texts and never a mixture.
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { World } from './command.ts'
import { errorCode, UsageError } from './command.ts'
import { ownFolder, writeOwnFile } from './own_folder.ts'
import type { Profile } from './profile.ts'
import { checkProfileName, readProfile } from './profile.ts'

export interface Profiles {
  /** The one that is meant when none is named. */
  readonly current: string | undefined
  readonly profiles: ReadonlyMap<string, Profile>
}

type Place = Pick<World, 'env' | 'platform'>

export function profilesPath(world: Place): string {
  return join(ownFolder(world), 'callsign.json')
}

/** No file is no profiles. @throws UsageError */
export async function readProfiles(world: Place): Promise<Profiles> {
  const path = profilesPath(world)
  const text = await readText(path, world)
  if (text === undefined) return { current: undefined, profiles: new Map() }
  const value = parse(text, path)
  if (value.version !== 1 || !isRecord(value.profiles)) {
    throw new UsageError(`The profiles file ${path} is of another version: update callsign, or move the file away.`)
  }
  const profiles = Object.entries(value.profiles).map(
    ([name, one]) => [checkProfileName(name), readProfile(one, `${path}: ${name}`)] as const,
  )
  return { current: typeof value.current === 'string' ? value.current : undefined, profiles: new Map(profiles) }
}

/** Reads, changes and writes in one go. @throws UsageError, CommandFailed */
export async function changeProfiles(world: Place, change: (before: Profiles) => Profiles): Promise<void> {
  const { current, profiles } = change(await readProfiles(world))
  const document = { version: 1, ...(current === undefined ? {} : { current }), profiles: Object.fromEntries(profiles) }
  await writeOwnFile(profilesPath(world), `${JSON.stringify(document, null, 2)}\n`)
}

/** A named profile. @throws UsageError with the names there are */
export async function findProfile(name: string, world: Place): Promise<Profile> {
  const { profiles } = await readProfiles(world)
  const found = profiles.get(checkProfileName(name))
  if (found) return found
  const known = profiles.size === 0 ? 'there is none yet' : `there are ${[...profiles.keys()].join(', ')}`
  throw new UsageError(`There is no profile '${name}' (${known}): make it with callsign login --profile ${name}.`)
}

const MAX_BYTES = 1024 * 1024

async function readText(path: string, world: Place): Promise<string | undefined> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { size, mode } = await file.stat()
    if (size > MAX_BYTES) throw new UsageError(`The profiles file ${path} is longer than ${MAX_BYTES} bytes: move it away.`)
    // Whoever can write here can have any command run in the owner's name.
    if (world.platform !== 'win32' && (mode & 0o022) !== 0)
      throw new UsageError(`Others can write the profiles file ${path}, which may name commands: chmod 600 it.`)
    return await file.readFile('utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    if (errorCode(error) === 'ENOENT') return undefined
    throw new UsageError(`The profiles file ${path} cannot be read (${errorCode(error)}): check its owner and rights.`)
  } finally {
    await file?.close()
  }
}

function parse(
  text: string,
  path: string,
): Readonly<Record<string, unknown>> & { readonly version?: unknown; readonly profiles?: unknown; readonly current?: unknown } {
  try {
    const value: unknown = JSON.parse(text)
    if (isRecord(value)) return value
  } catch {
    // Said below.
  }
  throw new UsageError(`The profiles file ${path} is not JSON: mend it, or move it away.`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
