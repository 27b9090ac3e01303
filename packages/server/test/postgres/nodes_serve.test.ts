// The program itself on PostgreSQL, as two processes on one database: the state is shared, the password is told nobody, budgets are exact.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { requestToken } from '../harness/demo.ts'
import { serve } from '../process/program.ts'
import { PASSWORD } from './install.ts'
import { noPostgres, startPostgres } from './server.ts'

const postgres = noPostgres === false ? await startPostgres({ after }) : undefined
const LIMIT = 1000
const LANES = 32

test('two nodes give Wave’s 1000 tokens a month between them, while PostgreSQL is killed and started', {
  skip: noPostgres,
  timeout: 120_000,
}, async () => {
  assert.ok(postgres)
  const url = await postgres.createDatabase()
  const nodes = await Promise.all([1, 2].map(() => serve(['--demo'], { env: { COUNTERSIGN_DATABASE: url } })))
  const delivered = new Set<unknown>()
  const statuses = new Map<number, number>()
  let refused = 0
  const lane = async (origin: string): Promise<void> => {
    while (refused < LANES) {
      const { status, json } = await requestToken(origin, 'wave')
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status === 200) delivered.add(json['access_token'])
      else if (status === 429) refused += 1
      else await pause(20)
    }
  }
  const lanes = Array.from({ length: LANES }, (_, n) => lane(nodes[n % 2]?.origin ?? assert.fail()))
  while (delivered.size < 200) await pause(10)
  await postgres.kill()
  await postgres.start()
  await Promise.all(lanes)
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![200, 429, 503].includes(status)),
    [],
  )
  const [row] = await postgres.run(
    "SELECT SUM(units) AS used FROM ledger WHERE window_end IS NOT NULL AND meter = 'tokens'",
    new URL(url).pathname.slice(1),
  )
  assert.equal(Number(row?.['used']), LIMIT)
  assert.ok(delivered.size <= LIMIT && delivered.size >= LIMIT - 2 * LANES, `${delivered.size} tokens were delivered`)
  for (const node of nodes) {
    const { code, stdout, stderr } = await node.end('SIGTERM')
    assert.equal(code, 0)
    assert.match(stdout, /state {8}postgres:\/\/127\.0\.0\.1:[0-9]+\/made_1\n/)
    for (const said of [PASSWORD, encodeURIComponent(PASSWORD)]) assert.ok(!`${stdout}${stderr}`.includes(said))
  }
})
