// A guard elsewhere is one machine more, with a clock of its own: ten seconds apart it judges like the server, beyond that it says so.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Elsewhere } from './elsewhere.ts'
import { BOUNDED, codeOf, followFrom, startElsewhere } from './elsewhere.ts'

let server: Elsewhere
before(async () => {
  server = await startElsewhere()
})
after(() => server.stop())

const behind = (seconds: number) => () => Date.now() / 1000 - seconds

test('a guard whose clock is behind takes a token that was issued now', BOUNDED, async () => {
  const guard = await followFrom(server.origin, { now: behind(8) })
  try {
    for (const client of ['shop', 'reference']) assert.equal(await codeOf(guard, await server.bearer(client)), 'allowed')
  } finally {
    guard.close()
  }
})

test('who allows for more, by either name, gets more', BOUNDED, async () => {
  for (const more of [{ clockLead: 20 }, { clockTolerance: 20 }]) {
    const guard = await followFrom(server.origin, { now: behind(16), ...more })
    try {
      assert.equal(await codeOf(guard, await server.bearer('shop')), 'allowed')
    } finally {
      guard.close()
    }
  }
})

test('a token of further ahead, or of further than was asked for, is refused', BOUNDED, async () => {
  for (const [seconds, more] of [
    [14, {}],
    [4, { clockLead: 0 }],
  ] as const) {
    const guard = await followFrom(server.origin, { now: behind(seconds), ...more })
    try {
      assert.equal(await codeOf(guard, await server.bearer('other')), 'invalid_token')
    } finally {
      guard.close()
    }
  }
})
