// Files that hold tokens: 0600 in a folder of the user's own, replaced in one step, and read only if nobody else could have written
// or read them. What they say is not known here.
import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CacheRefused } from './near_cache.ts'

/**
 * Makes the folder, for its owner only, if it is not there; removes what killed writers left half written.
 * @param uid the owner it must have; undefined where the system has none.
 * @throws CacheRefused if others can write into it.
 */
export async function openFolder(folder: string, uid: number | undefined): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const { mode, uid: owner, mtimeMs } = await stat(folder)
  if (uid !== undefined && owner !== uid)
    throw new CacheRefused(`The folder ${folder} belongs to another user: give the token cache a folder of your own.`)
  if (uid !== undefined && (mode & 0o022) !== 0)
    throw new CacheRefused(`Others can write into the folder ${folder}, so no token of it is used: chmod 700 it.`)
  await removeLeftovers(folder, mtimeMs)
}

/**
 * Undefined if there is none, or it is longer than anything written here.
 * @throws CacheRefused if it is no plain file, a link, another user's, or open to others.
 */
export async function readPrivate(path: string, uid: number | undefined, maxBytes: number): Promise<string | undefined> {
  const handle = await openUnlinked(path)
  if (handle === undefined) return undefined
  try {
    const { mode, uid: owner, size } = await handle.stat()
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw new CacheRefused(`${path} is no plain file: remove it.`)
    if (uid !== undefined && owner !== uid)
      throw new CacheRefused(`${path} belongs to another user, so its token is not used: remove it, or use a folder of your own.`)
    if (uid !== undefined && (mode & 0o077) !== 0)
      throw new CacheRefused(
        `${path} is open to other users, so its token is not used: remove it, and renew the credential it may have shown.`,
      )
    return size > maxBytes ? undefined : await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Whoever reads at the same time reads the old text or the new one, and after a crash it is one of both. */
export async function writePrivate(path: string, text: string, nonce: string): Promise<void> {
  const temporary = `${path}.${nonce}${LEFTOVER}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

export async function removePrivate(path: string): Promise<void> {
  await unlink(path).catch(unlessMissing)
}

export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
}

/** For `catch`: swallows "not there". */
export function unlessMissing(error: unknown): undefined {
  if (isCode(error, 'ENOENT')) return undefined
  throw error
}

const LEFTOVER = '.tmp'
const LEFT_AFTER_MS = 3_600_000

/** Without following a link at its end, and without waiting for the other end of a pipe. */
async function openUnlinked(path: string): Promise<FileHandle | undefined> {
  // Windows has neither flag, whatever the types say.
  const flags: readonly (number | undefined)[] = [constants.O_RDONLY, constants.O_NOFOLLOW, constants.O_NONBLOCK]
  try {
    return await open(
      path,
      flags.reduce<number>((all, flag) => all | (flag ?? 0), 0),
    )
  } catch (error) {
    if (isCode(error, 'ELOOP', 'EMLINK')) throw new CacheRefused(`${path} is a symbolic link, which is not followed: remove it.`)
    if (isCode(error, 'EACCES')) throw new CacheRefused(`${path} cannot be read by this user: remove it, or use a folder of your own.`)
    return unlessMissing(error)
  }
}

/** Of writers that were killed: by the clock of the file system, which is the one that dated them. */
async function removeLeftovers(folder: string, latestMs: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(LEFTOVER))
  await Promise.all(
    names.slice(0, 100).map(async (name) => {
      const path = join(folder, name)
      const found = await stat(path).catch(unlessMissing)
      if (found && latestMs - found.mtimeMs > LEFT_AFTER_MS) await removePrivate(path)
    }),
  )
}
