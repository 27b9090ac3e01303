// The peer HAProxy: jwt_verify on every request, and a stick-table for the rate. No API key, no count. undefined where it is not installed.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../packages/server/test/harness/free_port.ts'
import { AUDIENCE } from '../servers/asked.ts'
import type { ServerProcess } from '../servers/server_process.ts'
import type { TokenMaker } from '../verification/tokens.ts'
import { ISSUER } from '../verification/tokens.ts'

/** Not of this repository: Debian's package, where the machine has it. */
const HAPROXY = 'haproxy'
const LONGEST_START = 100

export async function startHaproxy(upstream: string, { publicKey, algorithm }: TokenMaker): Promise<ServerProcess | undefined> {
  if (spawnSync(HAPROXY, ['-v']).error) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const port = await freePort()
  const key = join(folder, 'key.pem')
  await writeFile(key, publicKey.export({ format: 'pem', type: 'spki' }))
  await writeFile(join(folder, 'haproxy.cfg'), configuration(port, new URL(upstream).host, key, algorithm))
  const child = spawn(HAPROXY, ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true, force: true })
  }
  for (let tries = 0; !(await listens(port)); tries++) {
    if (tries < LONGEST_START && child.exitCode === null) {
      await pause(50)
      continue
    }
    await stop()
    throw new Error('haproxy does not start')
  }
  return { origin: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop }
}

/** Algorithm, signature, issuer, audience, lifetime, and so many requests of one subject in a second. */
function configuration(port: number, upstream: string, key: string, algorithm: string): string {
  const denials = [
    `!{ var(txn.bearer),jwt_header_query('$.alg') -m str ${algorithm} }`,
    `!{ var(txn.bearer),jwt_verify("${algorithm}","${key}") -m int 1 }`,
    `!{ var(txn.bearer),jwt_payload_query('$.iss') -m str ${ISSUER} }`,
    `!{ var(txn.bearer),jwt_payload_query('$.aud') -m str ${AUDIENCE} }`,
    '{ var(txn.exp),sub(txn.now) -m int lt 0 }',
  ]
  return `global
  maxconn 2000
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend public
  bind 127.0.0.1:${port}
  stick-table type string len 64 size 100k expire 60s store http_req_rate(1s)
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.now) date()
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
${denials.map((denial) => `  http-request deny deny_status 401 if ${denial}`).join('\n')}
  http-request track-sc0 var(txn.bearer),jwt_payload_query('$.sub')
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000 }
  default_backend api
backend api
  server one ${upstream}
`
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', settle(true)).once('error', settle(false))
  })
}
