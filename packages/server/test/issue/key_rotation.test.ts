// Signing keys change while tokens are out: the drill, over 200 days, with not one verification failing.
// And several processes that rotate at once.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createKeyRing } from '../../src/issue/keys/key_ring.ts'
import { rotateKeys } from '../../src/issue/keys/rotation.ts'
import { MAX_ACCESS_TOKEN_LIFETIME } from '../../src/model/realm.ts'
import type { SigningKey } from '../../src/model/signing_key.ts'
import type { SigningKeyStore } from '../../src/model/store.ts'
import { openSqliteStore } from '../../src/store/adapters/sqlite.ts'
import { startConfigured } from '../harness/server.ts'
import { startEcho } from '../harness/upstream.ts'
import { realm as storedRealm } from '../store/samples.ts'
import type { DrillRealm } from './key_drill.ts'
import { Drill } from './key_drill.ts'
import { DAY, random, realm } from './keys.ts'
import { API, hashed, secretOf } from './orders.ts'

const START = Date.UTC(2027, 0, 1) / 1000
const HOUR = 3600
const STEP = 12 * HOUR
const MINUTE_MS = 60_000
/** A retired key goes when nothing it signed can be alive, and a day later. */
const KEPT = MAX_ACCESS_TOKEN_LIFETIME + DAY

/** How many keys the schedule has published at `age` seconds: each from `publishAhead` before it signs until KEPT after the next one does. */
function due({ every, publishAhead }: DrillRealm, age: number): number {
  let count = 0
  for (let signsAt = 0; signsAt - publishAhead <= age; signsAt += every) if (age < signsAt + every + KEPT) count++
  return count
}

test('for 200 days no verification fails, whoever verifies, while keys come and go on schedule', { timeout: 110_000 }, async (t) => {
  const realms = [
    { id: 'elliptic', algorithm: 'ES256', every: 30 * DAY, publishAhead: DAY },
    { id: 'rsa', algorithm: 'RS256', every: 40 * DAY, publishAhead: 12 * HOUR },
  ] as const
  const client = { clientId: 'partner', secret: secretOf('partner') }
  mock.timers.enable({ apis: ['setInterval'] })
  const echo = await startEcho()
  let now = START
  const server = await startConfigured(
    {
      realms: realms.map(({ id, algorithm, every, publishAhead }) => ({
        id,
        algorithm,
        keyRotation: { every, publishAhead },
        audiences: [API],
        accessTokenLifetime: '31d',
        clients: [{ clientId: client.clientId, secret: hashed(client.secret), introspects: true }],
      })),
      apis: realms.map(({ id }) => ({ id, realm: id, upstream: echo.origin })),
    },
    {},
    () => now,
  )
  t.after(async () => {
    mock.timers.reset()
    await server.close()
    await echo.close()
  })
  const drills = realms.map((one) => new Drill(server.origin, one, client))

  for (; now < START + 200 * DAY; now += STEP) {
    for (const drill of drills) await drill.refetch(now)
    mock.timers.tick(MINUTE_MS)
    for (const drill of drills) {
      // What the minute's tasks began is over when the set is as the schedule says; if it never is, the test's time ends.
      while ((await drill.jwks(now)).keys.length !== due(drill.realm, now - START)) await turn()
      await drill.mint(now)
      await drill.verify(now)
    }
  }

  for (const { realm: of, published, signed, most, verified } of drills) {
    assert.ok(most <= 4, `${most} keys at once`)
    assert.equal(signed.size, Math.ceil((200 * DAY) / of.every), 'keys that signed')
    const [first, ...later] = signed
    assert.deepEqual(first?.[1], START)
    for (const [kid, at] of later)
      assert.ok(at - (published.get(kid) ?? Number.POSITIVE_INFINITY) >= of.publishAhead, `${kid} was published ahead`)
    t.diagnostic(`${of.id}: ${signed.size} keys signed, at most ${most} at once, ${verified} verifications`)
  }
  assert.deepEqual(server.reports, [])
})

const folder = mkdtempSync(join(tmpdir(), 'countersign-rotation-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('of several processes on one file that rotate at once, one publishes a successor', async () => {
  const file = join(folder, 'race.db')
  const stores = await Promise.all(Array.from({ length: 4 }, () => openSqliteStore({ file })))
  const of = realm(30 * DAY, DAY)
  const optionsOf = (store: SigningKeyStore, now: number) => ({ realm: of, store, masterKey: null, random, now: () => now })
  const [first] = stores
  assert.ok(first)
  await first.realms.put(storedRealm(of.id), { at: START, by: 'configuration' })
  const ring = createKeyRing({
    ...optionsOf(first.signingKeys, START),
    realmId: of.id,
    algorithm: of.algorithm,
    catchUp: async () => undefined,
  })
  await ring.signer()
  for (let round = 1; round <= 5; round++) {
    const now = START + round * 30 * DAY - DAY
    const changed = await Promise.all(stores.map((store) => rotateKeys(optionsOf(store.signingKeys, now))))
    assert.ok(changed.includes(true))
    const keys: readonly SigningKey[] = await first.signingKeys.list(of.id)
    assert.equal(keys.filter((one) => one.activeAt > now).length, 1, `round ${round}`)
  }
  await Promise.all(stores.map((store) => store.close()))
})
