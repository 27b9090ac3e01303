// Tokens a second of the same server without a plan and state in memory, with a budget and audit in a file, and with tokens served again.

import type { Loader } from '../load/loader.ts'
import type { Target } from '../report.ts'
import { progress, progressDone, say, table } from '../report.ts'
import type { BenchAlgorithm } from '../servers/asked.ts'
import { ALGORITHMS, TOKEN_BODY } from '../servers/asked.ts'
import type { CountersignFolder, FolderOptions } from '../servers/countersign.ts'
import { createFolder, tokenPath } from '../servers/countersign.ts'
import type { ServerProcess } from '../servers/server_process.ts'
import { processorSeconds, spawnServer } from '../servers/server_process.ts'
import { median, pairedRatio } from '../statistics.ts'
import type { LedgerPlan } from './plan.ts'

export interface ThroughputRow {
  readonly algorithm: BenchAlgorithm
  readonly name: string
  readonly requestsPerSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the server for one request, all its threads, in microseconds. */
  readonly processorMicros: number
}

const CONNECTIONS = 64
/** Share of requests that may fail before the run is void. */
const TOLERATED = 0.001
/** At least so much of the throughput without plan, audit and file is to be left with them. */
const LEFT = 0.8

/** High enough that nothing is refused, and all thresholds are told. */
const BUDGET = { tokens: { limit: 1_000_000_000, per: 'month', warnAt: [50, 80, 95] } }

interface Variant {
  readonly name: string
  readonly options: FolderOptions
}

const WITHOUT: Variant = { name: 'without: state in memory, no plan', options: { data: false, top: { audit: { tokens: false } } } }
const COUNTED: Variant = {
  name: 'budget in a file, no audit of tokens',
  options: { top: { audit: { tokens: false } }, realm: { plan: BUDGET } },
}
const WITH: Variant = { name: 'budget and audit in a file', options: { top: { audit: { tokens: true } }, realm: { plan: BUDGET } } }
const REUSED: Variant = {
  name: 'the same, tokens served again',
  options: { top: { audit: { tokens: true } }, realm: { plan: BUDGET, reuse: true } },
}
const VARIANTS = [WITHOUT, COUNTED, WITH, REUSED] as const

export async function measureThroughput(plan: LedgerPlan, loader: Loader): Promise<{ rows: ThroughputRow[]; targets: Target[] }> {
  const rows: ThroughputRow[] = []
  const targets: Target[] = []
  const servers = await startAll()
  try {
    for (const algorithm of ALGORITHMS) {
      const measured = await measure(servers, algorithm, plan, loader)
      rows.push(...measured)
      say(`\nWhat a budget costs, ${algorithm}, ${CONNECTIONS} connections`)
      say(tableOf(measured))
      targets.push({
        what: `${algorithm} issuance with budget, audit and file`,
        measured: pairedRatio(rateOf(measured, WITH), rateOf(measured, WITHOUT)),
        unit: 'x',
        bound: LEFT,
        sense: 'at least',
      })
    }
  } finally {
    await Promise.all(servers.map((one) => one.stop()))
  }
  return { rows, targets }
}

interface Server {
  readonly variant: Variant
  readonly origin: string
  readonly pid: number
  readonly stop: () => Promise<void>
}

async function startAll(): Promise<Server[]> {
  const started = await Promise.allSettled(VARIANTS.map(start))
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = started.find((one) => one.status === 'rejected')
  if (!failed) return servers
  await Promise.all(servers.map((one) => one.stop()))
  throw failed.reason
}

async function start(variant: Variant): Promise<Server> {
  const folder: CountersignFolder = await createFolder(variant.options)
  try {
    const server: ServerProcess = await spawnServer([...folder.args, '--port', '0', '--management-port', '0'], folder.env)
    return {
      variant,
      origin: server.origin,
      pid: server.pid,
      async stop() {
        await server.stop()
        await folder.remove()
      },
    }
  } catch (error) {
    await folder.remove()
    throw error
  }
}

async function measure(servers: readonly Server[], algorithm: BenchAlgorithm, plan: LedgerPlan, loader: Loader): Promise<ThroughputRow[]> {
  const load = (server: Server, seconds: number) =>
    loader.run({ url: server.origin + tokenPath(algorithm), body: TOKEN_BODY, connections: CONNECTIONS, seconds })
  for (const server of servers) {
    progress(`${algorithm}: warming up ${server.variant.name}`)
    await checkVariant(server, algorithm)
    await load(server, plan.warmupSeconds)
  }
  const runs = servers.map((): { rate: number; p50Ms: number; p99Ms: number; micros: number }[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, server] of servers.entries()) {
      progress(`${algorithm}, round ${round} of ${plan.rounds}: ${server.variant.name}`)
      const before = processorSeconds(server.pid)
      const { requests, seconds, failures, p50Ms, p99Ms } = await load(server, plan.seconds)
      if (failures > requests * TOLERATED) throw new Error(`${server.variant.name} failed ${failures} of ${requests} requests`)
      runs[index]?.push({ rate: requests / seconds, p50Ms, p99Ms, micros: ((processorSeconds(server.pid) - before) * 1e6) / requests })
    }
  }
  progressDone()
  return servers.map(({ variant }, index) => {
    const all = runs[index] ?? []
    return {
      algorithm,
      name: variant.name,
      requestsPerSecond: all.map((run) => run.rate),
      p50Ms: median(all.map((run) => run.p50Ms)),
      p99Ms: median(all.map((run) => run.p99Ms)),
      processorMicros: median(all.map((run) => run.micros)),
    }
  })
}

/** A server that does not count, or does not serve again, would make the comparison void. */
async function checkVariant({ variant, origin }: Server, algorithm: BenchAlgorithm): Promise<void> {
  const answers = [await ask(origin, algorithm), await ask(origin, algorithm)] as const
  const counts = answers.every((one) => one.counted)
  const again = answers[0].jti === answers[1].jti
  const expected = { counts: variant !== WITHOUT, again: variant === REUSED }
  if (counts !== expected.counts || again !== expected.again) throw new Error(`${variant.name} does something else`)
}

async function ask(origin: string, algorithm: BenchAlgorithm): Promise<{ counted: boolean; jti: unknown }> {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const response = await fetch(origin + tokenPath(algorithm), { method: 'POST', headers, body: TOKEN_BODY })
  const { access_token: token } = (await response.json()) as { access_token?: string }
  if (token === undefined) throw new Error(`no token: status ${response.status}`)
  const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti?: unknown }
  return { counted: response.headers.get('ratelimit')?.startsWith('"tokens"') ?? false, jti: payload.jti }
}

function rateOf(rows: readonly ThroughputRow[], { name }: Variant): readonly number[] {
  return rows.find((row) => row.name === name)?.requestsPerSecond ?? []
}

function tableOf(rows: readonly ThroughputRow[]): string {
  const without = rateOf(rows, WITHOUT)
  return table(
    ['', 'tokens/s', 'p50 ms', 'p99 ms', 'CPU us', 'of that without'],
    rows.map((row) => [
      row.name,
      median(row.requestsPerSecond),
      row.p50Ms,
      row.p99Ms,
      row.processorMicros,
      row.name === WITHOUT.name ? '' : `${pairedRatio(row.requestsPerSecond, without).toFixed(2)}x`,
    ]),
  )
}
