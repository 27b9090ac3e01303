// What is done to the system in a fault test, and the order that a seed gives it. Each fault writes down from when to when it lasted.
import { setTimeout as pause } from 'node:timers/promises'
import type { ChaosNode } from './fleet.ts'
import type { Disturbance, Fault } from './seen.ts'
import type { Way } from './way.ts'

/** What can be done to a database; a file of SQLite cannot be killed. */
export interface Victim {
  kill(): Promise<void>
  start(): Promise<void>
  /** Until the second call. */
  freeze(): Promise<() => void>
  /** Its disk; undefined: none that may be filled up. */
  readonly disk?: { fill(): void; free(): void } | undefined
}

export interface Faults {
  readonly nodes: readonly ChaosNode[]
  /** From each node to the database. */
  readonly ways: readonly Way[]
  readonly database?: Victim | undefined
  /** Nodes have workers: one of them is killed, its supervisor starts another. */
  readonly workers?: boolean | undefined
  readonly random: () => number
  readonly now: () => number
  /** Milliseconds that a node's clock may be ahead or behind. */
  readonly skewMs: number
}

export interface Storm {
  readonly disturbances: readonly Disturbance[]
  /** Does it, puts it right again, and resolves then. */
  strike(fault: Fault): Promise<void>
  /** One of those that can be done here. */
  any(): Fault
}

export function createStorm(faults: Faults): Storm {
  const { nodes, ways, database, random, now } = faults
  const disturbances: Disturbance[] = []
  const during = async (fault: Fault, node: number | undefined, act: () => Promise<void>): Promise<void> => {
    const disturbance: Disturbance = { fault, node, from: now(), to: Number.POSITIVE_INFINITY }
    disturbances.push(disturbance)
    await act()
    disturbance.to = now()
  }
  const between = (least: number, most: number): number => least + (most - least) * random()
  const possible: Fault[] = ['node killed', 'node paused', 'clock set']
  if (faults.workers === true) possible.push('worker killed')
  if (database !== undefined) possible.push('database killed', 'database killed', 'database frozen')
  if (database?.disk !== undefined) possible.push('disk full')
  if (ways.length > 0) possible.push('path cut', 'path held', 'path slow')

  const strikes: Readonly<Record<Fault, (node: number) => Promise<void>>> = {
    'node killed': (node) => during('node killed', node, () => killed(faults, node)),
    'worker killed': (node) => during('worker killed', node, () => workerKilled(faults, node)),
    'node paused': (node) =>
      during('node paused', node, async () => {
        nodes[node]?.pause()
        await pause(between(500, 3000))
        nodes[node]?.resume()
      }),
    'database killed': () =>
      during('database killed', undefined, async () => {
        await database?.kill()
        await pause(between(200, 2500))
        await database?.start()
      }),
    'database frozen': () =>
      during('database frozen', undefined, async () => {
        const thaw = await database?.freeze()
        await pause(between(500, 7000))
        thaw?.()
      }),
    'disk full': () => during('disk full', undefined, () => filled(database, between)),
    'path cut': (node) => during('path cut', node, () => onWay(ways[node], (way) => way.cut(), between(300, 4000))),
    'path held': (node) => during('path held', node, () => onWay(ways[node], (way) => way.hold(), between(500, 8000))),
    'path slow': (node) => during('path slow', node, () => onWay(ways[node], (way) => way.slow(between(20, 300)), between(1000, 5000))),
    'clock set': (node) =>
      during('clock set', node, async () => {
        nodes[node]?.setClock(Math.round(between(-1, 1) * faults.skewMs))
        await pause(60)
      }),
  }
  return {
    disturbances,
    strike: (fault) => strikes[fault](Math.floor(random() * nodes.length)),
    any: () => possible[Math.floor(random() * possible.length)] ?? 'node killed',
  }
}

/** Its supervisor replaces it while the others serve. */
async function workerKilled({ nodes, random }: Faults, node: number): Promise<void> {
  nodes[node]?.killWorker(random)
  await pause(1000)
}

async function killed({ nodes, random }: Faults, node: number): Promise<void> {
  await nodes[node]?.kill()
  await pause(200 + 1500 * random())
  await nodes[node]?.start()
}

async function onWay(way: Way | undefined, spoil: (way: Way) => void, milliseconds: number): Promise<void> {
  if (way === undefined) return
  spoil(way)
  await pause(milliseconds)
  way.mend()
}

/** PostgreSQL gives up where its log cannot be written: it is started again, when there is room. */
async function filled(database: Victim | undefined, between: (least: number, most: number) => number): Promise<void> {
  database?.disk?.fill()
  await pause(between(1000, 4000))
  database?.disk?.free()
  await database?.kill()
  await database?.start()
}
