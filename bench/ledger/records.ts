// What the store takes to record one fresh token (charge and audit row, durable), by the number of clients. Each store alone in a process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Target } from '../report.ts'
import { progress, progressDone, say, table } from '../report.ts'
import { median } from '../statistics.ts'
import type { LedgerPlan } from './plan.ts'

/** What one process is asked for. */
export interface RecordTask {
  /** A path, or `:memory:`. */
  readonly file: string
  /** Each has a window before the measurement begins; then they come at random. */
  readonly clients: number
  readonly audit: boolean
  readonly millis: number
}

export interface RecordTimes {
  /** Microseconds a token, with 64 tokens of 10 clients in a turn of the event loop: others in every turn, out of all there are. */
  readonly sharedMicros: number
  /** Of these, what the processor was at work. */
  readonly processorMicros: number
  /** With 64 tokens of 64 clients in a turn: nothing is written for two of them at once. */
  readonly spreadMicros: number
  /** With one token in a turn. */
  readonly aloneMicros: number
  /** Microseconds to find a token that can be served again. */
  readonly findMicros: number
}

export interface RecordRow extends RecordTimes {
  readonly name: string
}

const FEW = 10
const MANY = 100_000
/** Times the microseconds with few clients: what the ledger may take with many. */
const GROWTH = 1.25

const NAMES = {
  few: 'file, 10 clients',
  middle: 'file, 1,000 clients',
  many: 'file, 100,000 clients',
  quiet: 'file, 100,000 clients, no audit',
  memory: 'memory, 10 clients',
}

export async function measureRecords(plan: LedgerPlan): Promise<{ rows: RecordRow[]; targets: Target[] }> {
  const tasks = [
    { name: NAMES.few, clients: FEW, audit: true, onDisk: true },
    { name: NAMES.middle, clients: 1000, audit: true, onDisk: true },
    { name: NAMES.many, clients: MANY, audit: true, onDisk: true },
    { name: NAMES.quiet, clients: MANY, audit: false, onDisk: true },
    { name: NAMES.memory, clients: FEW, audit: true, onDisk: false },
  ]
  const runs = tasks.map((): RecordTimes[] => [])
  for (let round = 1; round <= plan.recordRounds; round++) {
    for (const [index, { name, clients, audit, onDisk }] of tasks.entries()) {
      progress(`records, round ${round} of ${plan.recordRounds}: ${name}`)
      const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
      try {
        const file = onDisk ? join(folder, 'countersign.db') : ':memory:'
        runs[index]?.push(await runAlone({ file, clients, audit, millis: plan.recordMillis }))
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    }
  }
  progressDone()
  const rows = tasks.map(({ name }, index): RecordRow => {
    const all = runs[index] ?? []
    const of = (read: (times: RecordTimes) => number): number => median(all.map(read))
    return {
      name,
      sharedMicros: of((one) => one.sharedMicros),
      processorMicros: of((one) => one.processorMicros),
      spreadMicros: of((one) => one.spreadMicros),
      aloneMicros: of((one) => one.aloneMicros),
      findMicros: of((one) => one.findMicros),
    }
  })
  say('\nThe ledger: a fresh token charged, audited and durable, microseconds')
  say(
    table(
      ['', '64 of 10 clients', 'CPU of it', '64 of 64', 'one a turn', 'one found for reuse'],
      rows.map((row) => [row.name, row.sharedMicros, row.processorMicros, row.spreadMicros, row.aloneMicros, row.findMicros]),
    ),
  )
  const shared = (name: string): number => rows.find((row) => row.name === name)?.sharedMicros ?? Number.NaN
  const growth: Target = {
    what: 'the ledger from 10 to 100,000 clients',
    measured: shared(NAMES.many) / shared(NAMES.few),
    unit: 'x',
    bound: GROWTH,
    sense: 'at most',
  }
  return { rows, targets: [growth] }
}

const PROCESS = fileURLToPath(new URL('./record_process.ts', import.meta.url))

async function runAlone(task: RecordTask): Promise<RecordTimes> {
  const child = spawn(process.execPath, ['-C', 'source', PROCESS], {
    env: { PATH: process.env['PATH'], BENCH_RECORDS: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  const line = /^RESULT (\{.*\})$/m.exec(said)?.[1]
  if (line === undefined) throw new Error(`the store with ${task.clients} clients gave no result`)
  return JSON.parse(line) as RecordTimes
}
