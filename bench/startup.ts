// From the start of the process to its first token, and what it then holds in memory. Runs `serve` exactly as `npm start` does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../packages/server/test/harness/free_port.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import { TOKEN_BODY } from './servers/asked.ts'
import { createFolder, SERVE, tokenPath } from './servers/countersign.ts'
import { residentMegabytes } from './servers/server_process.ts'
import { median } from './statistics.ts'

export interface StartupPlan {
  readonly runs: number
  /** Seconds after the first token when memory is looked at again. */
  readonly restSeconds: number
}

export interface StartupRow {
  readonly name: string
  readonly held: boolean
  readonly firstTokenMs: readonly number[]
  readonly residentAtFirstToken: number
  readonly residentAtRest: number
}

export interface StartupResult {
  readonly rows: readonly StartupRow[]
  readonly targets: readonly Target[]
}

interface Start {
  readonly name: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly path: string
  readonly body: string
  /** Held to the targets; the others show what a start costs that happens once. */
  readonly held: boolean
}

export async function measureStartup(plan: StartupPlan): Promise<StartupResult> {
  const folder = await createFolder()
  const fresh = await createFolder()
  const starts: readonly Start[] = [
    { name: 'serve --demo', args: [...SERVE, '--demo'], env: {}, path: DEMO_PATH, body: DEMO_BODY, held: true },
    { name: 'serve --config', args: folder.args, env: folder.env, path: tokenPath('ES256'), body: TOKEN_BODY, held: true },
    { name: 'serve --config, new database', args: fresh.args, env: fresh.env, path: tokenPath('ES256'), body: TOKEN_BODY, held: true },
    { name: 'serve --demo, no compile cache', args: [...SERVE, '--demo'], env: NO_CACHE, path: DEMO_PATH, body: DEMO_BODY, held: false },
  ]
  const dataOf = (start: Start): string | undefined => (start.args === fresh.args ? `${fresh.folder}/data` : undefined)
  const found = starts.map((): { ms: number[]; first: number[]; rest: number[] } => ({ ms: [], first: [], rest: [] }))
  try {
    // Fills the compile cache, and makes the keys of the folder that is started again and again.
    for (const start of starts) await startOnce(start, 0)
    for (let run = 1; run <= plan.runs; run++) {
      for (const [index, start] of starts.entries()) {
        progress(`start ${run} of ${plan.runs}: ${start.name}`)
        const data = dataOf(start)
        if (data !== undefined) await rm(data, { recursive: true, force: true })
        // Memory at rest takes seconds to see: once is enough.
        const one = await startOnce(start, run === plan.runs ? plan.restSeconds : 0)
        found[index]?.ms.push(one.firstTokenMs)
        found[index]?.first.push(one.residentAtFirstToken)
        found[index]?.rest.push(one.residentAtRest)
      }
    }
  } finally {
    await Promise.all([folder.remove(), fresh.remove()])
  }
  progressDone()
  const rows = starts.map(({ name, held }, index): StartupRow => {
    const { ms = [], first = [], rest = [] } = found[index] ?? {}
    return { name, held, firstTokenMs: ms, residentAtFirstToken: median(first), residentAtRest: rest.at(-1) ?? Number.NaN }
  })
  say('\nFrom the start of the process to the first token, and memory')
  say(
    table(
      ['', 'first token ms', 'fastest ms', 'MB then', `MB after ${plan.restSeconds} s`],
      rows.map((row) => [row.name, median(row.firstTokenMs), Math.min(...row.firstTokenMs), row.residentAtFirstToken, row.residentAtRest]),
    ),
  )
  const targets = rows
    .filter((row) => row.held)
    .flatMap((row): Target[] => [
      { what: `${row.name}: first token`, measured: median(row.firstTokenMs), unit: ' ms', bound: 400, sense: 'at most' },
      { what: `${row.name}: memory at rest`, measured: row.residentAtRest, unit: ' MB', bound: 100, sense: 'at most' },
    ])
  say(`\n${targetLines(targets)}`)
  return { rows, targets }
}

/** As at the first start after an installation. */
const NO_CACHE = { NODE_DISABLE_COMPILE_CACHE: '1' }
const DEMO_PATH = '/realms/willba/protocol/openid-connect/token'
const DEMO_BODY = 'client_id=YOUR_CLIENT_ID&client_secret=YOUR_CLIENT_SECRET&grant_type=client_credentials'

interface Started {
  readonly firstTokenMs: number
  readonly residentAtFirstToken: number
  readonly residentAtRest: number
}

async function startOnce({ args, env, path, body }: Start, restSeconds: number): Promise<Started> {
  const [port, managementPort] = [await freePort(), await freePort()]
  const began = performance.now()
  const child = spawn(process.execPath, [...args, '--port', String(port), '--management-port', String(managementPort)], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'ignore'],
  })
  const gone = once(child, 'exit')
  try {
    while (!(await hasToken(port, path, body))) {
      if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`)
      if (performance.now() - began > 20_000) throw new Error(`${args.join(' ')} gave no token within 20 s`)
      await pause(POLL_MS)
    }
    const firstTokenMs = performance.now() - began
    const pid = child.pid ?? 0
    const residentAtFirstToken = residentMegabytes(pid)
    await pause(restSeconds * 1000)
    return { firstTokenMs, residentAtFirstToken, residentAtRest: restSeconds > 0 ? residentMegabytes(pid) : Number.NaN }
  } finally {
    child.kill('SIGTERM')
    await gone
  }
}

const POLL_MS = 3

/** One attempt over a raw socket, which costs the starting process next to nothing until it listens. */
function hasToken(port: number, path: string, body: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let received = ''
    socket.setEncoding('latin1')
    socket.on('connect', () => {
      const head = [
        'Host: 127.0.0.1',
        'Connection: close',
        'Content-Type: application/x-www-form-urlencoded',
        `Content-Length: ${body.length}`,
      ]
      socket.write(`POST ${path} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`)
    })
    socket.on('data', (text: string) => (received += text))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(received.startsWith('HTTP/1.1 200') && received.includes('"access_token"')))
  })
}
