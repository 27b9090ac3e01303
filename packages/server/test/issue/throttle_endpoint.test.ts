// Wrong client secrets over HTTP: who repeats one is told to wait, and nobody can make a right one fail.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Answer } from '../harness/http.ts'
import { postForm } from '../harness/http.ts'
import type { TestServer } from '../harness/server.ts'
import { startConfigured } from '../harness/server.ts'
import { hashed } from './orders.ts'

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))

const SECRET = 'a secret that is long enough'
let clock = Date.UTC(2030, 0, 1) / 1000
let server: TestServer
before(async () => {
  const clients = ['shop', 'victim', 'replica'].map((clientId) => ({ clientId, secret: hashed(SECRET) }))
  server = await startConfigured({ realms: [{ id: 'orders', clients }] }, {}, () => clock)
})
after(async () => {
  assert.deepEqual(server.reports, [])
  await server.close()
})
const ask = (clientId: string, secret = SECRET): Promise<Answer> =>
  postForm(`${server.origin}/realms/orders/oauth2/token`, {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: secret,
  })

test('a replica with an old secret is told to wait, is heard again after it, and the right secret passes all the while', async () => {
  for (let time = 0; time < 5; time++) assert.equal((await ask('replica', 'the old one')).status, 401)
  const refused = await ask('replica', 'the old one')
  assert.deepEqual([refused.status, refused.json['error'], refused.headers.get('retry-after')], [429, 'slow_down', '10'])
  assert.equal((await ask('replica')).status, 200)
  clock += 10
  assert.equal((await ask('replica', 'the old one')).status, 401)
})

test('a stranger who floods wrong secrets for a client never makes the right one fail', async () => {
  const statuses = new Set<number>()
  for (let round = 0; round < 20; round++) {
    const wrong = times(30, (index) => ask('victim', `guess ${round} ${index}`))
    const right = [ask('victim'), ask('victim')]
    for (const { status } of await Promise.all(wrong)) statuses.add(status)
    for (const { status } of await Promise.all(right)) assert.equal(status, 200)
  }
  assert.deepEqual(
    [...statuses].sort((a, b) => a - b),
    [401, 429],
  )
  assert.equal((await ask('shop')).status, 200)
})
