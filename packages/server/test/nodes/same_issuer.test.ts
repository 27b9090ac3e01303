// Nodes of one database that call a realm by different issuers: each would refuse the other's tokens, so the later one does not start, unless
// the operator restarts them one after another; and what died names nobody's issuer any more.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigInput } from '../../src/config/input.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { startConfigured } from '../harness/server.ts'
import { BOUNDED, temporaryFolder } from '../process/program.ts'

const [OLD, NEW] = ['https://old.example', 'https://new.example']

async function issuerIn(folder: string): Promise<string | undefined> {
  const store = await openSqliteStore({ file: join(folder, 'countersign.db') })
  try {
    return (await store.realms.find('depot'))?.issuer
  } finally {
    await store.close()
  }
}

/** It is looked for beside the start. */
async function told(notices: readonly string[], pattern: RegExp): Promise<void> {
  for (let tries = 0; tries < 500 && !notices.some((one) => pattern.test(one)); tries++) await pause(20)
  assert.match(notices.join('\n'), pattern)
}

const named = (publicUrl: string, data: string): ConfigInput => ({
  data,
  publicUrl,
  realms: [
    { id: 'depot', clients: [] },
    { id: 'other', clients: [] },
    { id: 'fixed', clients: [], issuer: 'https://fixed.example' },
  ],
})

test('a node that calls a realm otherwise than those that live does not start, and changes nothing', BOUNDED, async () => {
  const data = temporaryFolder()
  const first = await startConfigured(named(OLD, data), {})
  try {
    const starting = startConfigured(named(NEW, data), {}).then((server) => server.close())
    await assert.rejects(starting, (error: Error) => {
      assert.equal(error.name, 'ConfigError')
      assert.match(error.message, /^[^\n]*https:\/\/old\.example\/realms\/depot, [^\n]*https:\/\/new\.example\/realms\/depot [^\n]*\.$/)
      assert.match(error.message, /\(and 1 more realms likewise\).* same publicUrl and issuer, .*COUNTERSIGN_CHANGE_ISSUER=1\.$/)
      return true
    })
    assert.equal(await issuerIn(data), `${OLD}/realms/depot`)
    await (await startConfigured(named(OLD, data), {})).close()
  } finally {
    await first.close()
  }
  await (await startConfigured(named(NEW, data), {})).close()
  assert.equal(await issuerIn(data), `${NEW}/realms/depot`, 'nobody lives who could refuse its tokens')
})

test('an issuer is changed by restarting one node after another, and that is said', BOUNDED, async () => {
  const data = temporaryFolder()
  const env = { COUNTERSIGN_CHANGE_ISSUER: '1' }
  const first = await startConfigured(named(OLD, data), {})
  try {
    const second = await startConfigured(named(NEW, data), env)
    await told(second.notices, /https:\/\/old\.example\/realms\/depot.*https:\/\/new\.example\/realms\/depot/)
    await second.close()
  } finally {
    await first.close()
  }
  const third = await startConfigured(named(NEW, data), env)
  assert.deepEqual(third.notices, [])
  await third.close()
})

test('a node that nobody named has the name of its own address: it starts beside another, and says what that means', BOUNDED, async () => {
  const data = temporaryFolder()
  const input: ConfigInput = { data, realms: [{ id: 'depot', clients: [] }] }
  const first = await startConfigured(input, {})
  try {
    const second = await startConfigured(input, {})
    await told(second.notices, new RegExp(`${first.origin}/realms/depot, .*${second.origin}/realms/depot: .* same publicUrl`))
    await second.close()
  } finally {
    await first.close()
  }
})

test('a node that died does not hold its issuer', BOUNDED, async () => {
  const data = temporaryFolder()
  await (await startConfigured(named(OLD, data), {})).close()
  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  await store.nodes.beat('it was killed', 0, undefined)
  await store.close()
  await (await startConfigured(named(NEW, data), {})).close()
  assert.equal(await issuerIn(data), `${NEW}/realms/depot`)
})
