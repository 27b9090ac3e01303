// One process of many that share a file cache. Its options are its argument, as JSON; for each line on its standard input it moves its
// clocks and asks for as many tokens at once as the line says, and answers with a line of what it got.

import { createInterface } from 'node:readline'
import { createClient } from '@countersign/call'
import { readMachine } from '@countersign/call/caches/machine_env'
import { createFileCache } from '@countersign/call/caches/token_file'

const { folder, ...options } = JSON.parse(process.argv[2])
const machine = readMachine()
let ms = 0
const clocks = { now: () => (Date.now() + ms) / 1000, monotonic: () => performance.now() + ms }
const cache = createFileCache({ folder, ...clocks, machine: { ...machine, uptimeMs: () => machine.uptimeMs() + ms } })
const client = createClient({ ...options, ...clocks, cache })

console.log(JSON.stringify({ ready: process.version }))
for await (const line of createInterface({ input: process.stdin })) {
  const { advance = 0, calls } = JSON.parse(line)
  ms += advance
  const outcomes = await Promise.allSettled(Array.from({ length: calls }, () => client.token()))
  const tokens = outcomes.filter((one) => one.status === 'fulfilled').map((one) => one.value.accessToken)
  const failures = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason.code ?? one.reason.message)
  console.log(JSON.stringify({ calls: tokens.length, tokens: [...new Set(tokens)], failures: [...new Set(failures)] }))
}
