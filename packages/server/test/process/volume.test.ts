// A hard volume under SIGKILL: never more than the limit reaches the upstream, every answered request is counted, and little is counted that
// was not answered. VOLUME_REQUESTS=50000 VOLUME_LIMIT=20000 is the full size.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ConfigInput } from '../../src/config/input.ts'
import { secretHash } from '../../src/model/secret_hash.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { basic, postForm, send } from '../harness/http.ts'
import type { Serving } from './program.ts'
import { freePort, serve, temporaryFolder } from './program.ts'
import { startUpstream } from './shop.ts'

const REQUESTS = Number(process.env['VOLUME_REQUESTS'] ?? 4000)
const LIMIT = Number(process.env['VOLUME_LIMIT'] ?? 1600)
const LANES = 64
const KILLS = 3
const SECRET = 'a secret of the process tests that is long enough'

function writeConfig(folder: string, upstream: string): string {
  const input: ConfigInput = {
    realms: [
      {
        id: 'volume',
        audiences: ['https://api.volume.example'],
        accessTokenLifetime: '12h',
        plan: { requests: { perMonth: LIMIT, concurrency: LANES } },
        clients: [{ clientId: 'one', secret: { hash: secretHash(SECRET) } }],
      },
    ],
    apis: [{ id: 'volume', realm: 'volume', upstream }],
  }
  const file = join(folder, 'countersign.json')
  writeFileSync(file, JSON.stringify(input))
  return file
}

/** The status, or undefined if the connection broke before the whole answer was there. */
function call(url: string, agent: Agent, authorization: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent, headers: { authorization } }, (response) => {
      response.on('end', () => resolve(response.statusCode))
      response.on('error', () => resolve(undefined))
      response.on('close', () => resolve(undefined))
      response.resume()
    })
    request.on('error', () => resolve(undefined))
  })
}

test('a hard volume holds over three SIGKILLs at random moments, and what was answered is counted', {
  timeout: 60_000 + REQUESTS * 10,
}, async (context) => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  // The last quarter is left alone, so that it reaches the limit whatever happened before.
  const moments = Array.from({ length: KILLS }, () => Math.ceil(Math.random() * LIMIT * 0.75)).sort((a, b) => a - b)
  let reached = 0
  let server: Serving
  let restarting: Promise<void> | undefined
  const upstream = await startUpstream((_request, response) => {
    reached += 1
    response.end('counted')
    if (moments[0] === undefined || reached < moments[0] || restarting) return
    moments.shift()
    restarting = restart().finally(() => (restarting = undefined))
  })
  const args = ['--config', writeConfig(folder, upstream), '--data', data, '--port', await freePort()]
  const restart = async (): Promise<void> => {
    await server.end('SIGKILL')
    server = await serve(args)
  }
  server = await serve(args)
  const { json } = await postForm(`${server.origin}/realms/volume/oauth2/token`, { grant_type: 'client_credentials' }, basic('one', SECRET))
  const authorization = `Bearer ${String(json['access_token'])}`

  const agent = new Agent({ keepAlive: true, maxSockets: LANES })
  const tally = new Map<number | undefined, number>()
  let asked = 0
  const lane = async (): Promise<void> => {
    while (asked < REQUESTS) {
      asked += 1
      const status = await call(`${server.origin}/apis/volume/orders`, agent, authorization)
      tally.set(status, (tally.get(status) ?? 0) + 1)
      if (status === undefined) await restarting
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  agent.destroy()
  const { apis } = (await send(`${server.origin}/realms/volume/usage`, { headers: basic('one', SECRET) })).json as {
    apis: Record<string, { used: number }>
  }
  assert.equal((await server.end('SIGTERM')).code, 0)
  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  const lines = await store.metering.lines({ from: 0, to: Number.MAX_SAFE_INTEGER }, null, 100)
  await store.close()

  const counted = lines.reduce((sum, { requests }) => sum + requests, 0)
  const answered = tally.get(200) ?? 0
  const refused = tally.get(429) ?? 0
  const broken = tally.get(undefined) ?? 0
  context.diagnostic(
    `${asked} asked, ${answered} answered, ${reached} at the upstream, ${counted} counted, ${refused} refused, ${broken} broken`,
  )
  assert.equal(moments.length, 0, 'it was killed three times')
  assert.equal(answered + refused + broken, asked, `no other answer: ${JSON.stringify([...tally])}`)
  assert.ok(refused > 0, 'the limit was reached')
  assert.ok(reached <= LIMIT, `${reached} reached the upstream`)
  assert.ok(answered <= reached && reached <= counted, 'what was answered was counted first')
  assert.equal(counted, LIMIT)
  assert.equal(apis['requests-month']?.used, LIMIT)
  assert.ok(counted - answered <= KILLS * LANES, `${counted - answered} were counted and not answered`)
})
