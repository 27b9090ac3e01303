// countersign key, in this process, on the data folder of a server that does not run. With a running one: process/key_rotation.test.ts.
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { UsageError } from '../../src/cli/command.ts'
import { command } from '../../src/cli/key.ts'
import { ConfigError } from '../../src/config/error.ts'
import type { Realm } from '../../src/model/realm.ts'
import type { Store } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { realm } from '../store/samples.ts'
import { folder } from './cli.ts'

const DAY = 86_400
const ACT = { at: 1_800_000_000, by: 'configuration' }
const realmOf = (id: string): Realm => realm(id, { algorithm: 'ES256', keyRotation: { every: null, publishAhead: DAY } })

/** Does something with a data folder's store, while no command is running. */
async function within<T>(data: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openSqliteStore({ file: join(data, 'countersign.db') })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** A data folder with these realms, none of which has a key. */
async function dataOf(...ids: string[]): Promise<string> {
  const data = folder()
  await within(data, async (store) => {
    for (const id of ids) await store.realms.put(realmOf(id), ACT)
  })
  return data
}

type Env = Readonly<Record<string, string>>

async function done(args: readonly string[], env: Env = {}): Promise<string> {
  let said = ''
  const code = await command.run(args, { env, out: (text) => (said += text), err: assert.fail })
  assert.equal(code, 0)
  return said
}

async function refused(args: readonly string[], sentence: RegExp, env: Env = {}): Promise<void> {
  const ended = command.run(args, { env, out: assert.fail, err: assert.fail })
  await assert.rejects(ended, (error: unknown) => {
    assert.ok(error instanceof UsageError || error instanceof ConfigError, String(error))
    assert.match(error.message, sentence)
    assert.match(error.message, /^[^\n]+\.$/)
    return true
  })
}

interface Listed {
  readonly realm: string
  readonly kid: string
  readonly alg: string
  readonly state: string
  readonly published_at: string
  readonly signs_from: string
  readonly retired_at: string | null
  readonly removable_at: string | null
}

const listed = async (data: string): Promise<Listed[]> => JSON.parse(await done(['list', '--data', data, '--json'])) as Listed[]
const seconds = (time: string | null): number => Date.parse(time ?? '') / 1000

test('a successor is published a day before it signs, and only one at a time', async () => {
  const data = await dataOf('main')
  assert.match(await done(['rotate', '--data', data]), /^The key \S+ is published and signs from now on\.\n$/)
  const said = await done(['rotate', '--data', data, '--realm', 'main'])
  const keys = await listed(data)
  assert.deepEqual(
    keys.map(({ realm: of, alg, state, retired_at }) => [of, alg, state, retired_at]),
    [
      ['main', 'ES256', 'signing', null],
      ['main', 'ES256', 'published', null],
    ],
  )
  const [, next] = keys
  assert.ok(next)
  assert.ok(Math.abs(seconds(next.signs_from) - seconds(next.published_at) - DAY) <= 2, JSON.stringify(next))
  assert.ok(said.startsWith(`The key ${next.kid} is published. It signs from ${next.signs_from} on`), said)
  await refused(['rotate', '--data', data], new RegExp(`^The key ${next.kid} is published already and signs from .*--now\\.`))
})

test('for a compromised key a new one signs at once, every other is retired, and the lines to remove them are there', async () => {
  const data = await dataOf('main')
  for (let times = 0; times < 2; times++) await done(['rotate', '--data', data])
  const before = await listed(data)
  const said = await done(['rotate', '--now', '--data', data])
  const after = await listed(data)
  assert.deepEqual(
    after.map((one) => one.state),
    ['retired', 'retired', 'signing'],
  )
  assert.match(said, /A verifier that has the JWK Set in its cache refuses the new tokens until it fetches it again/)
  const lines = said.split('\n').filter((line) => line.startsWith('  countersign key remove'))
  assert.deepEqual(
    lines,
    before.map((one) => `  countersign key remove --realm main --kid ${one.kid}`),
  )
  for (const line of lines) assert.match(await done([...line.trim().split(' ').slice(2), '--data', data]), /verify no longer/)
  assert.deepEqual(await listed(data), after.slice(2))
})

test('a key that waits can be retired, and says when it goes', async () => {
  const data = await dataOf('main')
  for (let times = 0; times < 2; times++) await done(['rotate', '--data', data])
  const { kid = '' } = (await listed(data))[1] ?? {}
  await done(['retire', '--kid', kid, '--data', data])
  const retired = (await listed(data))[1]
  assert.equal(retired?.state, 'retired')
  assert.equal(seconds(retired.removable_at) - seconds(retired.retired_at), 32 * DAY)
  await refused(['retire', '--kid', kid, '--data', data], /is retired since .*: there is nothing to be done\.$/m)
  assert.match(await done(['rotate', '--data', data]), /is published/, 'and another one may follow')
})

test('the key that signs is neither retired nor removed, and the mend is named', async () => {
  const data = await dataOf('main', 'other')
  await done(['rotate', '--realm', 'main', '--data', data])
  const { kid = '' } = (await listed(data))[0] ?? {}
  for (const word of ['retire', 'remove']) {
    await refused(
      [word, '--realm', 'main', '--kid', kid, '--data', data],
      /is the one that signs: .*`countersign key rotate --now --realm main`\.$/m,
    )
    await refused([word, '--realm', 'other', '--kid', kid, '--data', data], /^The realm other has no key of that name: /)
    await refused([word, '--realm', 'main', '--data', data], /^It is not said which key: /)
  }
})

test('the list is aligned, of all realms or of one, and by the environment alone', async () => {
  const data = await dataOf('a', 'longer-name')
  for (const id of ['a', 'longer-name']) await done(['rotate', '--realm', id, '--data', data])
  const lines = (await done(['list'], { COUNTERSIGN_DATA: data })).trimEnd().split('\n')
  assert.equal(lines.length, 3)
  assert.match(lines[0] ?? '', /^REALM {8}KID +ALG {4}STATE {4}PUBLISHED +SIGNS FROM +RETIRED {2}REMOVABLE$/)
  assert.equal(new Set(lines.map((line) => line.search(/STATE|signing/))).size, 1)
  assert.match(lines[1] ?? '', /^a +\S{43} {2}ES256 {2}signing {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}\S+Z {2}- {8}-$/)
  assert.equal((await done(['list', '--realm', 'a', '--data', data])).trimEnd().split('\n').length, 2)
})

test('each change is in the audit trail, with the name of who made it', async () => {
  const data = await dataOf('main')
  for (let times = 0; times < 2; times++) await done(['rotate', '--now', '--data', data])
  await done(['remove', '--kid', (await listed(data))[0]?.kid ?? '', '--data', data])
  const rows = await within(data, (store) => store.audit.read({ after: 0, limit: 100 }))
  assert.deepEqual(
    rows.filter((row) => row.event.startsWith('key.')).map((row) => [row.event, row.by]),
    ['key.added', 'key.added', 'key.retired', 'key.removed'].map((event) => [event, `command ${userInfo().username}`]),
  )
})

test('sealed keys need the configuration with the master key, and the new one is sealed too', async () => {
  const data = folder()
  const file = join(data, 'countersign.json')
  const clients = [{ clientId: 'one', secret: { hash: `sha256:${'A'.repeat(43)}` } }]
  const env = { MASTER: '6d'.repeat(32) }
  writeFileSync(file, JSON.stringify({ masterKey: { env: 'MASTER' }, data: '.', realms: [{ id: 'main', clients }] }))
  await within(data, (store) => store.realms.put(realmOf('main'), ACT))
  await done(['rotate', '--config', file], env)
  await refused(['rotate', '--data', data], /^The signing keys are sealed: .* --config FILE\.$/m)
  await refused(['rotate', '--config', file], /masterKey is not the key they were sealed under/, { MASTER: '7d'.repeat(32) })
  await done(['rotate'], { ...env, COUNTERSIGN_CONFIG: file })
  const keys = await within(data, (store) => store.signingKeys.list('main'))
  assert.deepEqual(
    keys.map((one) => one.privateKey.slice(0, 10)),
    ['sealed:v1:', 'sealed:v1:'],
  )
  assert.equal((await listed(data)).length, 2, 'to look needs no master key')
})

test('a place without a database is told, and left as it is', async () => {
  const empty = folder()
  await refused(['list', '--data', empty], /^There is no database .*countersign\.db: .*--data DIR\.$/m)
  await refused(['list', '--data', join(empty, 'absent')], /^There is no database /)
  assert.deepEqual(readdirSync(empty), [])
  await refused(['list'], /^It is not said where the data is: .*--data DIR.*--config FILE\.$/m)
  const file = join(empty, 'countersign.json')
  writeFileSync(file, JSON.stringify({ realms: [{ id: 'main', clients: [] }] }))
  await refused(['list', '--config', file], /^The configuration keeps its state in memory, .*--data DIR\.$/m)
  await refused(['list', '--database', 'postgres://x@127.0.0.1:1/z'], /^postgres:\/\/127\.0\.0\.1:1\/z cannot be reached: [^\n]+\.$/)
})

test('a wrong line is told what is right', async () => {
  const data = await dataOf('main', 'other')
  for (const word of ['list', 'rotate', 'retire', 'remove']) assert.match(command.usage, new RegExp(`countersign key ${word} `))
  await refused([], /list, rotate, retire, remove/)
  await refused(['turn'], /list, rotate, retire, remove/)
  await refused(['rotate', '--data', data], /main, other/)
  await refused(['rotate', '--realm', 'mian', '--data', data], /main, other/)
  await refused(['list', 'main', '--data', data], /^'main' is a word too many/)
})
