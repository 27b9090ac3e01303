// Uses of secrets are written behind the answers: what a stop must not lose.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { BOUNDED, serve, temporaryFolder } from './program.ts'
import { clientCredentials, DESK, startUpstream, writeShop } from './shop.ts'

test('a server that is stopped has written every use of a secret', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const server = await serve(['--config', await writeShop(folder, await startUpstream()), '--data', data])
  const answers = await Promise.all(Array.from({ length: 7 }, () => clientCredentials(server.origin, DESK)))
  assert.deepEqual(new Set(answers.map((one) => one.status)), new Set([200]))
  assert.equal((await server.end('SIGTERM')).code, 0)
  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  try {
    const uses = await store.secrets.uses('shop', DESK.clientId)
    assert.deepEqual(
      uses.map(({ count, address }) => [count, address]),
      [[7, '127.0.0.1']],
    )
  } finally {
    await store.close()
  }
})
