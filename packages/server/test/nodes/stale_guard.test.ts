// A guard that could not hear of revocations for a while, because its way to the database was cut: when it is back, a request that is
// counted again rests on fresh knowledge too, not on that of before.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startWay } from '../chaos/way.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { BOUNDED, serve, temporaryFolder } from '../process/program.ts'
import { startUpstream } from '../process/shop.ts'
import { call, isActive, revoke, token, writeMarket } from './market.ts'

const ROUNDS = 3

test('what was revoked while a node was cut off from the database passes none of its guards when requests are counted again', {
  ...BOUNDED,
  skip: noPostgres,
}, async (context) => {
  const database = await startPostgres({ after: (act) => context.after(act) })
  const way = await startWay(database.port)
  context.after(() => way.close())
  const folder = temporaryFolder()
  const config = writeMarket(folder, await startUpstream())
  const url = await database.createDatabase()
  const near = await serve(['--config', config, '--database', url])
  const far = await serve(['--config', config, '--database', url.replace(`:${database.port}/`, `:${way.port}/`)])
  for (let round = 0; round < ROUNDS; round += 1) {
    const text = await token(near.origin, 'baker')
    while ((await call(far.origin, text)) !== 200) await pause(20)
    way.cut()
    while ((await call(far.origin, text)) !== 503) await pause(5)
    assert.equal((await revoke(near.origin, 'baker', text)).status, 200)
    // Each round meets the node's own looks at another moment.
    await pause(1000 + 180 * round)
    way.mend()
    let status = 503
    while (status === 503) status = await call(far.origin, text)
    assert.equal(status, 401, `round ${round}`)
    assert.equal(await isActive(near.origin, text), false)
  }
  for (const node of [near, far]) assert.equal((await node.end('SIGTERM')).code, 0)
})
