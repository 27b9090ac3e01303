// Load on one URL: keep-alive connections that each send the next request once the last one is answered.
// wrk makes it where it is installed, since it costs the machine least; otherwise our own generator in a process of its own.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Load {
  readonly url: string
  /** Form-encoded body of each request, a POST; without one it is a GET. */
  readonly body?: string
  /** Further fields of each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** The `Authorization` of each request in turn, instead of one among `headers`. */
  readonly authorizations?: readonly string[]
  readonly connections: number
  readonly seconds: number
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 2xx, and broken connections. */
  readonly failures: number
}

export interface Loader {
  readonly name: string
  readonly run: (load: Load) => Promise<LoadResult>
}

/** Not of this repository: Debian's package, where the machine has it. */
const WRK = 'wrk'

export function findLoader(): Loader {
  const wrk = spawnSync(WRK, ['-v'], { encoding: 'utf8' })
  if (wrk.error) return { name: 'built-in generator (wrk is not installed)', run: runGenerator }
  return { name: /wrk \S+/.exec(wrk.stdout)?.[0] ?? 'wrk', run: runWrk }
}

const SCRIPT = fileURLToPath(new URL('./request.lua', import.meta.url))
const GENERATOR = fileURLToPath(new URL('./generator.ts', import.meta.url))

function runWrk({ url, body, headers = {}, authorizations = [], connections, seconds }: Load): Promise<LoadResult> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const args = ['-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--timeout', '10s', ...fields, '-s', SCRIPT, url]
  const turns = authorizations.length === 0 ? {} : { BENCH_AUTHORIZATIONS: authorizations.join('\n') }
  return resultOf(WRK, args, { ...turns, ...(body !== undefined && { BENCH_BODY: body }) })
}

function runGenerator(load: Load): Promise<LoadResult> {
  return resultOf(process.execPath, [GENERATOR], { BENCH_LOAD: JSON.stringify(load) })
}

async function resultOf(command: string, args: readonly string[], env: Record<string, string>): Promise<LoadResult> {
  const child = spawn(command, args, { env: { PATH: process.env['PATH'], ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  const line = /^RESULT (\{.*\})$/m.exec(said)?.[1]
  if (line === undefined) throw new Error(`the load generator gave no result: ${said}`)
  return JSON.parse(line) as LoadResult
}
