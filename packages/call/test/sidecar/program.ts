// `callsign sidecar` as a child process, ready or refused.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { folder } from '../callsign_process.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface SidecarProgram {
  /** As it printed it. */
  readonly address: string
  readonly child: ChildProcess
  readonly exited: Promise<number | null>
}

/** @param home where tokens are kept; default: a folder of its own. */
export async function spawnSidecar(t: TestContext, args: readonly string[], home?: string): Promise<SidecarProgram> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    XDG_CACHE_HOME: home ?? (await folder(t)),
    XDG_CONFIG_HOME: home ?? (await folder(t)),
    CALLSIGN_CLIENT_ID: 'ours',
    CALLSIGN_CLIENT_SECRET: 'our-secret',
  }
  const child = spawn(process.execPath, ['-C', 'source', MAIN, 'sidecar', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const printed = once(child.stdout.setEncoding('utf8'), 'data').then(([text]) => String(text))
  const line = await Promise.race([printed, exited.then((code) => Promise.reject(new Error(`It ended with ${code}: ${err}`)))])
  return { address: /^(\S+) -> /.exec(line)?.[1] ?? '', child, exited }
}
