// One node with two workers on a file of SQLite under load: a worker is killed, then the node with all of them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { onSqlite } from './places.ts'
import { runChaos } from './run.ts'

test('two workers on SQLite keep every word they gave, while they are killed', { timeout: 150_000 }, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-chaos-data-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const { violations, figures, evidence } = await runChaos({
    place: onSqlite(folder),
    nodes: 1,
    workers: 2,
    seed: 6,
    sizes: { tokens: 60, requests: 150 },
    skewMs: 0,
    restMs: 3000,
    storm: async (storm) => {
      await pause(1500)
      await storm.strike('worker killed')
      await pause(1000)
      await storm.strike('node killed')
    },
  })
  assert.deepEqual(violations, [], figures.map((row) => row.join(': ')).join('\n'))
  const { seen, disturbances } = evidence
  assert.equal(disturbances.length, 2)
  for (const what of ['token', 'refresh', 'revoke', 'call', 'introspect', 'read', 'command'])
    assert.ok(
      seen.some((one) => one.what === what && one.status === 200),
      what,
    )
})
