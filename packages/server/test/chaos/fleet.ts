// The nodes of a fault test: each a process on a port of its own that is killed, paused and started again there. Nothing outlives the process
// that asked for them.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../harness/free_port.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const CLOCK = new URL('clock.ts', import.meta.url).href

export interface ChaosNode {
  readonly origin: string
  readonly managementOrigin: string
  /** Resolves when it says that it serves. A start that fails is tried again, as a service manager would. */
  start(): Promise<void>
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>
  /** SIGKILL to one of its workers; false if it has none. */
  killWorker(random: () => number): boolean
  pause(): void
  resume(): void
  /** Its clock is so many milliseconds ahead from now on (within 50 ms). */
  setClock(aheadMs: number): void
  /** SIGTERM; the exit code. */
  end(): Promise<number | null>
  /** What it complained of, over all its lives. */
  complaints(): string
}

/** @param args of `serve`, without ports. @param folder for its clock */
export async function createNode(args: readonly string[], folder: string, number: number): Promise<ChaosNode> {
  const [port, managementPort] = [await freePort(), await freePort()]
  const clock = join(folder, `clock-${number}`)
  writeFileSync(clock, '0')
  const env = { PATH: process.env['PATH'], NODE_OPTIONS: `--import ${CLOCK}`, CHAOS_CLOCK: clock }
  const line = ['-C', 'source', MAIN, 'serve', '--port', `${port}`, '--management-port', `${managementPort}`, ...args]
  const life: { child: ChildProcess | undefined; isWanted: boolean; complaints: string } = {
    child: undefined,
    isWanted: false,
    complaints: '',
  }
  const startOnce = async (): Promise<boolean> => {
    const started = spawn(process.execPath, line, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    life.child = started
    started.stderr.setEncoding('utf8').on('data', (text: string) => (life.complaints = (life.complaints + text).slice(-100_000)))
    return await new Promise<boolean>((resolve) => {
      let said = ''
      started.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (/management\s+http/.test(said)) resolve(true)
      })
      started.once('exit', () => resolve(false))
    })
  }
  process.once('exit', () => life.child?.kill('SIGKILL'))
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    life.isWanted = false
    const ending = life.child
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return ending?.exitCode ?? null
    const gone = once(ending, 'exit')
    ending.kill('SIGCONT')
    ending.kill(signal)
    const [code] = (await gone) as [number | null]
    return code
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    managementOrigin: `http://127.0.0.1:${managementPort}`,
    async start() {
      life.isWanted = true
      while (life.isWanted && !(await startOnce())) await pause(300)
    },
    kill: async () => void (await end('SIGKILL')),
    killWorker(random) {
      const pids = childrenOf(life.child?.pid)
      const pid = pids[Math.floor(random() * pids.length)]
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      return pid !== undefined
    },
    pause: () => void life.child?.kill('SIGSTOP'),
    resume: () => void life.child?.kill('SIGCONT'),
    setClock: (aheadMs) => writeFileSync(clock, `${aheadMs}`),
    end: () => end('SIGTERM'),
    complaints: () => life.complaints,
  }
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** `countersign ...`; its exit code, and what it printed. Given up after `withinMs`. */
export async function command(args: readonly string[], withinMs: number): Promise<{ readonly code: number | null; readonly out: string }> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: withinMs,
    killSignal: 'SIGKILL',
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out }
}
