// What a budget costs: the same server with and without it, one token in the store by the number of clients, and the disk by itself.
import type { CommitRow } from './ledger/commits.ts'
import { measureCommits } from './ledger/commits.ts'
import type { LedgerPlan } from './ledger/plan.ts'
import type { RecordRow } from './ledger/records.ts'
import { measureRecords } from './ledger/records.ts'
import type { ThroughputRow } from './ledger/throughput.ts'
import { measureThroughput } from './ledger/throughput.ts'
import type { Loader } from './load/loader.ts'
import type { Target } from './report.ts'
import { say, targetLines } from './report.ts'

export interface LedgerResult {
  readonly throughput: readonly ThroughputRow[]
  readonly records: readonly RecordRow[]
  readonly commits: readonly CommitRow[]
  readonly targets: readonly Target[]
}

export async function measureLedger(plan: LedgerPlan, loader: Loader): Promise<LedgerResult> {
  const throughput = await measureThroughput(plan, loader)
  const records = await measureRecords(plan)
  const commits = await measureCommits(plan)
  const targets = [...throughput.targets, ...records.targets]
  say(`\n${targetLines(targets)}`)
  return { throughput: throughput.rows, records: records.rows, commits, targets }
}
