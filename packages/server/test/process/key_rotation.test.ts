// Signing keys changed by command while a server runs on the same data folder: what it signs with, and what still verifies.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { BOUNDED, run, serve, temporaryFolder } from './program.ts'
import { callApi, clientCredentials, DESK, isActive, jwks, startUpstream, tokensOf, writeShop } from './shop.ts'

let upstream: string
before(async () => {
  upstream = await startUpstream()
})

interface Listed {
  readonly kid: string
  readonly state: string
}

async function command(data: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(['key', ...args, '--data', data]).ended
  assert.deepEqual([code, stderr], [0, ''], stderr)
  return stdout
}

const listed = async (data: string): Promise<Listed[]> => JSON.parse(await command(data, 'list', '--json')) as Listed[]
const token = async (origin: string): Promise<string> => tokensOf(await clientCredentials(origin, DESK)).access
const kidOf = (text: string): string => decodeProtectedHeader(text).kid ?? ''

/** Asks until it is so; a test whose time ends before that has failed. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(20)
}

test('a compromised key is replaced at once, its tokens verify until it is removed, and then nowhere', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const server = await serve(['--config', await writeShop(folder, upstream), '--data', data])
  const { origin } = server
  const old = await token(origin)
  const oldKid = kidOf(old)

  const said = await command(data, 'rotate', '--now')
  await until(async () => kidOf(await token(origin)) !== oldKid)
  const fresh = await token(origin)
  assert.match(said, new RegExp(`^The key ${kidOf(fresh)} signs from now on`))
  assert.ok(said.includes(`countersign key remove --realm shop --kid ${oldKid}\n`), said)
  for (const one of [old, fresh]) {
    assert.equal(await isActive(origin, one), true)
    // A second time: the guard remembers it now.
    for (let time = 0; time < 2; time++) assert.equal((await callApi(origin, one)).status, 200)
  }

  await command(data, 'remove', '--kid', oldKid)
  await until(async () => (await callApi(origin, old)).status === 401)
  await until(async () => !(await isActive(origin, old)))
  assert.deepEqual(
    (await jwks(origin)).keys.map((one) => one.kid),
    [kidOf(fresh)],
  )
  assert.equal((await callApi(origin, fresh)).status, 200)
  assert.equal((await server.end('SIGTERM')).code, 0)
})

test('of two rotations at once one publishes a successor, which the running server shows before it signs', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const { origin } = await serve(['--config', await writeShop(folder, upstream), '--data', data])
  const signing = kidOf(await token(origin))
  const endings = await Promise.all([1, 2, 3].map(() => run(['key', 'rotate', '--realm', 'shop', '--data', data]).ended))
  assert.deepEqual(
    endings.map((one) => one.code ?? -1).sort((a, b) => a - b),
    [0, 2, 2],
  )
  const keys = await listed(data)
  assert.deepEqual(
    keys.map((one) => [one.kid === signing, one.state]),
    [
      [true, 'signing'],
      [false, 'published'],
    ],
  )
  await until(async () => (await jwks(origin)).keys.length === 2)
  assert.equal(kidOf(await token(origin)), signing)
  assert.equal((await jwks(origin)).keys[0]?.kid, signing, 'the one that signs stands first')
})

/** Callers at once, each with its own tokens. */
const CALLERS = 10
const ROTATIONS = 2

test('while keys are replaced at once under load, no valid token is refused anywhere', BOUNDED, async (t) => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const { origin } = await serve(['--config', await writeShop(folder, upstream), '--data', data])
  const kids = new Set<string>()
  const rotations = { over: false }
  let shown = 0
  const caller = async (): Promise<void> => {
    const tokens: string[] = []
    do {
      const fresh = await token(origin)
      kids.add(kidOf(fresh))
      tokens.push(fresh)
      // The newest, the oldest, and one from in between.
      for (const one of [fresh, tokens[0] ?? '', tokens[tokens.length >> 1] ?? '']) {
        assert.equal((await callApi(origin, one)).status, 200)
        assert.equal(await isActive(origin, one), true)
        shown += 1
      }
    } while (!rotations.over || kids.size <= ROTATIONS)
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, caller))
  for (let time = 0; time < ROTATIONS; time++) await command(data, 'rotate', '--now')
  rotations.over = true
  await callers
  t.diagnostic(`${shown} tokens shown, of ${kids.size} keys`)
  assert.equal(kids.size, ROTATIONS + 1)
})

test('what was changed while no server ran is there at the next start', BOUNDED, async () => {
  const folder = temporaryFolder()
  const data = join(folder, 'data')
  const args = ['--config', await writeShop(folder, upstream), '--data', data]
  const first = await serve(args)
  const old = await token(first.origin)
  await first.end('SIGTERM')
  await command(data, 'rotate', '--now', '--realm', 'shop')
  await command(data, 'remove', '--realm', 'shop', '--kid', kidOf(old))
  const [only] = await listed(data)
  const second = await serve(args)
  assert.equal(kidOf(await token(second.origin)), only?.kid)
  assert.equal((await callApi(second.origin, old)).status, 401)
})
