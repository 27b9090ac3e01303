// The management listener: health and metrics. Nothing of it is on the public one.
import type { Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { isLoopback } from '../config/url.ts'

/** What a check of readiness found. */
export interface CheckResult {
  readonly status: 'ok' | 'failed'
  /** A sentence for the operator. */
  readonly reason?: string
}

/** The answer of /health/ready: 200 if it is `ok`, else 503. */
export interface Readiness {
  readonly status: 'ok' | 'unavailable'
  /** That of the first check that failed. */
  readonly reason?: string
  /** By name: `started`, `store`, `signing_keys`, `event_loop`, `draining`. */
  readonly checks: Readonly<Record<string, CheckResult>>
}

export interface ManagementOptions {
  readonly ready: () => Promise<Readiness>
  /** Prometheus text. */
  readonly metrics: () => string | Promise<string>
}

export function createManagement({ ready, metrics }: ManagementOptions): Server {
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (isMisdirected(server, request.headers.host))
      return answer(response, 421, 'text/plain', 'This listener is on loopback: ask for it as 127.0.0.1, [::1] or localhost.\n')
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'text/plain', 'This listener takes GET.\n')
    if (path === '/health/live') return answer(response, 200, 'application/json', '{"status":"ok"}')
    if (path === '/health/ready') return void answerReady(response, ready)
    if (path === '/metrics') return void answerMetrics(response, metrics)
    return answer(response, 404, 'text/plain', 'Here are /health/live, /health/ready and /metrics.\n')
  })
  return server
}

/** A page of somebody whose host name was made to lead here reads nothing. A browser never leaves out Host; plain health checks do. */
function isMisdirected(server: Server, host: string | undefined): boolean {
  const bound = server.address()
  if (host === undefined || bound === null || typeof bound === 'string' || !isLoopback(bound.address)) return false
  return !isLoopback(host.replace(/:\d*$/, ''))
}

/** Throws, or rejects with, a sentence for the operator. */
export type Check = () => unknown

/** A check that does not come back is one that failed. */
const CHECK_MS = 5_000

/** All at once; none of them can make another late. */
export async function runChecks(checks: Readonly<Record<string, Check>>): Promise<Readiness> {
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await runCheck(check)] as const))
  const failed = results.find(([, result]) => result.status === 'failed')?.[1]
  const status = failed ? 'unavailable' : 'ok'
  return { status, ...(failed?.reason !== undefined && { reason: failed.reason }), checks: Object.fromEntries(results) }
}

async function runCheck(check: Check): Promise<CheckResult> {
  let enough: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    enough = setTimeout(() => reject(new Error(`There was no result within ${CHECK_MS / 1000} s.`)), CHECK_MS)
  })
  try {
    await Promise.race([(async () => check())(), late])
    return { status: 'ok' }
  } catch (error) {
    return { status: 'failed', reason: error instanceof Error ? error.message : 'It failed without saying why.' }
  } finally {
    clearTimeout(enough)
  }
}

async function answerReady(response: ServerResponse, ready: () => Promise<Readiness>): Promise<void> {
  const readiness = await ready()
  answer(response, readiness.status === 'ok' ? 200 : 503, 'application/json', JSON.stringify(readiness))
}

async function answerMetrics(response: ServerResponse, metrics: () => string | Promise<string>): Promise<void> {
  try {
    answer(response, 200, 'text/plain; version=0.0.4', await metrics())
  } catch {
    answer(response, 503, 'text/plain', 'The metrics cannot be collected now.\n')
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' }).end(body)
}
