// npm run fuzz: as many requests that nobody expects as one likes, to real servers, and what they answered.
//   npm run fuzz -- --requests 1000000 --seed 1
import { parseArgs } from 'node:util'
import { fuzz } from '../packages/server/test/fuzz/fuzz.ts'
import { startFuzzed } from '../packages/server/test/fuzz/servers.ts'

process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string' } } })
  const requests = Number(values.requests)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
  if (!(Number.isInteger(requests) && requests > 0 && Number.isInteger(seed))) {
    console.error('Usage: npm run fuzz -- [--requests N] [--seed S]')
    return 2
  }
  const servers = await startFuzzed(seed)
  try {
    const began = performance.now()
    const say = (line: string): void => console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(5)} s  ${line}`)
    say(`seed ${seed}, ${requests} requests`)
    const progress = (sent: number, faults: number): void => say(`${sent} sent, ${faults} faults`)
    const { answers, unanswered, faults } = await fuzz({ worlds: servers.worlds, seed, requests, progress })
    for (const [status, count] of [...answers].sort(([a], [b]) => a - b)) say(`${status}: ${count}`)
    say(`hung up on without an answer: ${unanswered}`)
    for (const { index, what, sent, said } of faults) console.log(`\nFAULT ${what}, request ${index}:\n${sent}\n--- ${said}`)
    const complaints = await servers.check()
    for (const complaint of complaints.slice(0, 20)) console.log(`COMPLAINT ${complaint}`)
    say(faults.length + complaints.length === 0 ? `All held (seed ${seed}).` : `${faults.length} faults, ${complaints.length} complaints.`)
    return faults.length + complaints.length === 0 ? 0 : 1
  } finally {
    await servers.stop()
  }
}
