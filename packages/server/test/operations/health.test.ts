// /health/ready tells the truth, check by check: with a store that cannot be written, while the server drains, and while the loop is stuck.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { runChecks } from '../../src/server/management.ts'
import { createMetrics } from '../../src/server/metrics.ts'
import { watchEventLoop } from '../../src/server/metrics_process.ts'
import { postForm, send } from '../harness/http.ts'
import { BOUNDED, serve } from '../process/program.ts'
import { folder } from './used.ts'

const config = join(folder(), 'countersign.json')
writeFileSync(config, JSON.stringify({ realms: [{ id: 'depot', clients: [{ clientId: 'web', public: true, grants: ['password'] }] }] }))

test('each check has its name, and the first that fails gives the reason', async () => {
  const fail = (): never => {
    throw new Error('The disk is full.')
  }
  assert.deepEqual(await runChecks({ one: () => undefined, two: () => Promise.resolve() }), {
    status: 'ok',
    checks: { one: { status: 'ok' }, two: { status: 'ok' } },
  })
  assert.deepEqual(await runChecks({ one: () => undefined, two: fail, three: () => Promise.reject(new Error('Nor this.')) }), {
    status: 'unavailable',
    reason: 'The disk is full.',
    checks: {
      one: { status: 'ok' },
      two: { status: 'failed', reason: 'The disk is full.' },
      three: { status: 'failed', reason: 'Nor this.' },
    },
  })
})

test('a server that was told to end is not ready at once, alive to the end, and serves until its delay is over', BOUNDED, async () => {
  const server = await serve(['--config', config], { env: { COUNTERSIGN_DRAIN_DELAY: '1' } })
  const ready = await send(`${server.managementOrigin}/health/ready`)
  assert.deepEqual(
    [ready.status, Object.keys(ready.json['checks'] as object)],
    [200, ['draining', 'started', 'store', 'signing_keys', 'event_loop']],
  )
  server.child.kill('SIGTERM')
  let leaving = ready
  while (leaving.status === 200) leaving = await send(`${server.managementOrigin}/health/ready`)
  assert.deepEqual([leaving.status, leaving.json['status'], leaving.json['reason']], [503, 'unavailable', 'The server was told to end.'])
  // Balancers that have not heard of it yet are served all the same.
  assert.equal((await postForm(`${server.origin}/realms/depot/oauth2/token`, {})).status, 401)
  assert.equal((await send(`${server.managementOrigin}/health/live`)).status, 200)
  assert.equal((await server.ended).code, 0)
})

test('a delay that is too long, or none, is refused in one sentence', BOUNDED, async () => {
  for (const delay of ['6', 'soon', '-1']) {
    await assert.rejects(
      serve(['--config', config], { env: { COUNTERSIGN_DRAIN_DELAY: delay } }),
      /COUNTERSIGN_DRAIN_DELAY must be seconds from 0 to 5\./,
    )
  }
})

test('an event loop that was held up for long is told of', async () => {
  const watch = watchEventLoop(createMetrics())
  // Two of its looks, so that there is something to compare.
  await pause(60)
  watch.check()
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2200)
  await pause(60)
  assert.throws(watch.check, /^Error: The event loop was held up for 2\.\d s within the last seconds\.$/)
  watch.stop()
})
