// What a decision costs with everything on (API key, token, rate, volumes, metering) beside a bearer check with a limiter in memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DECIDERS } from './guard_plan/deciders.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import type { BenchAlgorithm } from './servers/asked.ts'
import { ALGORITHMS } from './servers/asked.ts'
import { median } from './statistics.ts'

export interface GuardPlanPlan {
  readonly rounds: number
  /** Of each number of requests in a turn, in each process. */
  readonly millis: number
}

/** What one process is asked for. */
export interface DecisionTask {
  readonly decider: string
  readonly algorithm: BenchAlgorithm
  readonly file: string
  /** Requests in one turn of the event loop, one measurement each. */
  readonly together: readonly number[]
  readonly millis: number
}

export interface TurnTimes {
  readonly together: number
  /** Microseconds a request. */
  readonly micros: number
  /** Of these, what the processor was at work. */
  readonly processorMicros: number
}

export interface DecisionTimes {
  readonly turns: readonly TurnTimes[]
}

export interface DecisionRow extends DecisionTimes {
  readonly algorithm: BenchAlgorithm
  readonly name: string
}

/** Requests in one turn: alone, and as many as a busy gateway has. */
const TOGETHER = [1, 64, 256] as const
/** The bar is for a gateway at work. */
const BUSY = 256
const MOST_MICROS = 5

export async function measureGuardPlan(plan: GuardPlanPlan): Promise<{ rows: DecisionRow[]; targets: Target[] }> {
  const rows: DecisionRow[] = []
  const targets: Target[] = []
  for (const algorithm of ALGORITHMS) {
    const measured = await measure(plan, algorithm)
    rows.push(...measured)
    say(`\nA request at the guard with its plan, ${algorithm}, token and key seen before, a file with synchronous=FULL, microseconds`)
    say(
      table(
        ['', ...TOGETHER.map((count) => (count === 1 ? 'one a turn' : `${count} a turn`)), `CPU at ${BUSY}`],
        measured.map(({ name, turns }) => [name, ...turns.map(({ micros }) => micros), busy(turns)?.processorMicros ?? Number.NaN]),
      ),
    )
    const ours = measured[0]?.turns ?? []
    targets.push({
      what: `${algorithm} decision with key, token, rate, volumes and metering`,
      measured: busy(ours)?.micros ?? Number.NaN,
      unit: ' us',
      bound: MOST_MICROS,
      sense: 'at most',
    })
  }
  say(`\n${targetLines(targets)}`)
  return { rows, targets }
}

function busy(turns: readonly TurnTimes[]): TurnTimes | undefined {
  return turns.find(({ together }) => together === BUSY)
}

async function measure({ rounds, millis }: GuardPlanPlan, algorithm: BenchAlgorithm): Promise<DecisionRow[]> {
  const results = new Map<string, DecisionTimes[]>([...DECIDERS.keys()].map((key) => [key, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [decider, { name }] of DECIDERS) {
      progress(`${algorithm}, round ${round} of ${rounds}: ${name}`)
      const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
      try {
        results.get(decider)?.push(await runAlone({ decider, algorithm, file: join(folder, 'countersign.db'), together: TOGETHER, millis }))
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    }
  }
  progressDone()
  return [...DECIDERS].map(([key, { name }]) => {
    const all = results.get(key) ?? []
    const turns = TOGETHER.map((together, index) => ({
      together,
      micros: median(all.map(({ turns: of }) => of[index]?.micros ?? Number.NaN)),
      processorMicros: median(all.map(({ turns: of }) => of[index]?.processorMicros ?? Number.NaN)),
    }))
    return { algorithm, name, turns }
  })
}

const PROCESS = fileURLToPath(new URL('./guard_plan/decider_process.ts', import.meta.url))

async function runAlone(task: DecisionTask): Promise<DecisionTimes> {
  const child = spawn(process.execPath, ['-C', 'source', PROCESS], {
    env: { PATH: process.env['PATH'], BENCH_DECISION: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  const line = /^RESULT (\{.*\})$/m.exec(said)?.[1]
  if (line === undefined) throw new Error(`the decider ${task.decider} gave no result`)
  return JSON.parse(line) as DecisionTimes
}
