// Which secrets are safe to drop: only one that nobody used for a day while the client used another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientSecret } from '../../src/model/client.ts'
import { isLive, secretVerdict } from '../../src/model/secret_verdict.ts'

const NOW = 1_800_000_000
const HOUR = 3600

interface Case {
  /** Hours ago; undefined: never. */
  readonly used?: number
  readonly made?: number
  /** Hours from now; undefined: no end. */
  readonly ends?: number
}

/** The verdict of the first, beside the others. */
function verdict(...cases: readonly Case[]): string {
  const secrets = cases.map(
    ({ made = 1000, ends }, index): ClientSecret => ({
      id: `secret_${index}`,
      hash: '',
      createdAt: made === Number.POSITIVE_INFINITY ? 0 : NOW - made * HOUR,
      expiresAt: ends === undefined ? null : NOW + ends * HOUR,
      origin: 'command',
      sealed: null,
    }),
  )
  const uses = new Map(
    cases.flatMap(({ used }, index) => {
      const use = { realmId: 'r', clientId: 'c', secretId: `secret_${index}`, count: 1, address: '', lastUsedAt: NOW - (used ?? 0) * HOUR }
      return used === undefined ? [] : [[use.secretId, use] as const]
    }),
  )
  assert.ok(secrets[0])
  return secretVerdict(secrets[0], secrets, uses, NOW)
}

const KEEP = 'unused for 24 h, and no other was used since: keep it'
const DROP = 'unused for 24 h: safe to drop'

test('one that was used within 24 hours is in use, to the second', () => {
  assert.equal(verdict({ used: 0 }), 'in use')
  assert.equal(verdict({ used: 24 }, { used: 0 }), 'in use')
  assert.equal(verdict({ used: 24 + 1 / 3600 }, { used: 0 }), DROP)
})

test('an old one is safe to drop once the client uses another', () => {
  assert.equal(verdict({ used: 25 }, { used: 1 }), DROP)
  assert.equal(verdict({ used: 25, ends: 100 }, { used: 1 }, {}), DROP)
  assert.equal(verdict({ used: 1000 }, { used: 999 }), DROP)
})

test('an old one is kept while no other was used since: the client may come once a month', () => {
  assert.equal(verdict({ used: 25 }), KEEP)
  assert.equal(verdict({ used: 25 }, {}), KEEP)
  assert.equal(verdict({ used: 25 }, { used: 30 }), KEEP)
  assert.equal(verdict({ used: 25 }, { used: 1, ends: -0.5 }), KEEP)
})

test('one that was never used is safe to drop a day after it was made, if the client uses another', () => {
  assert.equal(verdict({ made: 1 }, { used: 0 }), 'never used')
  assert.equal(verdict({ made: 25 }, { used: 1 }), DROP)
  assert.equal(verdict({ made: 25 }, { used: 26 }), 'never used')
  assert.equal(verdict({ made: 25 }), 'never used')
  assert.equal(verdict({ made: 25 }, {}), 'never used')
})

test('one that was never used and is of unknown age is not safe to drop', () => {
  assert.equal(verdict({ made: Number.POSITIVE_INFINITY }, { used: 1 }), 'never used')
})

test('what has ended has ended, at the second it says', () => {
  assert.equal(verdict({ used: 0, ends: 0 }, { used: 0 }), 'ended')
  assert.equal(verdict({ used: 0, ends: 1 / 3600 }, { used: 0 }), 'in use')
  assert.equal(verdict({ ends: -5 }), 'ended')
  assert.equal(isLive({ id: '', hash: '', createdAt: 0, expiresAt: NOW, origin: 'command', sealed: null }, NOW), false)
})
