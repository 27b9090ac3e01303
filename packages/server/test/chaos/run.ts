// One fault test from its start to its verdict: a database, nodes, clients, faults; then the judge.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { seeded } from '../harness/seeded.ts'
import { createCaller } from './caller.ts'
import { check, figures } from './checker.ts'
import { readFacts } from './facts.ts'
import type { Storm } from './faults.ts'
import { createStorm } from './faults.ts'
import type { ChaosNode } from './fleet.ts'
import { createNode } from './fleet.ts'
import { operating } from './lane_commands.ts'
import { refreshing } from './lane_refresh.ts'
import type { Sizes } from './market.ts'
import { limitsOf, startUpstream, writeMarket } from './market.ts'
import type { Place } from './places.ts'
import { RECOVERY } from './rules/answers.ts'
import type { Evidence, Seen } from './seen.ts'
import type { World } from './workload.ts'
import { calling, issuing, reading, revoking, watching } from './workload.ts'

export interface Setting {
  readonly place: Place
  /** Processes on the database, each on a port of its own. */
  readonly nodes: number
  /** Of each node; 1: the node is one process. */
  readonly workers?: number
  readonly seed: number
  readonly sizes: Sizes
  /** Milliseconds that a node's clock may be ahead or behind. */
  readonly skewMs: number
  /** Strikes until it thinks it is enough; the run ends when all is well again. */
  readonly storm: (storm: Storm, random: () => number) => Promise<void>
  /** Milliseconds from the last fault to the end; default: a second more than everything has to be well again. */
  readonly restMs?: number
  /** Told what is going on, every few seconds. */
  readonly progress?: (line: string) => void
  /** Where to keep what clients saw, as lines of JSON. */
  readonly log?: string | undefined
}

export interface Verdict {
  /** A sentence for each thing that must not be; none: all held. */
  readonly violations: readonly string[]
  readonly figures: readonly (readonly [string, string])[]
  readonly evidence: Evidence
}

const PROGRESS_MS = 5000

export async function runChaos(setting: Setting): Promise<Verdict> {
  const { place, seed, sizes, skewMs } = setting
  const folder = mkdtempSync(join(tmpdir(), 'countersign-chaos-'))
  const upstream = await startUpstream()
  const seen: Seen[] = []
  const record = (one: Seen): void => void seen.push(one)
  const random = seeded(seed)
  const lanesRandom = seeded(seed + 1)
  const now = (): number => performance.now()
  const nodes: ChaosNode[] = []
  const over = new AbortController()
  try {
    const config = await writeMarket(folder, upstream.origin, sizes)
    nodes.push(...(await createNodes(setting, config, folder)))
    await Promise.all(nodes.map((node) => node.start()))
    const caller = createCaller(
      nodes.map(({ origin }) => origin),
      record,
      now,
    )
    const storm = createStorm({
      nodes,
      ways: place.ways,
      database: place.database,
      workers: (setting.workers ?? 1) > 1,
      random,
      now,
      skewMs,
    })
    const telling = setInterval(() => setting.progress?.(progressOf(seen, storm)), PROGRESS_MS)
    const lanes = start({ caller, nodes: nodes.length, random: lanesRandom, over: over.signal }, place.where, record)
    await setting.storm(storm, random)
    await pause(setting.restMs ?? RECOVERY + 1000)
    over.abort()
    clearInterval(telling)
    await lanes
    const codes = await Promise.all(nodes.map((node) => node.end()))
    const evidence: Evidence = {
      seen,
      disturbances: storm.disturbances,
      reached: upstream.reached,
      facts: await readFacts(place.ask),
      limits: limitsOf(sizes),
      patient: new Set(['patient']),
      skew: skewMs / 1000,
    }
    const ends = codes.flatMap((code, node) => (code === 0 ? [] : [`nodes: node ${node} ended with ${code}.`]))
    const surprises = nodes.flatMap((node, n) => surprisesIn(node.complaints()).map((line) => `nodes: node ${n} complained: ${line}`))
    return { violations: [...check(evidence), ...ends, ...surprises], figures: figures(evidence), evidence }
  } finally {
    over.abort()
    await Promise.all(nodes.map((node) => node.kill()))
    await upstream.close()
    await place.close()
    if (setting.log !== undefined) writeFileSync(setting.log, seen.map((one) => `${JSON.stringify(one)}\n`).join(''))
    rmSync(folder, { recursive: true, force: true })
  }
}

function createNodes({ nodes, workers = 1, place }: Setting, config: string, folder: string): Promise<ChaosNode[]> {
  const args = ['--config', config, ...(workers > 1 ? ['--workers', `${workers}`] : [])]
  return Promise.all(Array.from({ length: nodes }, (_, n) => createNode([...args, ...place.whereOf(n)], folder, n)))
}

/** Resolves when every lane has had its last answer. */
async function start(world: World, where: readonly string[], record: (seen: Seen) => void): Promise<void> {
  await Promise.all([
    ...Array.from({ length: world.nodes }, (_, node) => watching(world, node)),
    issuing(world, 'plain', 30),
    issuing(world, 'budgeted', 30),
    issuing(world, 'budgeted', 30),
    issuing(world, 'sharing', 40),
    issuing(world, 'sharing', 40),
    calling(world, 'metered', 20),
    calling(world, 'metered', 20),
    calling(world, 'patient', 30),
    revoking(world, 'plain'),
    revoking(world, 'plain'),
    revoking(world, 'patient'),
    reading(world),
    ...Array.from({ length: 4 }, () => refreshing(world, 40)),
    operating({ ...world, where, record }, 0),
  ])
}

/** Lines of its log that speak of something nobody foresaw. */
function surprisesIn(complaints: string): string[] {
  return complaints
    .split('\n')
    .filter((line) => /an unexpected error|cannot decide|Uncaught|FATAL ERROR/.test(line) && !line.includes('StoreUnavailable'))
}

function progressOf(seen: readonly Seen[], { disturbances }: Storm): string {
  const count = (is: (one: Seen) => boolean): number => seen.filter(is).length
  const current = disturbances
    .filter(({ to }) => to === Number.POSITIVE_INFINITY)
    .map(({ fault, node }) => (node === undefined ? fault : `${fault} (${node})`))
  return `${seen.length} requests, ${count(({ status }) => status === 503)} refused with 503, ${count(({ status }) => status === 0)} unanswered; ${disturbances.length} faults${current.length > 0 ? `, now: ${current.join(', ')}` : ''}`
}
