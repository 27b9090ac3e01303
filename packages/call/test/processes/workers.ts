// Starts program.mjs as real processes, speaks with them line by line, and leaves none behind.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly calls: number
  readonly tokens: readonly string[]
  readonly failures: readonly string[]
}

export interface Worker {
  readonly pid: number
  /** As the process says it, with a `v`. */
  readonly version: string
  /** Undefined if the process ended first. */
  readonly ask: (line: { readonly calls: number; readonly advance?: number }) => Promise<Outcome | undefined>
  readonly kill: () => Promise<void>
  /** Ends its input and waits for it. */
  readonly end: () => Promise<void>
}

export interface WorkerOptions {
  readonly node: string
  /** Where the published form lies. */
  readonly root: string
  /** The client's options and the `folder` of its cache. */
  readonly options: Readonly<Record<string, unknown>>
}

export async function startWorker(t: TestContext, { node, root, options }: WorkerOptions): Promise<Worker> {
  const program = join(root, 'program.mjs')
  await copyFile(fileURLToPath(new URL('program.mjs', import.meta.url)), program)
  const child = spawn(node, [program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => stop(child))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<unknown> => {
    const line = await lines.next()
    return line.done === true ? undefined : (JSON.parse(line.value) as unknown)
  }
  const first = (await next()) as { readonly ready: string } | undefined
  if (first === undefined || child.pid === undefined) throw new Error('The program did not start.')
  return {
    pid: child.pid,
    version: first.ready,
    async ask(line) {
      child.stdin.write(`${JSON.stringify(line)}\n`)
      return (await next()) as Outcome | undefined
    },
    kill: () => stop(child),
    async end() {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
