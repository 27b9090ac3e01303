// Budgets and volumes with two workers, some of which are killed: never more than the limit, and little is charged that was not delivered.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { requestToken } from '../harness/demo.ts'
import { basic, postForm, send } from '../harness/http.ts'
import { BOUNDED, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'

const LIMIT = 1000
const LANES = 64
const KILLS = 3

function oneWorker(supervisor: number | undefined): number | undefined {
  const pids = readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  return pids[Math.floor(Math.random() * pids.length)]
}

/** Kills workers one after another, each at some moment after the last. */
async function killWorkers(supervisor: number | undefined): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    await pause(50 + Math.random() * 250)
    const pid = oneWorker(supervisor)
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
  }
}

function chargedOf(data: string): number {
  const database = new DatabaseSync(join(data, 'countersign.db'), { readOnly: true })
  const charged = Number(database.prepare('SELECT SUM(units) AS used FROM ledger WHERE window_end IS NOT NULL').get()?.['used'])
  database.close()
  return charged
}

test('Wave’s 1000 tokens a month hold with two workers and three SIGKILLs', BOUNDED, async () => {
  const data = temporaryFolder()
  const server = await serve(['--demo', '--data', data, '--workers', '2'])
  const delivered = new Set<unknown>()
  let refused = 0
  const lane = async (): Promise<void> => {
    while (refused < LANES) {
      const answer = await requestToken(server.origin, 'wave').catch(() => undefined)
      if (answer?.status === 200) delivered.add(answer.json['access_token'])
      else if (answer?.status === 429) refused++
      else await pause(10)
    }
  }
  await Promise.all([killWorkers(server.child.pid), ...Array.from({ length: LANES }, lane)])
  assert.equal((await server.end('SIGTERM')).code, 0)
  const charged = chargedOf(data)
  assert.equal(charged, LIMIT)
  assert.ok(delivered.size <= LIMIT, `${delivered.size} tokens were delivered`)
  assert.ok(charged - delivered.size <= KILLS * LANES, `${charged - delivered.size} were charged and not delivered`)
})

test('a volume of requests holds with two workers and three SIGKILLs', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const secret = 'a secret of the worker tests that is long enough'
  let reached = 0
  const upstream = await startUpstream((_request, response) => {
    reached += 1
    response.end('counted')
  })
  const input: ConfigInput = {
    realms: [
      {
        id: 'volume',
        audiences: ['https://api.volume.example'],
        plan: { requests: { perMonth: 600 } },
        clients: [{ clientId: 'one', secret: { hash: secretHash(secret) } }],
      },
    ],
    apis: [{ id: 'volume', realm: 'volume', upstream }],
  }
  const config = join(folder, 'countersign.json')
  writeFileSync(config, JSON.stringify(input))
  const server = await serve(['--config', config, '--data', data, '--workers', '2'])
  const { json } = await postForm(`${server.origin}/realms/volume/oauth2/token`, { grant_type: 'client_credentials' }, basic('one', secret))
  const headers = { authorization: `Bearer ${String(json['access_token'])}` }
  let answered = 0
  let refused = 0
  const lane = async (): Promise<void> => {
    while (refused < LANES) {
      const status = await send(`${server.origin}/apis/volume/x`, { headers }).then(
        (answer) => answer.status,
        () => undefined,
      )
      if (status === 200) answered += 1
      else if (status === 429) refused += 1
      else await pause(10)
    }
  }
  await Promise.all([killWorkers(server.child.pid), ...Array.from({ length: LANES }, lane)])
  assert.equal((await server.end('SIGTERM')).code, 0)
  assert.equal(chargedOf(data), 600)
  assert.ok(reached <= 600, `${reached} reached the upstream`)
  assert.ok(answered <= reached)
})
