// Three nodes, whose clocks differ, on one PostgreSQL under load: the database is killed, then a node, then a node is cut off from the
// database. Seconds of what `npm run chaos` does for minutes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { noPostgres } from '../postgres/server.ts'
import { onPostgres } from './places.ts'
import { runChaos } from './run.ts'

const NODES = 3

test('three nodes on one PostgreSQL keep every word they gave, while it and they are killed', {
  skip: noPostgres,
  timeout: 150_000,
}, async () => {
  const { violations, figures, evidence } = await runChaos({
    place: await onPostgres(NODES),
    nodes: NODES,
    seed: 6,
    sizes: { tokens: 60, requests: 150 },
    skewMs: 2000,
    storm: async (storm) => {
      for (let n = 0; n < NODES; n += 1) await storm.strike('clock set')
      await pause(1500)
      await storm.strike('database killed')
      await pause(500)
      await Promise.all([storm.strike('node killed'), storm.strike('path cut')])
    },
  })
  assert.deepEqual(violations, [], figures.map((row) => row.join(': ')).join('\n'))
  const { seen } = evidence
  const count = (what: string, status: number): number => seen.filter((one) => one.what === what && one.status === status).length
  assert.ok(count('token', 503) > 0, 'the database was missed')
  for (const what of ['token', 'refresh', 'revoke', 'call', 'introspect', 'read', 'command']) assert.ok(count(what, 200) > 0, what)
})
