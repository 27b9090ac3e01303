// What a restore must not bring back to life: tokens of the time between the backup and it, once their client is ended; and all of them
// where that is asked for.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { command as client } from '../../src/cli/client.ts'
import { command as importCommand } from '../../src/cli/import.ts'
import { command as restore } from '../../src/cli/restore.ts'
import type { TestServer } from '../harness/server.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { backUp, succeeding } from './backed_up.ts'
import { ask, CREDENTIALS, call, folder, start } from './used.ts'

type Where = Parameters<typeof start>[0]

async function during<T>(where: Where, act: (server: TestServer) => Promise<T>): Promise<T> {
  const server = await start(where)
  try {
    return await act(server)
  } finally {
    await server.close()
  }
}

const { data, used, key, file } = await backUp()

test('what ends after a restore ends with all that was issued in the time that is lost', async () => {
  const target = join(folder(), 'data')
  const later = ['--in', file, '--key-file', key, '--data', target] as const
  await succeeding(restore, ...later)
  const get = async (server: TestServer): Promise<string> => {
    const { json } = await ask(server, 'oauth2/token', 'reuser', CREDENTIALS)
    return String(json['access_token'])
  }
  /** Ended once, it has a generation whose number the backup knows nothing of. */
  const endOnce = async (...where: string[]): Promise<void> => {
    for (const word of ['disable', 'enable']) await succeeding(client, word, '--client', 'reuser', ...where)
  }
  const lost: string[] = []
  for (let times = 0; times < 2; times++) {
    await endOnce('--data', target)
    lost.push(
      await during({ data: target }, async (server) => {
        const token = await get(server)
        assert.equal(await call(server, token), 200)
        for (const one of lost) assert.equal(await call(server, one), 401)
        return token
      }),
    )
    await succeeding(restore, ...later, '--replace')
  }
  await endOnce('--data', target)
  await during({ data: target }, async (server) => {
    for (const one of lost) assert.equal(await call(server, one), 401)
    assert.equal(await call(server, await get(server)), 200)
  })
})

test('after a restore that revokes them no access token is good, and the next one is', async () => {
  const target = join(folder(), 'data')
  const report = await succeeding(restore, '--in', file, '--key-file', key, '--data', target, '--revoke-access')
  assert.match(report, /Every access token of its clients is revoked\.$/m)
  await assertAllEnded({ data: target })
})

test('the same on PostgreSQL, by a move', { skip: noPostgres }, async (t) => {
  const database = await (await startPostgres(t)).createDatabase()
  const report = await succeeding(importCommand, '--from-data', data, '--database', database, '--revoke-access')
  assert.match(report, /Every access token of its clients is revoked\.$/m)
  await assertAllEnded({ database })
})

/** Of what the clients had: opaque or not, or to be served again. */
async function assertAllEnded(where: Where): Promise<void> {
  await during(where, async (server) => {
    for (const token of [used.token, used.opaque, used.revoked, used.reused]) assert.equal(await call(server, token), 401)
    for (const clientId of ['shop', 'reference', 'reuser']) {
      const { json } = await ask(server, 'oauth2/token', clientId, CREDENTIALS)
      assert.equal(await call(server, String(json['access_token'])), 200, clientId)
    }
  })
}
