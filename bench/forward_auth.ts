// Requests a second through nginx that asks about each of them, beside nginx that asks nobody and one that is told yes, in turns.
import type { Contestant } from './forward_auth/contestants.ts'
import { noNginx, startContest } from './forward_auth/contestants.ts'
import type { Loader } from './load/loader.ts'
import type { TurnsPlan, TurnsRow } from './load/turns.ts'
import { CONNECTIONS, loadInTurns } from './load/turns.ts'
import type { Target } from './report.ts'
import { say, table, targetLines } from './report.ts'
import { median } from './statistics.ts'

const LEAST_A_SECOND = 20_000

export async function measureForwardAuth(plan: TurnsPlan, loader: Loader): Promise<{ rows: TurnsRow[]; targets: Target[] }> {
  if (noNginx !== false) {
    say(`\nForward-auth is not measured: ${noNginx}.`)
    return { rows: [], targets: [] }
  }
  const { contestants, stop } = await startContest()
  try {
    const rows = await loadInTurns(contestants, plan, loader, { check: checkContestant })
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
