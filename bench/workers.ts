// What several workers add on one machine, by what is asked of them and by the database behind them; and that they are never worse than one.
import { availableParallelism } from 'node:os'
import type { Loader } from './load/loader.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import { median, pairedRatio } from './statistics.ts'
import type { Contestant, Kind } from './workers/contestants.ts'
import { KINDS, startContest } from './workers/contestants.ts'

export interface WorkersPlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run of one server with one kind of request. */
  readonly seconds: number
}

export interface WorkersRow extends Pick<Contestant, 'database' | 'workers'> {
  readonly kind: Kind
  readonly requestsPerSecond: readonly number[]
  readonly p99Ms: number
  /** Processor time of all processes of the server for one request, in microseconds; the database server's not counted. */
  readonly processorMicros: number
}

const CONNECTIONS = 64
const WORKERS = [1, 2] as const
/** Share of requests that may fail before the run is void. */
const TOLERATED = 0.001
/** Never worse than one, as far as runs on a shared machine can say. */
const AT_LEAST = 0.95

interface Run {
  readonly rate: number
  readonly p99Ms: number
  readonly micros: number
}

export async function measureWorkers(plan: WorkersPlan, loader: Loader): Promise<{ rows: WorkersRow[]; targets: Target[] }> {
  const { contestants, noPostgres, stop } = await startContest(WORKERS)
  try {
    const rows: WorkersRow[] = []
    for (const kind of KINDS) rows.push(...(await measure(contestants, kind, plan, loader)))
    say(`\nWorkers on ${availableParallelism()} cores, ${CONNECTIONS} connections${noPostgres === false ? '' : `; ${noPostgres}`}`)
    say(tableOf(rows))
    const targets = targetsOf(rows)
    say(`\n${targetLines(targets)}`)
    return { rows, targets }
  } finally {
    await stop()
  }
}

async function measure(contestants: readonly Contestant[], kind: Kind, plan: WorkersPlan, loader: Loader): Promise<WorkersRow[]> {
  const run = async (contestant: Contestant, seconds: number): Promise<Run> => {
    const before = contestant.processorSeconds()
    const result = await loader.run({ ...contestant.load(kind), connections: CONNECTIONS, seconds })
    const { requests, failures, p99Ms } = result
    if (failures > requests * TOLERATED) throw new Error(`${kind}: ${failures} of ${requests} requests failed`)
    return { rate: requests / result.seconds, p99Ms, micros: ((contestant.processorSeconds() - before) * 1e6) / requests }
  }
  for (const contestant of contestants) {
    progress(`${kind}: warming up ${contestant.workers} on ${contestant.database}`)
    await run(contestant, plan.warmupSeconds)
  }
  const runs = contestants.map((): Run[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      progress(`${kind}, round ${round} of ${plan.rounds}: ${contestant.workers} on ${contestant.database}`)
      runs[index]?.push(await run(contestant, plan.seconds))
    }
  }
  progressDone()
  return contestants.map(({ database, workers }, index): WorkersRow => {
    const all = runs[index] ?? []
    const requestsPerSecond = all.map((one) => one.rate)
    const [p99Ms, processorMicros] = [median(all.map((one) => one.p99Ms)), median(all.map((one) => one.micros))]
    return { database, workers, kind, requestsPerSecond, p99Ms, processorMicros }
  })
}

function alone(rows: readonly WorkersRow[], row: WorkersRow): readonly number[] {
  const one = rows.find((other) => other.workers === 1 && other.kind === row.kind && other.database === row.database)
  return one?.requestsPerSecond ?? []
}

function tableOf(rows: readonly WorkersRow[]): string {
  return table(
    ['', 'workers', 'requests/s', 'p99 ms', 'CPU us', 'of one'],
    rows.map((row) => [
      `${row.kind}, ${row.database}`,
      row.workers,
      median(row.requestsPerSecond),
      row.p99Ms,
      row.processorMicros,
      row.workers === 1 ? '' : `${pairedRatio(row.requestsPerSecond, alone(rows, row)).toFixed(2)}x`,
    ]),
  )
}

function targetsOf(rows: readonly WorkersRow[]): Target[] {
  return rows
    .filter((row) => row.workers > 1)
    .map((row) => ({
      what: `${row.kind}, ${row.database}: ${row.workers} workers against one`,
      measured: pairedRatio(row.requestsPerSecond, alone(rows, row)),
      unit: 'x',
      bound: AT_LEAST,
      sense: 'at least',
    }))
}
