// Requests a second through a gateway that checks and limits each of them, beside its peers, in turns.
import type { Contestant } from './gateway/contestants.ts'
import { startContestants } from './gateway/contestants.ts'
import type { Loader } from './load/loader.ts'
import type { TurnsPlan, TurnsRow } from './load/turns.ts'
import { CONNECTIONS, loadInTurns } from './load/turns.ts'
import type { Target } from './report.ts'
import { say, table, targetLines } from './report.ts'
import type { BenchAlgorithm } from './servers/asked.ts'
import { ALGORITHMS } from './servers/asked.ts'
import { median, pairedRatio } from './statistics.ts'

export interface GatewayRow extends TurnsRow {
  readonly algorithm: BenchAlgorithm
}

const TIMES_FASTIFY = 3
const TIMES_HAPROXY = 1

export async function measureGateway(plan: TurnsPlan, loader: Loader): Promise<{ rows: GatewayRow[]; targets: Target[] }> {
  const rows: GatewayRow[] = []
  const targets: Target[] = []
  for (const algorithm of ALGORITHMS) {
    const contestants = await startContestants(algorithm)
    try {
      const turns = await loadInTurns(contestants, plan, loader, { check: checkContestant, title: `${algorithm}: ` })
      const measured = turns.map((row) => ({ algorithm, ...row }))
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
