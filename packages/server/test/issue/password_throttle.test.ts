// Password guessing at the token endpoint: how many guesses are heard, and who may sign in all the same. REQUIREMENTS 19.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { after, before, beforeEach, test } from 'node:test'
import { hashPassword } from '../../src/issue/password.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { PASSWORD } from './orders.ts'

const USERS = ['ada', 'bob', 'eve', 'dan', 'kim'] as const
let clock = Date.UTC(2030, 0, 1) / 1000
let server: TestServer
before(async () => {
  const hash = { hash: await hashPassword(PASSWORD) }
  const client = { clientId: 'app', public: true, grants: ['password'] as const }
  const users = USERS.map((username) => ({ username, password: hash }))
  server = await startConfigured({ realms: [{ id: 'orders', grants: ['password'], clients: [client], users }] }, {}, () => clock)
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})
beforeEach(() => {
  // All buckets are full again.
  clock += 3600
})

interface Answered {
  readonly status: number | undefined
  readonly error: unknown
  readonly description: unknown
  readonly retryAfter: string | undefined
}

/** Every address of 127.0.0.0/8 is this machine's own on Linux. */
const ELSEWHERE = '127.0.0.2'
const ONLY_LINUX = { skip: process.platform === 'linux' ? false : 'needs a second loopback address' }

async function signIn(username: string, given: string, localAddress = '127.0.0.1'): Promise<Answered> {
  const { hostname, port } = new URL(server.origin)
  const sent = request({ hostname, port, localAddress, agent: false, method: 'POST', path: '/realms/orders/oauth2/token' })
  sent.setHeader('content-type', 'application/x-www-form-urlencoded')
  sent.end(new URLSearchParams({ grant_type: 'password', client_id: 'app', username, password: given }).toString())
  const [response] = await once(sent, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  const { error, error_description: description } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>
  return { status: response.statusCode, error, description, retryAfter: response.headers['retry-after'] }
}

async function guess(count: number, username: string): Promise<void> {
  for (let time = 0; time < count; time++) assert.equal((await signIn(username, `wrong ${time}`)).error, 'invalid_grant')
}

test('ten wrong passwords, and the eleventh is told how long to wait; the right one opens after that', async () => {
  await guess(10, 'ada')
  const refused = await signIn('ada', PASSWORD)
  assert.deepEqual([refused.status, refused.error, refused.retryAfter], [429, 'slow_down', '20'])
  assert.match(String(refused.description), /^Too many sign-ins have failed .* try again in 20 seconds\.$/)
  clock += 19
  assert.deepEqual(await signIn('ada', PASSWORD).then(({ status, retryAfter }) => [status, retryAfter]), [429, '1'])
  clock += 1
  assert.equal((await signIn('ada', PASSWORD)).status, 200)
})

test('from another address the same user signs in meanwhile', ONLY_LINUX, async () => {
  await guess(10, 'bob')
  assert.equal((await signIn('bob', PASSWORD)).status, 429)
  assert.equal((await signIn('bob', PASSWORD, ELSEWHERE)).status, 200)
})

test('right passwords are not counted', async () => {
  for (let time = 0; time < 15; time++) assert.equal((await signIn('eve', PASSWORD)).status, 200)
})

test('a name that nobody has is answered like one that somebody has, attempt by attempt', async () => {
  for (let time = 0; time < 12; time++) assert.deepEqual(await signIn('nobody', 'wrong'), await signIn('dan', 'wrong'))
})

test('of a hundred guesses at once ten are heard', async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => signIn('kim', `wrong ${index}`)))
  assert.equal(answers.filter(({ status, error }) => status === 400 && error === 'invalid_grant').length, 10)
  assert.equal(answers.filter(({ status, error }) => status === 429 && error === 'slow_down').length, 90)
})
