// A node among others, with a clock and a database of the test's: who lives, who leads, and when it stops.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease, NodeSeen } from '../../src/model/nodes.ts'
import { createNode } from '../../src/server/nodes.ts'

function world() {
  const clock = { ms: 0 }
  const beats = new Map<string, number>()
  let lease: Lease = { holder: '', beat: 0 }
  const away = new Set<string>()
  const nodes = {
    async enter(id: string) {
      if (away.has(id)) throw new Error('away')
      beats.set(id, 1)
    },
    async beat(id: string, _startedAt: number, claim: Lease | undefined) {
      if (away.has(id)) throw new Error('away')
      beats.set(id, (beats.get(id) ?? 0) + 1)
      if (!claim || (claim.holder === id ? lease.holder !== id : claim.holder !== lease.holder || claim.beat !== lease.beat)) return false
      lease = { holder: id, beat: lease.beat + 1 }
      return true
    },
    async leave(id: string) {
      beats.delete(id)
      if (lease.holder === id) lease = { holder: '', beat: lease.beat + 1 }
    },
    async forget(silent: readonly NodeSeen[]) {
      for (const { id } of silent) beats.delete(id)
      return silent.length
    },
  }
  const join = (id: string) => createNode({ nodes, id, startedAt: 0, ticks: () => clock.ms })
  type Joined = ReturnType<typeof join>
  const look = (node: Joined): void => node.see({ lease, nodes: [...beats].map(([id, beat]) => ({ id, beat })) })
  /** Half a second of everybody's life. */
  const pass = async (seconds: number, all: readonly Joined[]): Promise<void> => {
    for (let half = 0; half < seconds * 2; half++) {
      clock.ms += 500
      for (const node of all) {
        if (away.has(node.id)) continue
        look(node)
        if (half % 3 === 0) await node.beat()
      }
    }
  }
  return { clock, beats, away, join, look, pass }
}

test('a node gives signs of life while it starts; one that does not start has said goodbye', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { away, beats, join } = world()
  const a = join('a')
  const started = await a.enter(async () => {
    assert.equal(beats.get('a'), 1)
    for (const beat of [2, 3]) {
      t.mock.timers.tick(1500)
      assert.equal(beats.get('a'), beat)
    }
    return 'started'
  })
  assert.equal(started, 'started')
  t.mock.timers.tick(1500)
  assert.equal(beats.get('a'), 3, 'the tasks go on with it')
  const fault = (): Promise<never> => Promise.reject(new Error('not here'))
  await assert.rejects(a.enter(fault), /not here/)
  t.mock.timers.tick(1500)
  assert.equal(beats.has('a'), false)
  away.add('a')
  await assert.rejects(a.enter(fault), /away/)
})

test('nodes count each other, a killed one is gone after five seconds of silence, and one that says goodbye at once', async () => {
  const { away, join, look, pass } = world()
  const [a, b, c] = [join('a'), join('b'), join('c')]
  await pass(3, [a, b, c])
  assert.deepEqual([a.live(), b.live(), c.live()], [3, 3, 3])
  away.add('c')
  await pass(3, [a, b])
  assert.equal(a.live(), 3, 'it might be slow')
  await pass(4, [a, b])
  assert.deepEqual([a.live(), b.live()], [2, 2])
  await b.leave()
  look(a)
  assert.equal(a.live(), 1)
})

test('rows that dead nodes left behind count for nobody who starts, and are forgotten in time', async () => {
  const { beats, join, pass } = world()
  beats.set('dead-1', 7).set('dead-2', 900)
  const a = join('a')
  await pass(1, [a])
  assert.equal(a.live(), 1)
  await a.sweep()
  assert.equal(beats.size, 3)
  await pass(61, [a])
  await a.sweep()
  assert.deepEqual([...beats.keys()], ['a'])
})

test('a node that cannot reach the database counts as many as there were', async () => {
  const { clock, join, pass } = world()
  const [a, b] = [join('a'), join('b')]
  await pass(3, [a, b])
  clock.ms += 60_000
  assert.equal(a.live(), 2)
})

test('one leads; cut off it stops before another begins; it takes nothing back when it returns', async () => {
  const { away, clock, join, pass } = world()
  const [a, b, c] = [join('a'), join('b'), join('c')]
  const all = [a, b, c]
  const leaders = (): string[] => all.filter((node) => node.leads()).map((node) => node.id)
  await pass(3, all)
  const [first] = leaders()
  assert.ok(first)
  assert.equal(leaders().length, 1)
  away.add(first)
  for (let half = 0; half < 30; half++) {
    await pass(0.5, all)
    assert.ok(leaders().length <= 1, `two lead at ${clock.ms}`)
  }
  const [second] = leaders()
  assert.ok(second !== undefined && second !== first)
  away.delete(first)
  await pass(6, all)
  assert.deepEqual(leaders(), [second])
})

test('nobody leads by a clock alone: a leader that was asleep knows at once that it may lead no more', async () => {
  const { clock, join, pass } = world()
  const a = join('a')
  await pass(3, [a])
  assert.equal(a.leads(), true)
  clock.ms += 4000
  assert.equal(a.leads(), false)
  await pass(2, [a])
  assert.equal(a.leads(), true)
})
