// One decider alone in its process: BENCH_DECISION says which, with what and for how long; one line of JSON is the result.

import type { DecisionTask, DecisionTimes, TurnTimes } from '../guard_plan.ts'
import type { GuardedRequest } from '../verification/tokens.ts'
import { createTokenMaker, requestWith } from '../verification/tokens.ts'
import { API_KEY, DECIDERS } from './deciders.ts'

/** Tokens in use at once. */
const KNOWN = 64
/** What is written behind the answers is written so often, in milliseconds. */
const FLUSH_MS = 1000

const task = JSON.parse(process.env['BENCH_DECISION'] ?? '{}') as DecisionTask
const row = DECIDERS.get(task.decider)
if (!row) throw new Error(`there is no decider ${task.decider}`)
const maker = createTokenMaker(task.algorithm)
const known = Array.from({ length: KNOWN }, () => maker.make())
const decider = await row.create(maker, task.file)
let decided = 0

await mustRefuse(known[0] ?? '')
await measure(256, task.millis)
const turns: TurnTimes[] = []
for (const together of task.together) turns.push(await measure(together, task.millis))
await decider.flush()
const counted = await decider.counted()
if (counted !== undefined && counted !== decided) throw new Error(`${decided} requests were admitted, and ${counted} counted`)
await decider.close()
process.stdout.write(`RESULT ${JSON.stringify({ turns } satisfies DecisionTimes)}\n`)

/** Requests that arrive in one turn of the event loop, turn after turn. */
async function measure(together: number, millis: number): Promise<TurnTimes> {
  let ours = 0
  let processor = 0
  let elapsed = 0n
  let flushed = performance.now()
  const end = performance.now() + millis
  while (performance.now() < end) {
    const requests = Array.from({ length: together }, (_, index) => requestWithKey(known[index % KNOWN] ?? ''))
    const used = process.cpuUsage()
    const began = process.hrtime.bigint()
    const answers = await Promise.all(requests.map((request) => decider.decide(request)))
    if (performance.now() - flushed > FLUSH_MS) {
      await decider.flush()
      flushed = performance.now()
    }
    elapsed += process.hrtime.bigint() - began
    const { user, system } = process.cpuUsage(used)
    processor += user + system
    if (!answers.every(Boolean)) throw new Error(`${task.decider} refused a good request`)
    ours += together
  }
  decided += ours
  return { together, micros: Number(elapsed) / 1000 / ours, processorMicros: processor / ours }
}

function requestWithKey(token: string): GuardedRequest {
  const request = requestWith(token)
  // A new text each time, as after reading it from a socket.
  const key = Buffer.from(API_KEY, 'latin1').toString('latin1')
  return { ...request, headers: { ...request.headers, 'x-api-key': key }, rawHeaders: [...request.rawHeaders, 'X-API-Key', key] }
}

async function mustRefuse(token: string): Promise<void> {
  let accepted: boolean
  try {
    accepted = await decider.decide(requestWithKey(`${token.slice(0, -10)}AAAAAAAAAA`))
  } catch {
    accepted = false
  }
  if (accepted) throw new Error(`${task.decider} accepts a forged token`)
}
