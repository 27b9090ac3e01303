// What a guarded request pays for its token: seen before, and seen for the first time. Each verifier alone in a process, in turns.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Target } from './report.ts'
import { progress, progressDone, say, table, targetLines } from './report.ts'
import type { BenchAlgorithm } from './servers/asked.ts'
import { ALGORITHMS } from './servers/asked.ts'
import { median } from './statistics.ts'
import type { VerifierResult } from './verification/verifier_process.ts'
import { VERIFIERS } from './verification/verifiers.ts'

export interface VerificationPlan {
  readonly rounds: number
  /** Time for the repeated tokens in each process. */
  readonly millis: number
}

export interface VerificationRow {
  readonly algorithm: BenchAlgorithm
  readonly name: string
  readonly repeatedNs: number
  readonly firstNs: number
}

export interface VerificationResult {
  readonly rows: readonly VerificationRow[]
  readonly targets: readonly Target[]
}

export async function measureVerification(plan: VerificationPlan): Promise<VerificationResult> {
  const rows: VerificationRow[] = []
  const targets: Target[] = []
  for (const algorithm of ALGORITHMS) {
    const measured = await measure(plan, algorithm)
    rows.push(...measured)
    say(`\nA token at the guard, ${algorithm}, microseconds for one request`)
    say(
      table(
        ['', 'seen before', 'first time'],
        measured.map(({ name, repeatedNs, firstNs }) => [name, repeatedNs / 1000, firstNs / 1000]),
      ),
    )
    const ours = measured.find((row) => row.name === VERIFIERS.get('guard')?.name)
    targets.push({
      what: `${algorithm} token seen before`,
      measured: (ours?.repeatedNs ?? Number.NaN) / 1000,
      unit: ' us',
      bound: 1,
      sense: 'at most',
    })
  }
  say(`\n${targetLines(targets)}`)
  return { rows, targets }
}

async function measure({ rounds, millis }: VerificationPlan, algorithm: BenchAlgorithm): Promise<VerificationRow[]> {
  const results = new Map<string, VerifierResult[]>([...VERIFIERS.keys()].map((key) => [key, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [key, { name }] of VERIFIERS) {
      progress(`${algorithm}, round ${round} of ${rounds}: ${name}`)
      results.get(key)?.push(await runAlone(key, algorithm, millis))
    }
  }
  progressDone()
  return [...VERIFIERS].map(([key, { name }]) => {
    const all = results.get(key) ?? []
    return { algorithm, name, repeatedNs: median(all.map((one) => one.repeatedNs)), firstNs: median(all.map((one) => one.firstNs)) }
  })
}

const PROCESS = fileURLToPath(new URL('./verification/verifier_process.ts', import.meta.url))

async function runAlone(verifier: string, algorithm: BenchAlgorithm, millis: number): Promise<VerifierResult> {
  const child = spawn(process.execPath, ['-C', 'source', PROCESS], {
    env: { PATH: process.env['PATH'], BENCH_VERIFIER: verifier, BENCH_ALGORITHM: algorithm, BENCH_MILLIS: String(millis) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  const line = /^RESULT (\{.*\})$/m.exec(said)?.[1]
  if (line === undefined) throw new Error(`the verifier ${verifier} gave no result`)
  const { repeatedNs, firstNs } = JSON.parse(line) as { repeatedNs: number; firstNs: number | null }
  return { repeatedNs, firstNs: firstNs ?? Number.NaN }
}
