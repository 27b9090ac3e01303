// What runs beside the requests must not ask for every realm: which keys have changed is one query, and what rests is not looked at.
import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { loadConfiguration } from '../../src/config/config.ts'
import type { Ledger } from '../../src/model/ledger.ts'
import { applyConfiguration } from '../../src/server/apply.ts'
import { createIssuance } from '../../src/server/issuance.ts'
import { createRealmContext } from '../../src/server/realms.ts'
import { startTasks } from '../../src/server/tasks.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { DAY } from './keys.ts'

const START = 1_800_000_000
const MINUTE_MS = 60_000
const REALMS = 60

test('of many realms only those are read whose keys have changed, or for which something may be due', { timeout: 20_000 }, async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  const opened = await openSqliteStore({ file: ':memory:' })
  const read: string[] = []
  const signingKeys = {
    ...opened.signingKeys,
    list: (realmId: string) => {
      read.push(realmId)
      return opened.signingKeys.list(realmId)
    },
  }
  const store = { ...opened, signingKeys }
  const realms = Array.from({ length: REALMS }, (_, n) => ({ id: `r${n}`, clients: [], keyRotation: { every: '30d' } }))
  const { configuration } = await loadConfiguration({ input: { realms } })
  let now = START
  // Nothing else of a ledger is asked for here.
  const ledger = { sweep: async () => 0 } as unknown as Ledger
  const issuance = createIssuance(store, ledger, configuration, { node: { see: () => undefined, live: () => 1 }, now: () => now })
  await applyConfiguration(store, configuration.realms, { at: START, by: 'configuration' })
  const contexts = configuration.realms.map(({ realm }) => createRealmContext(issuance, realm, null))
  const nothing = async (): Promise<void> => undefined
  const stop = startTasks({
    issuance,
    node: { leads: () => true, beat: nothing, leave: nothing, sweep: nothing },
    contexts,
    usage: { flush: nothing },
    report: (error) => assert.fail(String(error)),
    keepSeconds: DAY,
  })
  t.after(async () => {
    await stop()
    await store.close()
    mock.timers.reset()
  })
  const reads = async (act: () => unknown, count: number): Promise<string[]> => {
    read.length = 0
    await act()
    while (read.length < count) await turn()
    for (let n = 0; n < 20; n++) await turn()
    return [...read]
  }
  for (const { keys } of contexts) await keys.signer()
  await issuance.news.look()

  assert.deepEqual(await reads(issuance.news.look, 0), [], 'nothing has changed')
  const [old] = contexts[7]?.keys.known() ?? []
  assert.ok(old)
  const next = { ...old, kid: 'next', activeAt: START + 3 * DAY }
  assert.equal(await opened.signingKeys.insertNext(next, old.kid, { at: START, by: 'command ada' }), true)
  assert.deepEqual(await reads(issuance.news.look, 1), ['r7'])
  assert.deepEqual(
    contexts[7]?.keys.known().map(({ kid }) => kid),
    [old.kid, 'next'],
  )

  const minute = (): void => mock.timers.tick(MINUTE_MS)
  assert.equal((await reads(minute, REALMS)).length, REALMS, 'a leader that is new knows nothing yet')
  now += DAY / 2
  assert.deepEqual(await reads(minute, 0), [], 'nothing can be due')
  now = START + 3 * DAY
  assert.ok((await reads(minute, 1)).includes('r7'), 'its older key is followed')
  // If they never are, the test's time ends.
  while ((await opened.signingKeys.list('r7'))[0]?.retiredAt === null) await turn()
  now = START + 29 * DAY
  await reads(minute, REALMS)
  for (const id of ['r0', 'r59']) while ((await opened.signingKeys.list(id)).length < 2) await turn()
})
