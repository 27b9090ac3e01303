// Runs a page's request as its reader would: curl through `sh`, JavaScript in a Node of its own. All that bends the way to the front
// lies around the page's words (curl's configuration file, a preload), never in them, and no connection leaves the machine.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PageRequest } from './page_request.ts'

export interface Answer {
  /** HTTP status; undefined if none came. */
  readonly status: number | undefined
  readonly ms: number | undefined
  /** What the program printed: the answer's body. */
  readonly body: string
  /** What it complained of. */
  readonly complaint: string
  /** The program is not installed. */
  readonly missing: boolean
}

export interface Sender {
  /** What `send` runs, for people to read. */
  describe(request: PageRequest, text: string): string
  send(request: PageRequest, text: string): Promise<Answer>
  /** curl's version, or undefined without curl. */
  readonly curl: string | undefined
  close(): void
}

const SECONDS = 15
const MOST_BYTES = 256 * 1024
const COMMAND_NOT_FOUND = 127
const PRELOAD = new URL('./through_front.ts', import.meta.url)

/** @param env of which only PATH reaches the requests, so that nobody's proxy or curl settings bend them */
export async function openSender(front: { readonly port: number; readonly authority: string }, env: NodeJS.ProcessEnv): Promise<Sender> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-seeds-'))
  const authority = join(folder, 'authority.pem')
  writeFileSync(authority, front.authority)
  writeFileSync(join(folder, '.curlrc'), curlConfiguration(front.port, authority))
  const environment = {
    PATH: env['PATH'],
    HOME: folder,
    CURL_HOME: folder,
    NODE_EXTRA_CA_CERTS: authority,
    SEEDS_FRONT_PORT: String(front.port),
  }
  const run = (program: string, args: readonly string[], input = '') => runProgram(program, args, input, folder, environment)
  const version = await run('curl', ['--version'])
  return {
    curl: /^curl (\S+)/.exec(version.body)?.[1],
    describe: commandOf,
    async send(request, text) {
      if (request.runs !== 'javascript') return await run('sh', ['-c', commandOf(request, text)], request.runs === 'body' ? text : '')
      const program = join(folder, 'page.js')
      writeFileSync(program, `${text}\n`)
      return await run(process.execPath, ['--import', PRELOAD.href, program])
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Of a request whose page prints only the body or the headers, the curl that sends them. */
function commandOf({ runs, send }: PageRequest, text: string): string {
  if (!send) return text
  const start = `curl -X ${send.method} '${send.url}'`
  if (runs === 'body') return `${start} -H 'Content-Type: application/json' --data-binary @-`
  return [start, ...text.split('\n').map((header) => `-H '${header}'`)].join(' \\\n')
}

function curlConfiguration(port: number, authority: string): string {
  const quoted = authority.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  return [
    '# Every host at every port is the front.',
    `connect-to = "::127.0.0.1:${port}"`,
    `cacert = "${quoted}"`,
    'noproxy = "*"',
    `max-time = ${SECONDS}`,
    'silent',
    'show-error',
    'write-out = "%{stderr}\\nanswered %{http_code} %{time_total}\\n"',
    '',
  ].join('\n')
}

function runProgram(program: string, args: readonly string[], input: string, cwd: string, env: NodeJS.ProcessEnv): Promise<Answer> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: 'pipe', timeout: (SECONDS + 5) * 1000, killSignal: 'SIGKILL' })
    let body = ''
    let complaint = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (body.length < MOST_BYTES) body += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (complaint.length < MOST_BYTES) complaint += text
    })
    child.stdin.on('error', () => undefined).end(input)
    child.once('error', (error) => resolve({ status: undefined, ms: undefined, body: '', complaint: error.message, missing: true }))
    child.once('close', (code) => {
      const report = /\nanswered (\d{3}) ([\d.]+)\n/.exec(complaint)
      const status = Number(report?.[1] ?? 0)
      resolve({
        status: status === 0 ? undefined : status,
        ms: report?.[2] === undefined ? undefined : Number(report[2]) * 1000,
        body,
        complaint: complaint.replace(report?.[0] ?? '', '').trim(),
        missing: code === COMMAND_NOT_FOUND,
      })
    })
  })
}
