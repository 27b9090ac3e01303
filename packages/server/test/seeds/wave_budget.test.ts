// "The API has a limit of 1000 tokens per month": Wave's page, taken at its word.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readRateLimits } from '@countersign/protocol/oauth/rate_limit'
import { requestToken } from '../harness/demo.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'

let server: TestServer
before(async () => {
  server = await startDemo()
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})

test('1200 requests over 64 sockets give exactly 1000 tokens and 200 refusals', async () => {
  const tokens = new Set<unknown>()
  const refusals: unknown[] = []
  let left = 1200
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await requestToken(server.origin, 'wave')
      if (answer.status === 200) tokens.add(answer.json['access_token'])
      else refusals.push([answer.status, answer.json['error']])
    }
  }
  await Promise.all(Array.from({ length: 64 }, lane))
  assert.equal(tokens.size, 1000)
  assert.deepEqual(refusals, Array(200).fill([429, 'slow_down']))
})

test('the month is the calendar’s: the fields and Retry-After count down to its first second', async () => {
  const refused = await requestToken(server.origin, 'wave')
  const now = new Date()
  const next = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) / 1000
  const reset = readRateLimits(refused.headers.get('ratelimit-policy') ?? '', refused.headers.get('ratelimit') ?? '')[0]?.reset ?? 0
  assert.equal(String(reset), refused.headers.get('retry-after'))
  assert.ok(Math.abs(reset - (next - now.getTime() / 1000)) < 5, `${reset}`)
})

test('no other realm’s budget is touched', async () => {
  assert.equal((await requestToken(server.origin, 'willba')).status, 200)
  assert.equal((await requestToken(server.origin, 'willba')).headers.get('ratelimit'), null)
})
