// The server is gone: a guard elsewhere goes on for as long as it may not know, then says 503, and heals when the server comes back.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { RemoteGuardError } from '@countersign/guard/remote_exchange'
import { secretOf } from '../issue/orders.ts'
import { freePort } from '../process/program.ts'
import type { Elsewhere } from './elsewhere.ts'
import { ask, BOUNDED, becomes, codeOf, followFrom, startElsewhere, watched } from './elsewhere.ts'

let server: Elsewhere
before(async () => {
  server = await startElsewhere()
})
after(() => server.stop())

test('a server that goes away is missed after the longest silence, and its return heals what it missed', BOUNDED, async () => {
  let skew = 0
  const told: string[] = []
  const guard = await followFrom(server.origin, { nowMs: () => performance.now() + skew, onTrouble: (error) => told.push(error.message) })
  const [bearer, other] = [await server.bearer('shop', { scope: 'read' }), await server.bearer('other')]
  try {
    assert.equal(await codeOf(guard, bearer), 'allowed')
    await server.stop()
    assert.equal(await codeOf(guard, bearer), 'allowed')
    skew = 16_000
    const verdict = await ask(guard, bearer)
    assert.ok(!verdict.allow)
    assert.deepEqual([verdict.status, verdict.code, verdict.headers['retry-after']], [503, 'cannot_verify', '5'])
    await server.start()
    await becomes('the guard of a server that is back', 'allowed', () => codeOf(guard, bearer), 15_000)
    await server.revoke('shop', bearer)
    await becomes('a token revoked after the return', 'invalid_token', () => codeOf(guard, bearer))
    assert.equal(await codeOf(guard, other), 'allowed')
    assert.ok(told.length > 0 && told.every((sentence) => !sentence.includes(secretOf('api'))))
  } finally {
    guard.close()
  }
})

test('a guard that is told to ignore silence goes on with what it knows', BOUNDED, async () => {
  let skew = 0
  const guard = await followFrom(server.origin, { nowMs: () => performance.now() + skew, maxSilence: 'ignore' })
  const bearer = await server.bearer('other')
  assert.equal(await codeOf(guard, bearer), 'allowed')
  guard.close()
  skew = 500_000
  assert.equal(await codeOf(guard, bearer), 'allowed')
})

test('a guard whose server cannot be reached at the start says so, without its secret', BOUNDED, async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`
  await assert.rejects(followFrom(nowhere, { startWithinMs: 100 }), (error: unknown) => {
    assert.ok(error instanceof RemoteGuardError)
    assert.match(error.message, /\/realms\/far\/guard cannot be asked/)
    return !error.message.includes(secretOf('api'))
  })
})

test('keys that nobody publishes cost one more look in thirty seconds', BOUNDED, async () => {
  const looks: string[] = []
  const guard = await followFrom(server.origin, { fetch: watched((path) => path.endsWith('/jwks.json') && looks.push(path)) })
  try {
    const [, payload, signature] = (await server.bearer('other')).split('.')
    for (let i = 0; i < 20; i++) {
      const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `nobody-${i}` })).toString('base64url')
      assert.equal(await codeOf(guard, `Bearer ${header}.${payload}.${signature}`), 'invalid_token')
    }
    assert.equal(looks.length, 2)
  } finally {
    guard.close()
  }
})
