// Workers behind one listener, and somebody who would speak to them past it: what is the operator's stays on the operator's listener, and
// asking it much costs nothing but answers.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { send } from '../harness/http.ts'
import { token, writeMarket } from '../nodes/market.ts'
import { BOUNDED, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'

test('a crowd that asks the operator’s listener at once gets its answers, and no word of complaint is logged', BOUNDED, async () => {
  const folder = temporaryFolder()
  const config = writeMarket(folder, await startUpstream())
  // What a worker is told by its environment means nothing to who is none.
  const env = { COUNTERSIGN_WORKER_PORT: '1', COUNTERSIGN_WORKER_UPSTREAM: 'http://evil.example' }
  const server = await serve(['--config', config, '--data', join(folder, 'data'), '--workers', '2'], { env })
  await token(server.origin, 'baker')
  const paths = Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? '/health/ready' : '/metrics'))
  const answers = await Promise.all(paths.map((path) => send(server.managementOrigin + path)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  for (const path of [
    '/health/live',
    '/health/ready',
    '/metrics',
    '/apis/../metrics',
    '//metrics',
    '/%6detrics',
    '/realms/market/metrics',
  ]) {
    for (let worker = 0; worker < 4; worker++) assert.notEqual((await send(server.origin + path)).status, 200, path)
  }
  for (const method of ['POST', 'DELETE', 'PUT']) assert.equal((await send(`${server.managementOrigin}/metrics`, { method })).status, 405)
  const { code, stderr } = await server.end('SIGTERM')
  assert.deepEqual([code, stderr.replace(/^warning: .*\n/gm, '')], [0, ''])
})
