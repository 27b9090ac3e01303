// What a month costs: 20 replicas that share one cache, restarts, wall clocks five minutes apart. Tokens spent are at most
// ceil(month / usable life) + 1, where the usable life is the share of a lifetime until which a token is used at least.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { SOFT_SHARE } from '../../src/freshness.ts'
import type { MonthData } from './month_worker.ts'
import type { Month } from './simulated_month.ts'

for (const [name, lifetime, step] of [
  ['hourly tokens', 3600, 60],
  ['300-second tokens', 300, 30],
] as const) {
  test(`a month of ${name} and 20 replicas over a key-value store costs no more than one token each usable life, and one`, async (t) => {
    const month = await simulate({ days: 31, replicas: 20, lifetime, step, seed: lifetime, folder: undefined })
    t.diagnostic(`${month.spent} tokens for ${month.calls} calls and ${month.restarts} restarts`)
    judge(month, 31, lifetime)
    if (lifetime === 3600) assert.ok(month.spent < 1000, 'a plan of 1000 tokens a month is enough')
  })
}

test('a week of hourly tokens and 20 processes over files costs the same, with another wall clock after each start', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'call-month-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const month = await simulate({ days: 7, replicas: 20, lifetime: 3600, step: 300, seed: 7, folder })
  t.diagnostic(`${month.spent} tokens for ${month.calls} calls and ${month.restarts} restarts`)
  judge(month, 7, 3600)
})

async function simulate(workerData: MonthData): Promise<Month> {
  const worker = new Worker(new URL('month_worker.ts', import.meta.url), { workerData })
  const [month] = (await once(worker, 'message')) as [Month]
  return month
}

function judge(month: Month, days: number, lifetime: number): void {
  const most = Math.ceil((days * 86_400) / (lifetime * SOFT_SHARE.least)) + 1
  assert.ok(month.spent <= most, `${month.spent} tokens, at most ${most}`)
  assert.ok(month.spent >= (days * 86_400) / lifetime, `${month.spent} tokens cannot cover the time`)
  assert.equal(month.refused, 0, 'an ended token was presented')
  assert.ok(month.restarts > 20)
}
