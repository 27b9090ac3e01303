// The demo as a process of its own, with the issuers that the pages name.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Demo {
  /** Origin of the public listener. */
  readonly origin: string
  close(): Promise<void>
}

/** The demo did not come up; `message` has what it said. */
export class DemoError extends Error {
  override readonly name = 'DemoError'
}

const MAIN = fileURLToPath(new URL('../../bin/countersign.mjs', import.meta.url))
const SERVE = ['serve', '--demo', '--port', '0', '--management-port', '0']
const PATIENCE_MS = 30_000

/** @throws DemoError */
export async function startDemo(env: NodeJS.ProcessEnv): Promise<Demo> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...SERVE], {
    env: { PATH: env['PATH'], COUNTERSIGN_DEMO_ISSUERS: 'pages', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const starting = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  const gone = once(child, 'close').finally(() => clearTimeout(starting))
  let said = ''
  let complained = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained += text
  })
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const found = /^\s*public\s+(http:\S+)\s/m.exec(said)?.[1]
      if (found) resolve(found)
    })
    gone.then(() => reject(new DemoError(`The demo did not start: ${(complained || said).trim().slice(0, 2000)}`)), reject)
  })
  clearTimeout(starting)
  return {
    origin,
    async close() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
      await gone
      clearTimeout(late)
    },
  }
}
