// A node whose PostgreSQL is killed and comes back: what rests on the database says so, guards go on where the plan lets them, and nothing
// that was revoked comes back to life.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Answer } from '../harness/http.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { BOUNDED, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'
import { ask, call, introspect, isActive, revoke, token, until, writeMarket } from './market.ts'

function isAway({ status, headers, text }: Answer): void {
  assert.equal(status, 503, text)
  assert.match(headers.get('retry-after') ?? '', /^[1-9][0-9]*$/)
}

test('while the database is away guards go on with what they know, the rest says 503, and all is well when it is back', {
  ...BOUNDED,
  skip: noPostgres,
}, async (context) => {
  const database = await startPostgres({ after: (act) => context.after(act) })
  const folder = temporaryFolder()
  const config = writeMarket(folder, await startUpstream())
  const node = await serve(['--config', config, '--database', await database.createDatabase()])
  const { origin } = node
  const [patient, counted, revoked] = [await token(origin, 'patient'), await token(origin, 'baker'), await token(origin, 'patient')]
  assert.equal((await revoke(origin, 'patient', revoked)).status, 200)
  // So that the node has heard of its own first key, and drops nothing of what it learns from here on.
  await pause(1000)
  assert.equal(await isActive(origin, patient), true)
  for (const text of [patient, counted]) assert.equal(await call(origin, text), 200)

  await database.kill()
  await until(async () => (await introspect(origin, patient)).status === 503)
  isAway(await introspect(origin, patient))
  isAway(await ask(origin, 'patient'))
  assert.equal(await call(origin, patient), 200, 'its plan lets it pass uncounted')
  assert.equal(await call(origin, revoked), 401, 'what was known to be revoked stays so')
  assert.equal(await call(origin, counted), 503, 'its requests are counted before they pass')

  await database.start()
  await until(async () => (await introspect(origin, patient)).status === 200)
  assert.equal(await isActive(origin, revoked), false)
  await until(async () => (await call(origin, counted)) === 200)
  assert.equal((await ask(origin, 'patient')).status, 200)
  assert.equal((await node.end('SIGTERM')).code, 0)
})

test('guards that may trust what they know for a second only say 503 then, and go on when the database is back', {
  ...BOUNDED,
  skip: noPostgres,
}, async (context) => {
  const database = await startPostgres({ after: (act) => context.after(act) })
  const folder = temporaryFolder()
  const config = writeMarket(folder, await startUpstream(), { withoutDatabase: { guardsTrust: '1s' } })
  const node = await serve(['--config', config, '--database', await database.createDatabase()])
  const text = await token(node.origin, 'patient')
  assert.equal(await call(node.origin, text), 200)
  await database.kill()
  await until(async () => (await call(node.origin, text)) === 503)
  await database.start()
  await until(async () => (await call(node.origin, text)) === 200)
  assert.equal((await node.end('SIGTERM')).code, 0)
})
