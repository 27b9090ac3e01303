// The folder of callsign's own files: where it is (XDG base directories), and how a file in it is written: 0600, whole or not at all.
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import type { World } from './command.ts'
import { CommandFailed, errorCode } from './command.ts'

/** `$XDG_CONFIG_HOME/countersign`, or the same below `~/.config`. */
export function ownFolder({ env }: Pick<World, 'env'>): string {
  const xdg = env['XDG_CONFIG_HOME']
  // The specification: a relative path is to be ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'countersign')
  return join(homeOf(env), '.config', 'countersign')
}

/** Folder 0700, file 0600; a reader sees the old text or the new one. @throws CommandFailed */
export async function writeOwnFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw new CommandFailed(`The file ${path} cannot be written (${errorCode(error)}): check the folder's owner, its rights and the disk.`)
  }
}

function homeOf(env: World['env']): string {
  const home = env['HOME'] ?? env['USERPROFILE']
  return home === undefined || home === '' ? homedir() : home
}
