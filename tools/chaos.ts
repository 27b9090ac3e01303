// npm run chaos: minutes of load on three nodes and one PostgreSQL, with faults at random, and a verdict.
//   npm run chaos -- --minutes 5 --seed 1 --log seen.jsonl
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Storm } from '../packages/server/test/chaos/faults.ts'
import { onPostgres } from '../packages/server/test/chaos/places.ts'
import { runChaos } from '../packages/server/test/chaos/run.ts'
import { noPostgres } from '../packages/server/test/postgres/server.ts'

const MOST_SHOWN = 40

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      log: { type: 'string' },
      nodes: { type: 'string', default: '3' },
    },
  })
  const minutes = Number(values.minutes)
  const nodes = Number(values.nodes)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
  if (!(minutes > 0 && Number.isInteger(nodes) && nodes > 0 && Number.isInteger(seed))) {
    console.error('Usage: npm run chaos -- [--minutes N] [--seed S] [--nodes N] [--log FILE]')
    return 2
  }
  if (noPostgres !== false) {
    console.error(noPostgres)
    return 2
  }
  // What is told to end still cleans up behind itself.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const began = performance.now()
  const say = (line: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`)
  say(`seed ${seed}, ${nodes} nodes, ${minutes} minutes of faults`)
  const place = await onPostgres(nodes, { smallDisk: true })
  if (place.noDisk !== undefined) say(`the disk is not filled up: ${place.noDisk}`)
  const { violations, figures } = await runChaos({
    place,
    nodes,
    seed,
    sizes: { tokens: Math.ceil(300 * minutes), requests: Math.ceil(900 * minutes) },
    skewMs: 2000,
    storm: (storm, random) => rage(storm, random, minutes * 60_000),
    progress: say,
    log: values.log,
  })
  const width = Math.max(...figures.map(([what]) => what.length)) + 2
  console.log(`\n${figures.map(([what, much]) => `${what.padEnd(width)}${much}`).join('\n')}\n`)
  for (const sentence of violations.slice(0, MOST_SHOWN)) console.log(`VIOLATION ${sentence}`)
  if (violations.length > MOST_SHOWN) console.log(`... and ${violations.length - MOST_SHOWN} more`)
  console.log(violations.length === 0 ? `All held (seed ${seed}).` : `${violations.length} violations (seed ${seed}).`)
  return violations.length === 0 ? 0 : 1
}

/** One fault after another, at times a second one on top, and now and then a rest in which all must be well. */
async function rage(storm: Storm, random: () => number, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds
  let underWay: Promise<void>[] = []
  await pause(2000)
  while (performance.now() < end) {
    underWay.push(storm.strike(storm.any()))
    if (random() < 0.75) {
      await Promise.all(underWay)
      underWay = []
    }
    await pause(random() < 0.2 ? 9000 : 500 + 3000 * random())
  }
  await Promise.all(underWay)
}
