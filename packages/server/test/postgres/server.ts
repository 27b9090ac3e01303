// A real PostgreSQL for tests, with its durability on: started, killed and started again on the same port, and gone with the process that
// asked for it, however that ends.
import assert from 'node:assert/strict'
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { freePort } from '../harness/free_port.ts'
import type { Installation } from './install.ts'
import { give, install, PASSWORD, RUNS_AS, USER } from './install.ts'

const installation = install()

/** For the options of a test: why there is no PostgreSQL to try, or false. */
export const noPostgres: string | false = 'missing' in installation ? `no PostgreSQL here: ${installation.missing}` : false

/** A test context, or the module's own hooks. */
export interface Ends {
  after(act: () => Promise<void>): void
}

export interface TestPostgres {
  /** Of the server's own database; one of `createDatabase` is a fresh one. */
  readonly url: string
  readonly port: number
  /** Data folder. */
  readonly folder: string
  /** Its URL. */
  createDatabase(): Promise<string>
  /** One database, the same each time, with its tables as if nothing had ever been in them: much quicker than a fresh one. Its URL. */
  emptiedDatabase(): Promise<string>
  /** SIGKILL to all of its processes at once. */
  kill(): Promise<void>
  /** Fast shutdown. */
  stop(): Promise<void>
  /** Once more, on the same port; resolves when it takes connections. */
  start(): Promise<void>
  /** All its processes stand still, and no connection breaks; until the second call. */
  freeze(): Promise<() => void>
  /** As an administrator, on a connection of its own. */
  run(sql: string, database?: string): Promise<Readonly<Record<string, unknown>>[]>
  /** URL of a database, by its name. */
  urlOf(database: string): string
}

export interface PostgresOptions {
  /** Lines for postgresql.conf. */
  readonly settings?: readonly string[]
}

export const startPostgres = async (ends: Ends, { settings = [] }: PostgresOptions = {}): Promise<TestPostgres> => {
  if ('missing' in installation) throw new Error(`no PostgreSQL here: ${installation.missing}`)
  const folder = mkdtempSync(join(tmpdir(), 'countersign-postgres-data-'))
  cpSync(installation.template, folder, { recursive: true })
  const port = await freePort()
  appendFileSync(
    join(folder, 'postgresql.conf'),
    [...SETTINGS, `port = ${port}`, `unix_socket_directories = '${folder}'`, ...settings, ''].join('\n'),
  )
  give(folder)
  let running: Running | undefined
  const start = async (): Promise<void> => {
    running = await run(installation, folder)
  }
  const stop = async (how: 'kill' | 'stop'): Promise<void> => {
    const was = running
    running = undefined
    await was?.[how]()
  }
  ends.after(async () => {
    await stop('kill')
    rmSync(folder, { recursive: true, force: true })
  })
  await start()
  const urlOf = (database: string): string => `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`
  const query = (sql: string, database = 'postgres') => ask({ host: folder, port, user: USER, database }, sql)
  let databases = 0
  return {
    url: urlOf('postgres'),
    port,
    folder,
    urlOf,
    start,
    kill: () => stop('kill'),
    stop: () => stop('stop'),
    run: query,
    freeze: async () => {
      assert.ok(running, 'it runs')
      return running.freeze()
    },
    createDatabase: async () => {
      databases += 1
      const name = `made_${databases}`
      await query(`CREATE DATABASE ${name}`)
      return urlOf(name)
    },
    emptiedDatabase: async () => {
      const found = await query(`SELECT 1 FROM pg_database WHERE datname = '${EMPTIED}'`)
      if (found.length === 0) await query(`CREATE DATABASE ${EMPTIED}`)
      const tables = await query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'", EMPTIED)
      const names = tables.map(({ name }) => String(name)).filter((name) => !KEPT.includes(name))
      if (names.length > 0) await query(names.map((name) => RESET[name] ?? `DELETE FROM ${name}`).join('; '), EMPTIED)
      return urlOf(EMPTIED)
    },
  }
}

const EMPTIED = 'emptied'
/** What the migrations left, and nobody changes. */
const KEPT = ['schema_version', 'schema_compatible']

