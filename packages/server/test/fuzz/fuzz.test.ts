// Some thousand requests that nobody expects, to every endpoint, the gateway and forward-auth; `npm run fuzz` sends as many as one likes.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fuzz } from './fuzz.ts'
import type { FuzzedServers } from './servers.ts'
import { startFuzzed } from './servers.ts'

const SEED = 1
const REQUESTS = 4000

let servers: FuzzedServers
before(async () => {
  servers = await startFuzzed(SEED)
})
after(() => servers?.stop())

test('whatever is sent, no answer is of 500 or above, none is missing, and nothing is complained of', { timeout: 120_000 }, async (t) => {
  const { answers, unanswered, faults } = await fuzz({ worlds: servers.worlds, seed: SEED, requests: REQUESTS })
  t.diagnostic(`${JSON.stringify(Object.fromEntries([...answers].sort(([a], [b]) => a - b)))}, ${unanswered} unanswered`)
  assert.deepEqual(faults, [])
  assert.deepEqual(await servers.check(), [])
  // Or it would have come no further than the first check of each endpoint.
  for (const status of [200, 400, 401, 404, 405]) assert.ok((answers.get(status) ?? 0) > 20, `hardly any answer is ${status}`)
})
