// One verifier alone in its process: BENCH_VERIFIER and BENCH_ALGORITHM say which, BENCH_MILLIS how long; one line of JSON is the result.

import type { BenchAlgorithm } from '../servers/asked.ts'
import { median } from '../statistics.ts'
import type { GuardedRequest } from './tokens.ts'
import { createTokenMaker, requestWith } from './tokens.ts'
import type { Verify } from './verifiers.ts'
import { VERIFIERS } from './verifiers.ts'

/** Nanoseconds for one request, medians over batches. */
export interface VerifierResult {
  readonly repeatedNs: number
  /** NaN for a look-up, which verifies nothing. */
  readonly firstNs: number
}

/** Tokens in use at once. */
const KNOWN = 64
const REPEATED_BATCH = 512
const FIRST_BATCH = 50
const FIRST_BATCHES = 12
const FIRST_WARMUP = 6

const name = process.env['BENCH_VERIFIER'] ?? ''
const millis = Number(process.env['BENCH_MILLIS'] ?? 500)
const row = VERIFIERS.get(name)
if (!row) throw new Error(`there is no verifier ${name}`)
const maker = createTokenMaker(process.env['BENCH_ALGORITHM'] as BenchAlgorithm)
const known = Array.from({ length: KNOWN }, () => maker.make())
const verify = await row.create(maker, known)

await mustAccept(known[0] ?? '')
await mustRefuse(forged(known[0] ?? ''))
const firstNs = name === 'map' ? Number.NaN : await measureFirst()
const repeatedNs = await measureRepeated()
process.stdout.write(`RESULT ${JSON.stringify({ repeatedNs, firstNs } satisfies VerifierResult)}\n`)

async function measureFirst(): Promise<number> {
  const batches: number[] = []
  for (let batch = 0; batch < FIRST_WARMUP + FIRST_BATCHES; batch++) {
    const requests = Array.from({ length: FIRST_BATCH }, () => requestWith(maker.make()))
    const ns = await timed(verify, requests)
    if (batch >= FIRST_WARMUP) batches.push(ns)
  }
  return median(batches)
}

async function measureRepeated(): Promise<number> {
  const warm = performance.now() + millis / 2
  while (performance.now() < warm) await timed(verify, repeated())
  const batches: number[] = []
  const end = performance.now() + millis
  while (performance.now() < end || batches.length < 5) batches.push(await timed(verify, repeated()))
  return median(batches)
}

function repeated(): readonly GuardedRequest[] {
  return Array.from({ length: name === 'map' || name === 'guard' || name === 'fast-jwt' ? REPEATED_BATCH : KNOWN }, (_, index) =>
    requestWith(known[index % KNOWN] ?? ''),
  )
}

/** Waits only for those that make one wait. */
async function timed(check: Verify, requests: readonly GuardedRequest[]): Promise<number> {
  let accepted = 0
  const began = process.hrtime.bigint()
  for (const request of requests) {
    const outcome = check(request)
    if ((outcome instanceof Promise ? await outcome : outcome) !== false) accepted++
  }
  const elapsed = Number(process.hrtime.bigint() - began)
  if (accepted !== requests.length) throw new Error(`${name} refused a good token`)
  return elapsed / requests.length
}

async function mustAccept(token: string): Promise<void> {
  if ((await verify(requestWith(token))) === false) throw new Error(`${name} refuses a good token`)
}

async function mustRefuse(token: string): Promise<void> {
  let accepted: boolean
  try {
    accepted = (await verify(requestWith(token))) !== false
  } catch {
    accepted = false
  }
  if (accepted) throw new Error(`${name} accepts a forged token`)
}

/** The same token with another signature of the right length. */
function forged(token: string): string {
  const at = token.lastIndexOf('.') + 10
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
