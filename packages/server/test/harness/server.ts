// Servers for tests: in this process for speed, or as a real process to be killed. Free ports, cleaned up by the caller's `after`.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { loadConfiguration } from '../../src/config/config.ts'
import type { ConfigInput } from '../../src/config/input.ts'
import { startServer } from '../../src/server/compose.ts'
import { createSampleUpstream } from '../../src/server/sample_upstream.ts'

export interface TestServer {
  /** Origin of the public listener. */
  readonly origin: string
  readonly managementOrigin: string
  /** What the operator was told, in order: a test of a malfunction asserts on it, all others that it is empty. */
  readonly reports: readonly string[]
  /** Sentences for the operator that are no errors. */
  readonly notices: readonly string[]
  close(): Promise<void>
}

/** The demo with its sample upstream, in this process. */
export async function startDemo(issuers: 'local' | 'pages' = 'local'): Promise<TestServer> {
  const upstream = createSampleUpstream()
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const { port } = upstream.address() as AddressInfo
  try {
    const server = await start({ demo: { upstream: `http://127.0.0.1:${port}`, issuers } })
    const closed = once(upstream, 'close')
    return {
      ...server,
      async close() {
        upstream.close()
        await Promise.all([server.close(), closed])
      },
    }
  } catch (error) {
    upstream.close()
    throw error
  }
}

/** A configuration as an operator writes it, in this process. @param now its clock, epoch seconds; default: the system's. */
export function startConfigured(input: ConfigInput, env: Record<string, string> = {}, now?: () => number): Promise<TestServer> {
  return start({ input, env }, now)
}

async function start(
  from: { demo: { upstream: string; issuers: 'local' | 'pages' } } | { input: ConfigInput; env: Record<string, string> },
  now?: () => number,
): Promise<TestServer> {
  const reports: string[] = []
  const notices: string[] = []
  const loaded = await loadConfiguration({ ...from, flags: { port: 0, managementPort: 0 } })
  const running = await startServer(loaded.configuration, {
    atPorts: loaded.atPorts,
    notice: (sentence) => notices.push(sentence),
    ...(now && { now }),
    report: (error, what) => reports.push(`${what}: ${error instanceof Error ? error.message : String(error)}`),
  })
  return { origin: running.publicUrl, managementOrigin: running.managementUrl, reports, notices, close: () => running.close() }
}

export interface ServerProcess {
  readonly origin: string
  readonly managementOrigin: string
  readonly child: ChildProcess
  /** Ends it without a chance to clean up, and waits until it is gone. */
  kill(): Promise<void>
}

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** `countersign serve` as a process of its own on free ports; resolves when it is ready. */
export async function spawnServer(args: readonly string[], env: Record<string, string> = {}): Promise<ServerProcess> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, 'serve', '--port', '0', '--management-port', '0', ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const gone = once(child, 'exit')
  let said = ''
  let complained = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text))
  const addresses = new Promise<readonly [string, string]>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const found = /public\s+(http:\S+)[\s\S]*?management\s+(http:\S+)/i.exec(said)
      if (found?.[1] && found[2]) resolve([found[1], found[2]])
    })
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${complained}${said}`)))
  })
  const [origin, managementOrigin] = await addresses
  return {
    origin,
    managementOrigin,
    child,
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await gone
    },
  }
}
