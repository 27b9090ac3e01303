// Steps `cache` and `profiles`: the folders of callsign on this machine, whose they are and who else can read them.

import type { Stats } from 'node:fs'
import { access, constants, lstat } from 'node:fs/promises'
import type { World } from '../command.ts'
import { profilesPath } from '../profiles_file.ts'
import { tokenFolder } from '../token_folder.ts'
import type { Finding } from './finding.ts'
import { fail, ok, warn } from './finding.ts'

export async function examineMachine(world: World): Promise<readonly Finding[]> {
  const [folder, file] = [tokenFolder(world), profilesPath(world)]
  const [cache, profiles] = await Promise.all([look(folder), look(file)])
  const findings = [cache ? await examineFolder(folder, cache) : ok('cache', `No token is kept yet; the folder will be ${folder}.`)]
  if (profiles && open(profiles)) findings.push(warn('profiles', `Other users can read the profiles in ${file}.`, `chmod 600 ${file}`))
  return findings
}

async function examineFolder(folder: string, stats: Stats): Promise<Finding> {
  if (stats.isSymbolicLink())
    return warn('cache', `The folder of the tokens, ${folder}, is a link to elsewhere.`, 'Make sure that the place is yours alone.')
  if (!stats.isDirectory()) return fail('cache', `${folder} should be the folder of the tokens and is none.`, 'Move it away.')
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return fail('cache', `The folder of the tokens, ${folder}, belongs to another user.`, 'Move it away, or have it given to you (chown).')
  }
  if (open(stats)) return fail('cache', `Other users can look into the folder of the tokens, ${folder}.`, `chmod 700 ${folder}`)
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return fail(
      'cache',
      `The folder of the tokens, ${folder}, cannot be written.`,
      `chmod 700 ${folder}, and check that the disk is not read-only.`,
    )
  }
  return ok('cache', `Tokens are kept in ${folder}, which is yours alone.`)
}

function open({ mode }: Stats): boolean {
  return process.platform !== 'win32' && (mode & 0o077) !== 0
}

async function look(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}
