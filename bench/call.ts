// What a caller spends: token requests of our client and of others in four scenes, counted by a real token endpoint, and what an
// authenticated call costs more than a bare one.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Place } from './call/contestants.ts'
import { CALLERS } from './call/contestants.ts'
import type { OverheadRow } from './call/overhead.ts'
import { measureOverhead } from './call/overhead.ts'
import { startTokenEndpoint } from './call/token_endpoint.ts'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'

export interface CallPlan {
  /** Of the simulated month. */
  readonly days: number
  readonly rounds: number
  /** Calls a round, for the overhead. */
  readonly calls: number
}

export type Play =
  | { readonly play: 'parallel' | 'sequence'; readonly calls: number }
  | { readonly play: 'month'; readonly days: number; readonly replicas: number; readonly everySeconds: number }

/** What one process is asked for. */
export interface CallTask extends Place {
  readonly caller: string
  readonly scene: Play
  readonly apiUrl: string
}

interface Scene {
  readonly title: string
  readonly lifetime: number
  readonly processes: number
  readonly scene: Play
  /** What ours may spend. */
  readonly most: number
}

export interface SpentRow {
  readonly name: string
  readonly keeps: string
  /** Token requests, in the order of the scenes. */
  readonly spent: readonly number[]
}

/** Wave's monthly budget. */
const BUDGET = 1000
const MOST_MICROS = 5

function scenesOf(days: number): readonly Scene[] {
  const whole = days === 30
  return [
    { title: '50 at once', lifetime: 3600, processes: 1, scene: { play: 'parallel', calls: 50 }, most: 1 },
    { title: '100 in turn, 300 s', lifetime: 300, processes: 1, scene: { play: 'sequence', calls: 100 }, most: 1 },
    { title: '8 processes x 25', lifetime: 3600, processes: 8, scene: { play: 'parallel', calls: 25 }, most: 1 },
    {
      title: whole ? 'a month, 2 replicas' : `${days} days, 2 replicas`,
      lifetime: 3600,
      processes: 1,
      scene: { play: 'month', days, replicas: 2, everySeconds: 60 },
      most: Math.ceil((BUDGET * days) / 30),
    },
  ]
}

export async function measureCall(plan: CallPlan): Promise<{ rows: SpentRow[]; overhead: readonly OverheadRow[]; targets: Target[] }> {
  const scenes = scenesOf(plan.days)
  const rows: SpentRow[] = []
  for (const [caller, { name, keeps }] of CALLERS) {
    const spent: number[] = []
    for (const scene of scenes) {
      progress(`${name}: ${scene.title}`)
      spent.push(await spentIn(scene, caller))
    }
    rows.push({ name, keeps, spent })
  }
  progress('an authenticated call beside a bare one')
  const overhead = await measureOverhead(plan.rounds, plan.calls)
  progressDone()
  say('\nToken requests spent; tokens live an hour where nothing else is said')
  say(
    table(
      ['', ...scenes.map(({ title }) => title)],
      rows.map(({ name, spent }) => [name, ...spent.map(String)]),
    ),
  )
  for (const { name, keeps } of rows) say(`  ${name} keeps ${keeps}`)
  say('\nA call with a token at hand, microseconds more than bare fetch')
  say(
    table(
      ['', 'us'],
      overhead.map(({ name, micros }) => [name, micros]),
    ),
  )
  const ours = rows[0]?.spent ?? []
  const targets: Target[] = scenes.map(({ title, most }, index) => ({
    what: `token requests, ${title}`,
    measured: ours[index] ?? Number.NaN,
    unit: '',
    bound: most,
    sense: 'at most',
  }))
  targets.push({
    what: 'overhead of a call',
    measured: overhead[0]?.micros ?? Number.NaN,
    unit: ' us',
    bound: MOST_MICROS,
    sense: 'at most',
  })
  say(`\n${targetLines(targets)}`)
  return { rows, overhead, targets }
}

async function spentIn({ lifetime, processes, scene }: Scene, caller: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const endpoint = await startTokenEndpoint(lifetime)
  try {
    const { tokenUrl, apiUrl } = endpoint
    const task: CallTask = { caller, scene, tokenUrl, apiUrl, folder: join(folder, 'cache') }
    await Promise.all(Array.from({ length: processes }, () => play(task)))
    return endpoint.count()
  } finally {
    await endpoint.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const PROCESS = fileURLToPath(new URL('./call/caller_process.ts', import.meta.url))

async function play(task: CallTask): Promise<void> {
  const child = spawn(process.execPath, ['-C', 'source', PROCESS], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], BENCH_TASK: JSON.stringify(task) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  if (!said.includes('DONE\n')) throw new Error(`the caller ${task.caller} did not end well`)
}
