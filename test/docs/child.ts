// Runs a program to its end, or until it said something: in an environment that holds nothing but what is named here.
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's, with its last slash. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const LONGEST_MS = 60_000

export interface Ended {
  /** Null: ended by a signal. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  /** Resolves with the first match in what it prints; rejects if it ends before. */
  said(pattern: RegExp): Promise<RegExpExecArray>
  /** @param signal sent to it, and nothing else */
  stop(signal: NodeJS.Signals): Promise<Ended>
  readonly ended: Promise<Ended>
}

/** In the repository's root, as a process group of its own: whatever it leaves behind goes with it. */
export function start(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const { HOME = '', PATH = '' } = process.env
  // As under `npm run`: the Node that npm ci brought along comes first.
  const path = [env['PATH'] ?? '', `${ROOT}node_modules/.bin`, PATH].filter((one) => one !== '').join(delimiter)
  const child = spawn(command, args, { cwd: ROOT, env: { HOME, ...env, PATH: path }, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  child.stdin.on('error', () => undefined).end()
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const tooLong = setTimeout(() => endGroup(child), LONGEST_MS)
  const ended = once(child, 'close').then(([code]): Ended => ({ code: typeof code === 'number' ? code : null, stdout, stderr }))
  void once(child, 'exit').then(() => {
    clearTimeout(tooLong)
    endGroup(child)
  })
  return {
    ended,
    async said(pattern) {
      while (true) {
        const found = pattern.exec(stdout)
        if (found) return found
        const over = await Promise.race([once(child.stdout, 'data').then(() => false), ended.then(() => true)])
        if (over) throw new Error(`${command} ended without saying ${String(pattern)}: ${stdout}${stderr}`)
      }
    },
    stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}

function endGroup({ pid }: ChildProcessWithoutNullStreams): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

/** Runs a program to its end. */
export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return start(command, args, env).ended
}
