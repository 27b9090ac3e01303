// Tokens a second: every contestant in turn, round after round, never two at once. One algorithm at a time, many connections and one.
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { Loader, LoadResult } from './load/loader.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import type { BenchAlgorithm } from './servers/asked.ts'
import { ALGORITHMS, AUDIENCE, CLIENT_ID, LIFETIME, TOKEN_BODY } from './servers/asked.ts'
import type { Contestant, Role } from './servers/contestants.ts'
import { startContestants } from './servers/contestants.ts'
import { processorSeconds, residentMegabytes } from './servers/server_process.ts'
import { median, pairedRatio } from './statistics.ts'

export interface IssuancePlan {
  readonly rounds: number
  readonly warmupSeconds: number
  /** Of one run with many connections, and with one. */
  readonly seconds: number
  readonly secondsAlone: number
}

export interface IssuanceRow {
  readonly algorithm: BenchAlgorithm
  readonly connections: number
  readonly name: string
  readonly role: Role
  readonly requestsPerSecond: readonly number[]
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the server for one request, all its threads, in microseconds: hardly moved by what else the machine does. */
  readonly processorMicros: number
  readonly residentMegabytes: number
}

export interface IssuanceResult {
  readonly rows: readonly IssuanceRow[]
  readonly targets: readonly Target[]
}

/** Share of requests that may fail before the run is void: a starved machine breaks a connection now and then. */
const TOLERATED = 0.001
const CONNECTIONS = [64, 1] as const

export async function measureIssuance(plan: IssuancePlan, loader: Loader): Promise<IssuanceResult> {
  const rows: IssuanceRow[] = []
  const targets: Target[] = []
  for (const algorithm of ALGORITHMS) {
    const contestants = await startContestants(algorithm)
    try {
      for (const contestant of contestants) await checkToken(contestant, algorithm)
      await warmUp(contestants, plan, loader, algorithm)
      for (const connections of CONNECTIONS) {
        const measured = await measure(contestants, { plan, loader, algorithm, connections })
        rows.push(...measured)
        say(`\nTokens by client_credentials, ${algorithm}, ${connections === 1 ? 'one connection' : `${connections} connections`}`)
        say(tableOf(measured))
        if (connections !== 1) targets.push(...targetsOf(algorithm, measured))
      }
    } finally {
      await Promise.all(contestants.map((one) => one.stop()))
    }
  }
  say(`\n${targetLines(targets)}`)
  return { rows, targets }
}

/** A token that is not what all others are would make the comparison void. */
async function checkToken({ name, url, jwks }: Contestant, algorithm: BenchAlgorithm): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: TOKEN_BODY })
  const { access_token, expires_in } = (await response.json()) as { access_token?: string; expires_in?: number }
  if (access_token === undefined) throw new Error(`${name} gave no token: status ${response.status}`)
  const { payload } = await jwtVerify(access_token, createLocalJWKSet(jwks), { audience: AUDIENCE, typ: 'at+jwt', algorithms: [algorithm] })
  // Some count the milliseconds that the signature took.
  const lasting = expires_in === LIFETIME || expires_in === LIFETIME - 1
  if (payload['client_id'] !== CLIENT_ID || payload.jti === undefined || !lasting) throw new Error(`${name} gave another kind of token`)
}

async function warmUp(contestants: readonly Contestant[], plan: IssuancePlan, loader: Loader, algorithm: BenchAlgorithm): Promise<void> {
  for (const { name, url } of contestants) {
    progress(`${algorithm}: warming up ${name}`)
    await loader.run({ url, body: TOKEN_BODY, connections: CONNECTIONS[0], seconds: plan.warmupSeconds })
  }
}

interface Runs {
  readonly plan: IssuancePlan
  readonly loader: Loader
  readonly algorithm: BenchAlgorithm
  readonly connections: number
}

async function measure(contestants: readonly Contestant[], { plan, loader, algorithm, connections }: Runs): Promise<IssuanceRow[]> {
  const runs = contestants.map((): (LoadResult & { readonly processorMicros: number })[] => [])
  for (let round = 1; round <= plan.rounds; round++) {
    for (const [index, { name, url, pid }] of contestants.entries()) {
      progress(`${algorithm}, ${connections} connections, round ${round} of ${plan.rounds}: ${name}`)
      const before = processorSeconds(pid)
      const seconds = connections === 1 ? plan.secondsAlone : plan.seconds
      const result = await loader.run({ url, body: TOKEN_BODY, connections, seconds })
      if (result.failures > result.requests * TOLERATED) throw new Error(`${name} failed ${result.failures} of ${result.requests} requests`)
      runs[index]?.push({ ...result, processorMicros: ((processorSeconds(pid) - before) * 1e6) / result.requests })
    }
  }
  progressDone()
  return contestants.map(({ name, role, pid }, index) => {
    const all = runs[index] ?? []
    return {
      algorithm,
      connections,
      name,
      role,
      requestsPerSecond: all.map((run) => run.requests / run.seconds),
      p50Ms: median(all.map((run) => run.p50Ms)),
      p99Ms: median(all.map((run) => run.p99Ms)),
      processorMicros: median(all.map((run) => run.processorMicros)),
      residentMegabytes: residentMegabytes(pid),
    }
  })
}

function tableOf(rows: readonly IssuanceRow[]): string {
  const ours = rows.find((row) => row.role === 'ours')?.requestsPerSecond ?? []
  return table(
    ['', 'tokens/s', 'p50 ms', 'p99 ms', 'CPU us', 'MB', 'countersign is'],
    rows.map((row) => [
      row.name,
      median(row.requestsPerSecond),
      row.p50Ms,
      row.p99Ms,
      row.processorMicros,
      row.residentMegabytes,
      row.role === 'ours' ? '' : `${pairedRatio(ours, row.requestsPerSecond).toFixed(2)}x`,
    ]),
  )
}

const WANTED: Readonly<Record<BenchAlgorithm, { readonly limit: number; readonly oidcProvider: number; readonly peer: number }>> = {
  ES256: { limit: 0.75, oidcProvider: 2.2, peer: 1.2 },
  RS256: { limit: 0.75, oidcProvider: 1.4, peer: 1 },
}

function targetsOf(algorithm: BenchAlgorithm, rows: readonly IssuanceRow[]): Target[] {
  const ours = rows.find((row) => row.role === 'ours')?.requestsPerSecond ?? []
  const against = (role: Role): number => pairedRatio(ours, fastest(rows, role)?.requestsPerSecond ?? [])
  const wanted = WANTED[algorithm]
  const row = (whom: string, role: Role, bound: number): Target => ({
    what: `${algorithm} issuance against ${whom}`,
    measured: against(role),
    unit: 'x',
    bound,
    sense: 'at least',
  })
  return [
    row('the best bare limit', 'limit', wanted.limit),
    row('oidc-provider', 'oidc-provider', wanted.oidcProvider),
    row('the best peer', 'peer', wanted.peer),
    row('that peer, tuned by hand', 'tuned', wanted.peer),
  ]
}

function fastest(rows: readonly IssuanceRow[], role: Role): IssuanceRow | undefined {
  const candidates = rows.filter((row) => row.role === role)
  return candidates.reduce<IssuanceRow | undefined>(
    (best, row) => (best && median(best.requestsPerSecond) >= median(row.requestsPerSecond) ? best : row),
    undefined,
  )
}
