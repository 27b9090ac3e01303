// The countersign program as a process of its own, watched from outside: what it prints, how it ends. Nothing it starts outlives the tests.
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort as findFreePort } from '../harness/free_port.ts'

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when it is gone and all it printed has been read. */
  readonly ended: Promise<Ending>
  stdout(): string
  stderr(): string
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<Ending>
}

export interface Serving extends Program {
  readonly origin: string
  readonly managementOrigin: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Runs as this user; only root may ask for it. */
  readonly uid?: number
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
/** Nothing a test waits for takes this long: a process that does is stuck. */
const LONGEST_MS = 60_000

/** For every test with a process: it must end, whatever the process does. */
export const BOUNDED = { timeout: LONGEST_MS }

const alive = new Set<Program>()
const folders: string[] = []

after(async () => {
  await Promise.all([...alive].map((program) => program.end('SIGKILL')))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** An empty folder that is gone after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-process-'))
  folders.push(folder)
  return folder
}

/** `countersign` with these arguments. */
export function run(args: readonly string[], { env = {}, uid }: RunOptions = {}): Program {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid !== undefined && { uid, gid: uid }),
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  const stuck = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS)
  const ended = closed.then(([code, signal]) => {
    clearTimeout(stuck)
    alive.delete(program)
    return { code, signal, stdout, stderr }
  })
  const end = (signal: NodeJS.Signals): Promise<Ending> => {
    child.kill(signal)
    return ended
  }
  const program: Program = { child, ended, stdout: () => stdout, stderr: () => stderr, end }
  alive.add(program)
  return program
}

/** `countersign serve` on free ports; resolves when it says that it serves, rejects with what it complained of if it ends before. */
export async function serve(args: readonly string[], options: RunOptions = {}): Promise<Serving> {
  const program = run(['serve', '--port', '0', '--management-port', '0', ...args], options)
  const addresses = new Promise<readonly [string, string]>((resolve) => {
    program.child.stdout.on('data', () => {
      const found = /public\s+(http:\S+)[\s\S]*?management\s+(http:\S+)/i.exec(program.stdout())
      if (found?.[1] && found[2]) resolve([found[1], found[2]])
    })
  })
  const failed = program.ended.then(({ code, signal, stderr }): never => {
    throw new Error(`the server ended with ${code ?? signal}: ${stderr}`)
  })
  const [origin, managementOrigin] = await Promise.race([addresses, failed])
  // Its later end is the test's own business.
  failed.catch(() => undefined)
  return { ...program, origin, managementOrigin }
}

/** For a server that must come back on the same one, as an argument. */
export const freePort = async (): Promise<string> => String(await findFreePort())

/** What the program complained of, without the warnings that a configuration earns. */
export function complaint({ stderr }: Pick<Ending, 'stderr'>): string {
  return stderr.replace(/^warning: .*\n/gm, '')
}

/** Whether `text` is one sentence on one line: what a start that fails says, without a stack. */
export function isOneSentence(text: string): boolean {
  return /^[^\n]*\S\.\n$/.test(text) && !/\n\s+at |node:internal|Error:/.test(text)
}
