// What client authentication leaves behind, read from the database afterwards: uses of each secret, refusals in the audit trail; and how
// secrets that have ended are refused by every method.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { basic, postForm } from '../harness/http.ts'
import { startConfigured } from '../harness/server.ts'
import { assertRefused } from '../harness/verify.ts'
import { temporaryFolder } from '../process/program.ts'
import type { Signed } from './assertions.ts'
import {
  assertionConfig,
  CC,
  carried,
  claimsOf,
  ENV,
  LONG,
  makeKeys,
  NOW,
  SHARED,
  sign,
  startKeyServer,
  startSigned,
} from './assertions.ts'
import { secretOf } from './orders.ts'

/** What the folder's database says once nothing serves it. */
async function read<Found>(folder: string, look: (store: Store) => Promise<Found>): Promise<Found> {
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  try {
    return await look(store)
  } finally {
    await store.close()
  }
}

async function serving(folder: string, use: (server: Signed) => Promise<void>): Promise<void> {
  const server = await startSigned(() => NOW, folder)
  try {
    await use(server)
  } finally {
    await server.close()
  }
  assert.deepEqual([server.reports, server.notices], [[], []])
}

test('each use of a secret is counted for that secret, whichever method carried it, and no refusal is', async () => {
  const folder = temporaryFolder()
  await serving(folder, async ({ url, ask, hmac }) => {
    for (const secret of [LONG, LONG, SHARED]) assert.equal((await postForm(url('token'), CC, basic('hmac-long', secret))).status, 200)
    assert.equal((await ask(await hmac('hmac-long', 'HS512', LONG))).status, 200)
    assertRefused(await postForm(url('token'), CC, basic('hmac-long', 'wrong')), 401, 'invalid_client')
    assertRefused(await postForm(url('token'), { ...CC, client_id: 'hmac-long', client_secret: LONG }), 401, 'invalid_client')
    const once = await hmac('hmac-long')
    for (const status of [200, 401]) assert.equal((await ask(once)).status, status)
  })
  const [uses, client] = await read(folder, (store) =>
    Promise.all([store.secrets.uses('signed', 'hmac-long'), store.clients.find('signed', 'hmac-long')]),
  )
  const [shared, long] = client?.secrets ?? []
  const counted = Object.fromEntries(uses.map((one) => [one.secretId, [one.count, one.lastUsedAt, one.address]]))
  assert.deepEqual(counted, { [shared?.id ?? '']: [2, NOW, '127.0.0.1'], [long?.id ?? '']: [3, NOW, '127.0.0.1'] })
})

test('a refused client leaves one row without any of its credentials, and an unknown one none', async () => {
  const folder = temporaryFolder()
  const guess = 'a guess of forty characters and some more'
  let assertion = ''
  await serving(folder, async ({ url, ask, make, keys }) => {
    assertion = await make({ key: keys.stranger.privateKey })
    assertRefused(await postForm(url('token'), CC, basic('plain', guess)), 401, 'invalid_client')
    assertRefused(await ask(assertion), 401, 'invalid_client')
    assertRefused(await ask(await make({ claims: { aud: 'x' } })), 401, 'invalid_client')
    // None of these: nobody's, no attempt, right but by another method.
    assertRefused(await postForm(url('token'), CC, basic('nobody', guess)), 401, 'invalid_client')
    assertRefused(await postForm(url('token'), CC, basic('plain', '')), 401, 'invalid_client')
    assertRefused(await postForm(url('token'), { ...CC, client_id: 'hmac-long', client_secret: LONG }), 401, 'invalid_client')
  })
  const rows = await read(folder, (store) => store.audit.read({ after: 0, limit: 100, event: 'client.refused' }))
  assert.deepEqual(
    rows.map(({ clientId, address, at, realmId, detail }) => [realmId, clientId, detail['method'], address, at]),
    [
      ['signed', 'plain', 'client_secret_basic', '127.0.0.1', NOW],
      ['signed', 'signer', 'private_key_jwt', '127.0.0.1', NOW],
      ['signed', 'signer', 'private_key_jwt', '127.0.0.1', NOW],
    ],
  )
  assert.match(String(rows[2]?.detail['told']), /aud must be/)
  const written = JSON.stringify(rows)
  for (const secret of [guess, ...assertion.split('.'), secretOf('plain')]) assert.ok(!written.includes(secret))
})

test('who guesses on leaves no more rows than he gets plain refusals, however long he goes on', async () => {
  const folder = temporaryFolder()
  let refused = 0
  await serving(folder, async ({ url }) => {
    for (let tries = 0; tries < 100; tries += 1) {
      const { status } = await postForm(url('token'), CC, basic('plain', 'the same wrong secret'))
      if (status === 401) refused += 1
      else assert.equal(status, 429)
    }
    assert.equal((await postForm(url('token'), CC, basic('plain', secretOf('plain')))).status, 200)
  })
  const rows = await read(folder, (store) => store.audit.read({ after: 0, limit: 100, event: 'client.refused' }))
  assert.equal(rows.length, refused)
  assert.ok(refused < 50, `${refused}`)
})

test('a secret that has ended opens nothing, neither as it is nor as the key of an HMAC, and the other goes on', async () => {
  const folder = temporaryFolder()
  const keyServer = await startKeyServer()
  const input = assertionConfig(await makeKeys(), keyServer.url, folder)
  let now = NOW
  const start = () => startConfigured(input, ENV, () => now)
  await (await start()).close()
  await read(folder, async (store) => {
    const [shared] = (await store.clients.find('signed', 'hmac-long'))?.secrets ?? []
    assert.equal(await store.secrets.end('signed', 'hmac-long', shared?.id ?? '', NOW + 100, { at: NOW, by: 'command secret' }), true)
  })
  const server = await start()
  const token = `${server.origin}/realms/signed/oauth2/token`
  const statuses = async (secret: string): Promise<number[]> => {
    const assertion = await sign(claimsOf('hmac-long', now), { alg: 'HS256' }, secret)
    return [
      (await postForm(token, CC, basic('hmac-long', secret))).status,
      (await postForm(token, { ...CC, ...carried(assertion) })).status,
    ]
  }
  for (const [at, shared] of [
    [NOW + 99, 200],
    [NOW + 100, 401],
  ] as const) {
    now = at
    assert.deepEqual(await statuses(SHARED), [shared, shared], `${at}`)
    assert.deepEqual(await statuses(LONG), [200, 200], `${at}`)
  }
  await server.close()
  await keyServer.close()
  assert.deepEqual(server.reports, [])
})
