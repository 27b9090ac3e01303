// Proxies as programs of their own, each with its recipe of examples/forward-auth as it is, but for the addresses.
// Where a program is missing its tests skip and say so.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../harness/free_port.ts'

export interface ProxyProgram {
  readonly name: string
  /** Its path; undefined where it is not installed. */
  readonly program: string | undefined
  /** Files of the recipe, copied into the folder it runs in. */
  readonly files: readonly string[]
  /** @param folder the files are there, and nothing else */
  readonly args: (folder: string) => readonly string[]
}

export interface Addresses {
  /** Origins. */
  readonly countersign: string
  readonly upstream: string
}

export interface ProxyOptions {
  /** To each file of the recipe. */
  readonly change?: (text: string) => string
  readonly env?: Readonly<Record<string, string>>
}

export interface RunningProxy {
  readonly origin: string
  readonly close: () => Promise<void>
}

const RECIPES = fileURLToPath(new URL('../../../../examples/forward-auth/', import.meta.url))

/** nginx's recipe is for its http block: this is what stands around it. */
const NGINX_MAIN = `daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  include nginx.conf;
}
`

export const PROXY_PROGRAMS: readonly ProxyProgram[] = [
  {
    name: 'nginx',
    program: found('nginx'),
    files: ['nginx.conf'],
    args(folder) {
      writeFileSync(join(folder, 'main.conf'), NGINX_MAIN)
      return ['-e', 'stderr', '-p', folder, '-c', 'main.conf']
    },
  },
  { name: 'caddy', program: found('caddy'), files: ['Caddyfile'], args: () => ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'] },
  { name: 'haproxy', program: found('haproxy'), files: ['haproxy.cfg', 'countersign.lua'], args: () => ['-db', '-f', 'haproxy.cfg'] },
]

export function recipe(file: string): string {
  return readFileSync(RECIPES + file, 'utf8')
}

/** Resolves when it takes connections; rejects with what it complained of if it ends before. */
export async function startProxy(
  { name, program, files, args }: ProxyProgram,
  addresses: Addresses,
  { change = (text) => text, env = {} }: ProxyOptions = {},
): Promise<RunningProxy> {
  if (program === undefined) throw new Error(`${name} is not installed`)
  const folder = mkdtempSync(join(tmpdir(), 'countersign-proxy-'))
  const port = await freePort()
  const host = (origin: string): string => origin.replace('http://', '')
  for (const file of files) {
    const text = recipe(file)
      .replaceAll('127.0.0.1:8080', host(addresses.countersign))
      .replaceAll('127.0.0.1:9000', host(addresses.upstream))
      .replaceAll(':8000', `:${port}`)
    writeFileSync(join(folder, file), change(text))
  }
  const child = spawn(program, args(folder), {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let complained = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained = (complained + text).slice(-4000)))
  const gone = once(child, 'exit')
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await gone
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.race([
      accepts(port, child),
      gone.then(() => {
        throw new Error(`${name} ended: ${complained}`)
      }),
    ])
    return { origin: `http://127.0.0.1:${port}`, close }
  } catch (error) {
    await close()
    throw error
  }
}

function found(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

const LONGEST_MS = 15_000

/** The programs say nothing that could be waited for. */
async function accepts(port: number, child: ChildProcess): Promise<void> {
  const end = Date.now() + LONGEST_MS
  while (child.exitCode === null && child.signalCode === null) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    if (Date.now() > end) throw new Error(`nothing listens at port ${port}`)
    await setTimeout(20)
  }
}
