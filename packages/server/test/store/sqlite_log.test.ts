// The flush of the log: what it covers, who waits for which, and that nobody is told of a commit that is not on disk.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as pause } from 'node:timers/promises'
import { StoreUnavailable } from '../../src/model/store.ts'
import type { Fdatasync } from '../../src/store/adapters/sqlite_log.ts'
import { openLogFile } from '../../src/store/adapters/sqlite_log.ts'
import { createBatch } from '../../src/store/batch.ts'
import type { Unit } from '../../src/store/sql.ts'
import { statement } from '../../src/store/sql.ts'
import { temporaryFolder } from '../process/program.ts'

type Done = Parameters<Fdatasync>[1]

/** A disk that flushes when it is told to. */
function slowDisk() {
  const flushes: Done[] = []
  const path = join(temporaryFolder(), 'log')
  writeFileSync(path, '')
  return { flushes, log: openLogFile(path, 'the database', (_file, done) => void flushes.push(done)) }
}

const state = async (promise: Promise<unknown>): Promise<string> => {
  await pause()
  const settled = promise.then(
    () => 'told',
    () => 'refused',
  )
  const soon = pause('waiting')
  return Promise.race([settled, soon])
}

test('a flush covers what was asked for before it began, and what comes meanwhile waits for the next', async () => {
  const { flushes, log } = slowDisk()
  const first = log.flush()
  const [second, third] = [log.flush(), log.flush()]
  assert.equal(flushes.length, 1)
  flushes[0]?.(null)
  assert.deepEqual([await state(first), await state(second), flushes.length], ['told', 'waiting', 2])
  flushes[1]?.(null)
  assert.deepEqual([await state(second), await state(third), flushes.length], ['told', 'told', 2])
  log.close()
})

test('a write resolves after its flush; its commit is told before', async () => {
  const { flushes, log } = slowDisk()
  let committed = 0
  const driver = {
    begin: () => true,
    run: () => 1,
    commit: () => void committed++,
    rollback: () => undefined,
    flush: () => log.flush(),
  }
  const batch = createBatch(driver, 10, 'locked')
  const unit = function* (): Unit<string> {
    yield statement('something')
    return 'done'
  }
  const written = batch.write(unit)
  const decided = await batch.commit(unit)
  assert.deepEqual([decided.value, committed, await state(written), await state(decided.durable)], ['done', 1, 'waiting', 'waiting'])
  flushes[0]?.(null)
  assert.deepEqual([await written, await state(decided.durable)], ['done', 'told'])
  log.close()
})

test('a flush that fails is told to all it should have covered, and to nobody else', async () => {
  const { flushes, log } = slowDisk()
  const first = log.flush()
  const second = log.flush()
  flushes[0]?.(Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fdatasync' }))
  await assert.rejects(first, StoreUnavailable)
  flushes[1]?.(null)
  await second
  log.close()
})
