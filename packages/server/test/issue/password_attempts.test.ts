// The password grant by itself: which attempts cost a look at the password, which leave an audit row, and which are not counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RealmContext } from '../../src/issue/context.ts'
import { password } from '../../src/issue/grants/password.ts'
import { createThrottle } from '../../src/issue/throttle.ts'
import type { Client } from '../../src/model/client.ts'

interface Checked {
  readonly context: RealmContext
  /** Passwords that were looked at. */
  readonly looked: string[]
  /** Audit rows. */
  readonly rows: unknown[]
}

/** What the grant needs of a realm, with a user `ada` whose password takes a turn of the event loop to check. */
function realmOf(verify: (given: string) => Promise<boolean>): Checked {
  const looked: string[] = []
  const rows: unknown[] = []
  const ada = { realmId: 'orders', id: 'user-1', username: 'ada', passwordHash: 'phc', claims: {}, enabled: true }
  const context = {
    realm: { id: 'orders' },
    throttle: createThrottle({ nowMs: () => 0 }),
    store: {
      users: { findByUsername: (_realmId: string, name: string) => Promise.resolve(name === 'ada' ? ada : undefined) },
      audit: {
        append(row: unknown) {
          rows.push(row)
          return Promise.reject(new Error('the disk is full'))
        },
      },
    },
    passwords: {
      async verify(phc: string | undefined, given: string) {
        looked.push(given)
        await new Promise(setImmediate)
        return (await verify(given)) && phc !== undefined
      },
    },
    now: () => 1000,
  }
  return { context: context as unknown as RealmContext, looked, rows }
}

const APP = {
  clientId: 'app',
  grants: ['password'],
  scopes: [],
  defaultScopes: [],
  audiences: [],
  defaultAudience: null,
} as unknown as Client
const CALLER = { address: '192.0.2.1', userAgent: '' }
const authorize = ({ context }: Checked, username: string, given: string): Promise<unknown> =>
  password.authorize(
    context,
    APP,
    new Map([
      ['username', username],
      ['password', given],
    ]),
    CALLER,
  )

test('the password is looked at only for those that were heard', async () => {
  const realm = realmOf(() => Promise.resolve(false))
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => authorize(realm, 'ada', `wrong ${index}`)))
  assert.equal(realm.looked.length, 10)
  assert.ok(outcomes.every((one) => one.status === 'rejected'))
})

test('a wrong password of somebody leaves an audit row without it, and one of nobody leaves none; a full disk changes no answer', async () => {
  const realm = realmOf(() => Promise.resolve(false))
  await assert.rejects(authorize(realm, 'ada', 'a guess'), { code: 'invalid_grant' })
  await assert.rejects(authorize(realm, 'nobody', 'a guess'), { code: 'invalid_grant' })
  const row = { at: 1000, by: 'server', realmId: 'orders', event: 'user.refused', clientId: 'app', address: '192.0.2.1' }
  assert.deepEqual(realm.rows, [{ ...row, detail: { user: 'user-1' } }])
})

test('an attempt that a malfunction ended is not counted', async () => {
  const realm = realmOf((given) => (given === 'broken' ? Promise.reject(new Error('no thread')) : Promise.resolve(given === 'right')))
  for (let time = 0; time < 20; time++) await assert.rejects(authorize(realm, 'ada', 'broken'), /no thread/)
  await authorize(realm, 'ada', 'right')
})

test('many right sign-ins at once wait for each other, and none is refused', async () => {
  const checked = realmOf(() => Promise.resolve(true))
  await Promise.all(Array.from({ length: 60 }, () => authorize(checked, 'ada', 'right')))
  assert.equal(checked.looked.length, 60)
})

test('many wrong ones at once cost ten looks, and all others are told to wait', async () => {
  const checked = realmOf(() => Promise.resolve(false))
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => authorize(checked, 'ada', 'wrong')))
  assert.equal(checked.looked.length, 10)
  const codes = outcomes.map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'let in'))
  assert.deepEqual(codes.toSorted(), [...Array(10).fill('invalid_grant'), ...Array(90).fill('slow_down')])
})
