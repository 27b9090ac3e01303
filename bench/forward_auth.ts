// Requests a second through nginx that asks about each of them, beside nginx that asks nobody and one that is told yes, in turns.
import type { Contestant } from './forward_auth/contestants.ts'
import { noNginx, startContest } from './forward_auth/contestants.ts'
import type { Loader } from './load/loader.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import { familySeconds } from './servers/server_process.ts'
import { median } from './statistics.ts'

export interface ForwardAuthPlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run of one contestant. */
  readonly seconds: number
}

export interface ForwardAuthRow {
  readonly name: string
  readonly requestsPerSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of whoever is asked for one request, in microseconds. */
  readonly processorMicros: number
}

const CONNECTIONS = 64
/** Share of requests that may fail before the run is void. */
const TOLERATED = 0.001
const LEAST_A_SECOND = 20_000

export async function measureForwardAuth(plan: ForwardAuthPlan, loader: Loader): Promise<{ rows: ForwardAuthRow[]; targets: Target[] }> {
  if (noNginx !== false) {
    say(`\nForward-auth is not measured: ${noNginx}.`)
    return { rows: [], targets: [] }
  }
  const { contestants, stop } = await startContest()
  try {
    const rows = await measure(contestants, plan, loader)
    const targets = contestants.flatMap(({ role, name }, index): Target[] => {
      if (role !== 'ours') return []
      const measured = median(rows[index]?.requestsPerSecond ?? [])
      return [{ what: name, measured, unit: ' requests/s', bound: LEAST_A_SECOND, sense: 'at least' }]
    })
    say(`\nRequests through nginx with auth_request, one worker, nginx as upstream, ${CONNECTIONS} connections`)
    say(
      table(
        ['', 'requests/s', 'p50 ms', 'p99 ms', 'CPU us of the asked'],
        rows.map((row) => [row.name, median(row.requestsPerSecond), row.p50Ms, row.p99Ms, row.processorMicros]),
      ),
    )
    say(`\n${targetLines(targets)}`)
    return { rows, targets }
  } finally {
    await stop()
  }
}

async function measure(contestants: readonly Contestant[], plan: ForwardAuthPlan, loader: Loader): Promise<ForwardAuthRow[]> {
  const load = ({ url, headers }: Contestant, seconds: number) => loader.run({ url, headers, connections: CONNECTIONS, seconds })
  for (const contestant of contestants) {
    progress(`warming up: ${contestant.name}`)
    await checkContestant(contestant)
    await load(contestant, plan.warmupSeconds)
  }
  const runs = contestants.map((): { rate: number; p50Ms: number; p99Ms: number; micros: number }[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      progress(`round ${round} of ${plan.rounds}: ${contestant.name}`)
      const spent = (): number => (contestant.pid === undefined ? Number.NaN : familySeconds(contestant.pid))
      const before = spent()
      const { requests, seconds, failures, p50Ms, p99Ms } = await load(contestant, plan.seconds)
      if (failures > requests * TOLERATED) throw new Error(`${contestant.name} failed ${failures} of ${requests} requests`)
      runs[index]?.push({ rate: requests / seconds, p50Ms, p99Ms, micros: ((spent() - before) * 1e6) / requests })
    }
  }
  progressDone()
  return contestants.map(({ name }, index) => {
    const all = runs[index] ?? []
    return {
      name,
      requestsPerSecond: all.map((run) => run.rate),
      p50Ms: median(all.map((run) => run.p50Ms)),
      p99Ms: median(all.map((run) => run.p99Ms)),
      processorMicros: median(all.map((run) => run.micros)),
    }
  })
}

/** Who lets a forged token in would make the comparison void. */
async function checkContestant({ name, role, url, headers }: Contestant): Promise<void> {
  const good = await fetch(url, { headers })
  const told = await good.text()
  if (good.status !== 200 || !told.includes('orders')) throw new Error(`${name} answers ${good.status}: ${told}`)
  if (role === 'limit') return
  const bearer = headers['Authorization'] ?? ''
  const forged = await fetch(url, { headers: { ...headers, Authorization: `${bearer.slice(0, -12)}AAAAAAAAAAAA` } })
  await forged.text()
  if (forged.status !== 401) throw new Error(`${name} answers ${forged.status} to a forged token`)
}
