// A disk of a few megabytes that can be filled up: a tmpfs, where this user may mount one. Unmounted after the tests.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

export interface SmallDisk {
  readonly folder: string
  /** Uses up all space but `leave` bytes, rounded down to the disk's blocks of 4 KiB. */
  fill(leave?: number): void
  /** Frees what `fill` has used. */
  free(): void
  /** Makes it read-only. */
  lock(): void
}

export const NO_SMALL_DISK = 'only root on Linux can mount a small disk'

const mounted: string[] = []
after(() => {
  for (const folder of mounted) {
    // Lazily: a process that was killed a moment ago may still let go of its files.
    execFileSync('/bin/umount', ['-l', folder], { stdio: 'pipe' })
    rmSync(folder, { recursive: true })
  }
})

/** Undefined where this user may not mount one. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  mounted.push(folder)
  const ballast = join(folder, 'ballast')
  const spare = join(folder, 'spare')
  return {
    folder,
    fill(leave = 0) {
      writeUntilFull(spare, leave)
      writeUntilFull(ballast, Number.POSITIVE_INFINITY)
      rmSync(spare)
    },
    free: () => rmSync(ballast),
    lock: () => void execFileSync('/bin/mount', ['-o', 'remount,ro', folder], { stdio: 'pipe' }),
  }
}

const BLOCK = Buffer.alloc(4096, 1)

function writeUntilFull(file: string, most: number): void {
  const descriptor = openSync(file, 'a')
  try {
    for (let written = 0; written + BLOCK.length <= most; written += BLOCK.length) writeSync(descriptor, BLOCK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(descriptor)
  }
}
