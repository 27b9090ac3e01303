// Runs the program as a process of its own, in a folder, and waits for its end.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly env?: Record<string, string>
  /** Standard input; default: empty. */
  readonly input?: string
  readonly cwd?: string
}

/** `countersign ARGS`. A process that does not end within 30 s is killed, and its code is null. */
export async function countersign(args: readonly string[], { env = {}, input = '', cwd = tmpdir() }: RunOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    cwd,
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>])
  return { code, out, err }
}

const FULL_DISK = '/dev/full'
export const NEEDS_FULL_DISK = { skip: existsSync(FULL_DISK) ? false : `there is no ${FULL_DISK} here` }

/** `countersign ARGS > /dev/full` */
export async function countersignToFullDisk(args: readonly string[]): Promise<Pick<Ended, 'code' | 'err'>> {
  const full = openSync(FULL_DISK, 'w')
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], { stdio: ['ignore', full, 'pipe'], timeout: 30_000 })
  closeSync(full)
  assert.ok(child.stderr)
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number | null]>])
  return { code, err }
}

/** A new folder that is removed after the tests of the file. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'countersign-cli-'))
  after(() => rmSync(path, { recursive: true, force: true }))
  return path
}
