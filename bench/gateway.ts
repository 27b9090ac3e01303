// Requests a second through a gateway that checks and limits each of them, beside its peers, in turns.
import type { Contestant } from './gateway/contestants.ts'
import { startContestants } from './gateway/contestants.ts'
import type { Loader } from './load/loader.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import type { BenchAlgorithm } from './servers/asked.ts'
import { ALGORITHMS } from './servers/asked.ts'
import { familySeconds } from './servers/server_process.ts'
import { median, pairedRatio } from './statistics.ts'

export interface GatewayPlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run of one gateway. */
  readonly seconds: number
}

export interface GatewayRow {
  readonly algorithm: BenchAlgorithm
  readonly name: string
  readonly requestsPerSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the gateway for one request, all its threads, in microseconds. */
  readonly processorMicros: number
}

const CONNECTIONS = 64
/** Share of requests that may fail before the run is void. */
const TOLERATED = 0.001
const TIMES_FASTIFY = 3
const TIMES_HAPROXY = 1

export async function measureGateway(plan: GatewayPlan, loader: Loader): Promise<{ rows: GatewayRow[]; targets: Target[] }> {
  const rows: GatewayRow[] = []
  const targets: Target[] = []
  for (const algorithm of ALGORITHMS) {
    const contestants = await startContestants(algorithm)
    try {
      const measured = await measure(contestants, algorithm, plan, loader)
      rows.push(...measured)
      say(`\nRequests through the gateway, ${algorithm}, ${CONNECTIONS} connections`)
      say(tableOf(measured))
      targets.push(...targetsOf(contestants, measured, algorithm))
    } finally {
      await Promise.all(contestants.map((one) => one.stop()))
    }
  }
  say(`\n${targetLines(targets)}`)
  return { rows, targets }
}

async function measure(
  contestants: readonly Contestant[],
  algorithm: BenchAlgorithm,
  plan: GatewayPlan,
  loader: Loader,
): Promise<GatewayRow[]> {
  const load = ({ url, headers }: Contestant, seconds: number) => loader.run({ url, headers, connections: CONNECTIONS, seconds })
  for (const contestant of contestants) {
    progress(`${algorithm}: warming up ${contestant.name}`)
    await checkContestant(contestant)
    await load(contestant, plan.warmupSeconds)
  }
  const runs = contestants.map((): { rate: number; p50Ms: number; p99Ms: number; micros: number }[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      progress(`${algorithm}, round ${round} of ${plan.rounds}: ${contestant.name}`)
      const before = familySeconds(contestant.pid)
      const { requests, seconds, failures, p50Ms, p99Ms } = await load(contestant, plan.seconds)
      if (failures > requests * TOLERATED) throw new Error(`${contestant.name} failed ${failures} of ${requests} requests`)
      runs[index]?.push({ rate: requests / seconds, p50Ms, p99Ms, micros: ((familySeconds(contestant.pid) - before) * 1e6) / requests })
    }
  }
  progressDone()
  return contestants.map(({ name }, index) => {
    const all = runs[index] ?? []
    return {
      algorithm,
      name,
      requestsPerSecond: all.map((run) => run.rate),
      p50Ms: median(all.map((run) => run.p50Ms)),
      p99Ms: median(all.map((run) => run.p99Ms)),
      processorMicros: median(all.map((run) => run.micros)),
    }
  })
}

/** Who lets a forged token in would make the comparison void; the limit lets everything in. */
async function checkContestant({ name, role, url, headers }: Contestant): Promise<void> {
  const good = await fetch(url, { headers })
  const told = await good.text()
  if (good.status !== 200 || !told.includes('orders')) throw new Error(`${name} answers ${good.status}: ${told}`)
  if (role.startsWith('ours') && !good.headers.get('ratelimit')?.includes('"requests-month"')) throw new Error(`${name} does not charge`)
  const bearer = headers['Authorization'] ?? ''
  const forged = await fetch(url, { headers: { ...headers, Authorization: `${bearer.slice(0, -12)}AAAAAAAAAAAA` } })
  await forged.text()
  if (role !== 'limit' && forged.status !== 401) throw new Error(`${name} answers ${forged.status} to a forged token`)
}

function targetsOf(contestants: readonly Contestant[], rows: readonly GatewayRow[], algorithm: BenchAlgorithm): Target[] {
  const rates = (role: Contestant['role']): readonly number[] | undefined =>
    rows[contestants.findIndex((one) => one.role === role)]?.requestsPerSecond
  const against = (role: Contestant['role'], peer: Contestant['role'], what: string, bound: number): Target[] => {
    const [ours, theirs] = [rates(role), rates(peer)]
    if (!ours || !theirs) return []
    return [{ what: `${algorithm} gateway ${what}`, measured: pairedRatio(ours, theirs), unit: 'x', bound, sense: 'at least' }]
  }
  return [
    ...against('ours', 'fastify', 'of Fastify’s', TIMES_FASTIFY),
    ...against('ours', 'haproxy', 'of HAProxy’s, which has all cores', TIMES_HAPROXY),
    ...against('ours on all cores', 'haproxy', 'on all cores, of HAProxy’s', TIMES_HAPROXY),
  ]
}

function tableOf(rows: readonly GatewayRow[]): string {
  const [ours] = rows
  return table(
    ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU us', 'countersign is'],
    rows.map((row) => [
      row.name,
      median(row.requestsPerSecond),
      row.p50Ms,
      row.p99Ms,
      row.processorMicros,
      row === ours ? '' : `${pairedRatio(ours?.requestsPerSecond ?? [], row.requestsPerSecond).toFixed(2)}x`,
    ]),
  )
}
