// The token budget under SIGKILL: never more than the limit is delivered, and little is charged that was not.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { requestToken } from '../harness/demo.ts'
import { BOUNDED, serve, temporaryFolder } from './program.ts'

const LIMIT = 1000
const LANES = 64

test('Wave’s 1000 tokens a month hold over four SIGKILLs at random moments', BOUNDED, async () => {
  const folder = temporaryFolder()
  const delivered = new Set<unknown>()
  let refused = 0
  for (let round = 0; round < 5; round++) {
    const server = await serve(['--demo', '--data', folder])
    // The last round is left alone, so that it reaches the limit whatever happened before.
    const killed = round < 4 ? pause(30 + Math.random() * 90).then(() => server.end('SIGKILL')) : undefined
    const lane = async (): Promise<void> => {
      while (refused < LANES) {
        const answer = await requestToken(server.origin, 'wave').catch(() => undefined)
        if (answer === undefined) return
        if (answer.status === 200) delivered.add(answer.json['access_token'])
        else if (answer.status === 429) refused++
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    await (killed ?? server.end('SIGTERM'))
  }
  const database = new DatabaseSync(join(folder, 'countersign.db'), { readOnly: true })
  const charged = Number(database.prepare('SELECT SUM(units) AS used FROM ledger WHERE window_end IS NOT NULL').get()?.['used'])
  database.close()
  assert.ok(refused >= LANES, 'the limit was reached')
  assert.equal(charged, LIMIT)
  assert.ok(delivered.size <= LIMIT, `${delivered.size} tokens were delivered`)
  assert.ok(charged - delivered.size <= 4 * LANES, `${charged - delivered.size} were charged and not delivered`)
})