/** Tables whose rows the migrations made. */
const RESET: Readonly<Record<string, string>> = {
  counters: 'UPDATE counters SET value = 0',
  leases: "UPDATE leases SET beat = 0, holder = ''",
}

const SETTINGS = [
  '',
  "listen_addresses = '127.0.0.1'",
  'shared_buffers = 32MB',
  'max_connections = 60',
  'fsync = on',
  'synchronous_commit = on',
  'full_page_writes = on',
  "log_min_messages = 'fatal'",
  "log_destination = 'stderr'",
  'max_wal_size = 256MB',
  'autovacuum_naptime = 10s',
  'max_parallel_workers = 0',
  'huge_pages = off',
]

interface Running {
  kill(): Promise<void>
  stop(): Promise<void>
  freeze(): () => void
}

/** The shell ends PostgreSQL and removes its data when nobody holds the other end of its input any more. */
const WATCHED = `"$1/bin/postgres" -D "$2" 2>&1 & server=$!
echo "pid $server"
read word
kill -QUIT $server 2>/dev/null
wait $server 2>/dev/null
[ "$word" = keep ] || rm -rf "$2"`

const run = async ({ folder: programs }: Installation, folder: string): Promise<Running> => {
  const env = { PATH: process.env['PATH'], LD_LIBRARY_PATH: join(programs, 'lib'), TZ: 'UTC' }
  const shell = spawn('/bin/sh', ['-c', WATCHED, 'sh', programs, folder], { ...RUNS_AS, env, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(shell, 'close')
  const pid = await ready(shell, folder)
  const end = async (): Promise<void> => {
    shell.stdin.end('keep\n')
    await closed
  }
  return {
    kill: async () => {
      signal(pid, 'SIGSTOP')
      const children = childrenOf(pid)
      for (const one of [pid, ...children]) signal(one, 'SIGKILL')
      await end()
      // Who opens the data folder again must find it deserted.
      while (children.some(isAlive)) await pause(5)
    },
    stop: async () => {
      signal(pid, 'SIGINT')
      while (isAlive(pid)) await pause(5)
      await end()
    },
    freeze: () => {
      signal(pid, 'SIGSTOP')
      const all = [pid, ...childrenOf(pid)]
      for (const one of all) signal(one, 'SIGSTOP')
      return () => {
        for (const one of all) signal(one, 'SIGCONT')
      }
    },
  }
}

type Shell = ChildProcessByStdio<Writable, Readable, null>

/** The process id, once it takes connections. */
const ready = async (shell: Shell, folder: string): Promise<number> => {
  const said: string[] = []
  const lines = createInterface(shell.stdout)
  const pid = await new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      const [, number] = /^pid (\d+)$/.exec(line) ?? []
      if (number !== undefined) resolve(Number(number))
      else said.push(line)
    })
    lines.once('close', () => reject(new Error(`PostgreSQL did not start: ${said.join('\n')}`)))
  })
  // The last line of its lock file says what it is doing.
  while (!isReady(folder, pid)) {
    if (!isAlive(pid)) throw new Error(`PostgreSQL did not start: ${said.join('\n')}`)
    await pause(5)
  }
  return pid
}

const isReady = (folder: string, pid: number): boolean => {
  try {
    const lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')
    return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
  } catch {
    return false
  }
}

const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone already.
  }
}

/** Whether it runs; one that has ended and whose parent has not looked yet does not. */
const isAlive = (pid: number): boolean => {
  const state = stateOf(String(pid))
  if (state !== undefined) return state.state !== 'Z' && state.state !== 'X'
  if (process.platform === 'linux') return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const stateOf = (pid: string): { readonly state: string; readonly parent: number } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

/** They leave their parent's process group. Elsewhere than on Linux they notice by themselves that it is gone. */
const childrenOf = (pid: number): number[] => {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && stateOf(name)?.parent === pid)
    .map(Number)
}

const ask = async (config: pg.ClientConfig, sql: string): Promise<Readonly<Record<string, unknown>>[]> => {
  const client = new pg.Client(config)
  await client.connect()
  try {
    const { rows } = await client.query<Readonly<Record<string, unknown>>>(sql)
    return rows
  } finally {
    await client.end()
  }
}
