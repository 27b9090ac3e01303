// Servers under the same load, one after another, round after round: what each did, and what it cost. Owns no server and no target.
import { progress, progressDone } from '../report.ts'
import { familySeconds } from '../servers/server_process.ts'
import { median } from '../statistics.ts'
import type { Loader } from './loader.ts'

export interface TurnsPlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run of one server. */
  readonly seconds: number
}

export interface Loadable {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Whose processor time counts, its children's with it; undefined: nobody's. */
  readonly pid: number | undefined
}

export interface TurnsRow {
  readonly name: string
  readonly requestsPerSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time for one request, all threads, in microseconds. */
  readonly processorMicros: number
}

export const CONNECTIONS = 64
/** Share of requests that may fail before the run is void. */
const TOLERATED = 0.001

/** @param check rejects for one that would make the comparison void. @param title stands before each line of progress */
export async function loadInTurns<One extends Loadable>(
  all: readonly One[],
  plan: TurnsPlan,
  loader: Loader,
  { check, title = '' }: { readonly check: (one: One) => Promise<void>; readonly title?: string },
): Promise<TurnsRow[]> {
  const load = ({ url, headers }: Loadable, seconds: number) => loader.run({ url, headers, connections: CONNECTIONS, seconds })
  for (const one of all) {
    progress(`${title}warming up: ${one.name}`)
    await check(one)
    await load(one, plan.warmupSeconds)
  }
  const runs = all.map((): { rate: number; p50Ms: number; p99Ms: number; micros: number }[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, one] of all.entries()) {
      progress(`${title}round ${round} of ${plan.rounds}: ${one.name}`)
      const spent = (): number => (one.pid === undefined ? Number.NaN : familySeconds(one.pid))
      const before = spent()
      const { requests, seconds, failures, p50Ms, p99Ms } = await load(one, plan.seconds)
      if (failures > requests * TOLERATED) throw new Error(`${one.name} failed ${failures} of ${requests} requests`)
      runs[index]?.push({ rate: requests / seconds, p50Ms, p99Ms, micros: ((spent() - before) * 1e6) / requests })
    }
  }
  progressDone()
  return all.map(({ name }, index) => rowOf(name, runs[index] ?? []))
}

function rowOf(name: string, runs: readonly { rate: number; p50Ms: number; p99Ms: number; micros: number }[]): TurnsRow {
  return {
    name,
    requestsPerSecond: runs.map((run) => run.rate),
    p50Ms: median(runs.map((run) => run.p50Ms)),
    p99Ms: median(runs.map((run) => run.p99Ms)),
    processorMicros: median(runs.map((run) => run.micros)),
  }
}
