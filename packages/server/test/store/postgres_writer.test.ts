// The writer by itself, over a connection made for the test: what leaves with one write, how often a unit begins, and when its callers hear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Answer } from '../../src/store/adapters/postgres_link.ts'
import { createWriter } from '../../src/store/adapters/postgres_writer.ts'
import type { Statement, Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'

/** `events`: each write with what left in it, and what the test adds. */
const fakeWriter = () => {
  const events: string[] = []
  let gathered: string[] = []
  let release: (() => void)[] = []
  let held = false
  const leave = (): void => {
    held = false
    events.push(gathered.join(', '))
    const answered = release
    gathered = []
    release = []
    setImmediate(() => {
      for (const one of answered) one()
    })
  }
  const ask = (said: string): Promise<Answer> =>
    new Promise((resolve) => {
      gathered.push(said)
      release.push(() => resolve({ rows: [], count: 1, command: said }))
      if (!held) leave()
    })
  const link = {
    run: (asked: Statement) => ask(asked.sql.startsWith('WITH moved') ? 'mark' : asked.sql),
    say: ask,
    hold: () => {
      held = true
      return leave
    },
    isBroken: () => false,
    end: () => Promise.resolve(),
    destroy: () => undefined,
    mark: { id: 'mine', number: 0 },
  }
  const keeper = { get: () => Promise.resolve(link), away: () => undefined, close: () => Promise.resolve() }
  const writer = createWriter({ keeper, random: () => 0, monotonic: () => 0, patience: 1000, place: 'nowhere', user: 'nobody' })
  return { writer, events }
}

const blind = (sql: string): Statement => ({ ...statement(sql), blind: true })

function* unitOf(...asked: readonly Statement[]): Unit<number> {
  let last = 0
  for (const one of asked) last = yield one
  return last
}

test('a transaction that waits for nothing leaves with one write', async () => {
  const { writer, events } = fakeWriter()
  await writer.write(() => unitOf(blind('a'), blind('b')))
  assert.deepEqual(events, ['BEGIN, a, b, mark, COMMIT'])
})

test('one that waits leaves up to there, and what follows with the commit', async () => {
  const { writer, events } = fakeWriter()
  assert.equal(await writer.write(() => unitOf(blind('a'), statement('b'), statement('c'))), 1)
  assert.deepEqual(events, ['BEGIN, a, b', 'c', 'mark, COMMIT'])
})

test('one that fails by itself takes back what was held', async () => {
  const { writer, events } = fakeWriter()
  const failing = function* (): Unit<void> {
    yield blind('a')
    throw new RangeError('no')
  }
  await assert.rejects(
    writer.write(() => failing()),
    RangeError,
  )
  assert.deepEqual(events, ['BEGIN, a', 'ROLLBACK'])
})

test('a unit begins when it is its turn, and once', async () => {
  const { writer, events } = fakeWriter()
  const unit = (name: string, asked: Statement) => () => {
    events.push(`${name} begins`)
    return unitOf(asked)
  }
  await Promise.all([
    writer.write(unit('first', blind('a'))),
    writer.write(unit('second', { ...blind('b'), shares: true })),
    writer.write(unit('third', { ...blind('c'), shares: true })),
    writer.write(unit('fourth', blind('d'))),
  ])
  assert.deepEqual(events, [
    'first begins',
    'BEGIN, a, mark, COMMIT',
    'second begins',
    'third begins',
    'fourth begins',
    'BEGIN, b, c, mark, COMMIT',
    'BEGIN, d, mark, COMMIT',
  ])
})

test('callers hear of their commit when the next batch has left', async () => {
  const { writer, events } = fakeWriter()
  const write = async (name: string): Promise<void> => {
    await writer.write(() => unitOf(blind(name)))
    events.push(`${name} is told`)
  }
  await Promise.all([write('a'), write('b')])
  assert.deepEqual(events, ['BEGIN, a, mark, COMMIT', 'BEGIN, b, mark, COMMIT', 'a is told', 'b is told'])
})

/** A unit that says what was asked until it began. */
const gathered = (events: string[], asked: readonly string[]) =>
  function* (): Unit<void> {
    events.push(`begins with ${asked.join(' and ')}`)
    yield blind('a')
  }

test('what the next turns ask for joins a batch that follows on none', async () => {
  const { writer, events } = fakeWriter()
  const asked = ['the first']
  const written = writer.write(gathered(events, asked))
  await turn()
  asked.push('the second')
  await turn()
  asked.push('the third')
  await written
  assert.deepEqual(events, ['begins with the first and the second and the third', 'BEGIN, a, mark, COMMIT'])
})

test('a batch that gathered behind another leaves in the turn in which that one ends', async () => {
  const { writer, events } = fakeWriter()
  const before = writer.write(() => unitOf(blind('before')))
  while (events.length === 0) await turn()
  const behind = writer.write(() => unitOf(blind('behind')))
  await turn()
  await turn()
  assert.deepEqual(events, ['BEGIN, before, mark, COMMIT', 'BEGIN, behind, mark, COMMIT'])
  await Promise.all([before, behind])
})
