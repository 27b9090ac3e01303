// `callsign` as a child process, for the tests of its commands.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface World {
  readonly env?: Record<string, string>
  readonly stdin?: string
  /** Where profiles and tokens are; without it this one run has a home of its own. */
  readonly home?: string
}

export async function callsign(args: readonly string[], { env = {}, stdin = '', home }: World = {}): Promise<Ran> {
  const own = home ?? (await mkdtemp(join(tmpdir(), 'callsign-home-')))
  try {
    return await run(args, { PATH: process.env['PATH'] ?? '', HOME: own, ...env }, stdin)
  } finally {
    if (home === undefined) await rm(own, { recursive: true, force: true })
  }
}

function run(args: readonly string[], env: Record<string, string>, stdin: string): Promise<Ran> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], { env })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    out += more
  })
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    err += more
  })
  child.stdin.on('error', () => undefined).end(stdin)
  return new Promise((ended, failed) => {
    child.on('error', failed).on('close', (code) => ended({ code, out, err }))
  })
}

const FULL_DISK = '/dev/full'
export const NEEDS_FULL_DISK = { skip: existsSync(FULL_DISK) ? false : `there is no ${FULL_DISK} here` }

/** `callsign ARGS > /dev/full` */
export async function callsignToFullDisk(args: readonly string[]): Promise<Pick<Ran, 'code' | 'err'>> {
  const full = openSync(FULL_DISK, 'w')
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  assert.ok(child.stderr)
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number | null]>])
  return { code, err }
}

/** A folder that goes when the test ends. */
export async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'callsign-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  return path
}
