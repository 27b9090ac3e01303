// The lock between processes, step by step: machines and processes are made up, the files are real.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { unlinkSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import type { LockOptions } from '../../src/caches/lock_file.ts'
import { createLockFile } from '../../src/caches/lock_file.ts'
import { acquire } from '../../src/caches/lock_wait.ts'
import { readMachine } from '../../src/caches/machine_env.ts'

async function newFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'call-lock-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return join(folder, 'lock')
}

/** Processes of one host, of which the dead are known. */
function processOf(pid: number, dead: ReadonlySet<number> = new Set(), host = 'here'): LockOptions {
  const machine = { pid, startedAt: '1', host, isAlive: (other: number) => !dead.has(other) }
  return { machine, monotonic: () => performance.now(), nonce: `nonce-${pid}` }
}

const waiting = { monotonic: () => performance.now(), random: Math.random, waitMs: 30_000 }

test('of many who try at once one gets the lock, and after it the next', async (t) => {
  const folder = await newFolder(t)
  const attempts = Array.from({ length: 20 }, (_, index) => createLockFile(folder, processOf(index + 1)))
  for (let round = 0; round < 5; round++) {
    const got = (await Promise.all(attempts.map((attempt) => attempt()))).filter((one) => one !== undefined)
    assert.equal(got.length, 1)
    await got[0]?.()
  }
})

test('two are never inside at once, although every third dies there and is stolen from', async (t) => {
  const folder = await newFolder(t)
  const dead = new Set<number>()
  let [inside, most, deaths, turns] = [0, 0, 0, 0]
  const live = async (pid: number): Promise<void> => {
    for (let round = 0; round < 12; round++) {
      const me = pid * 1000 + round
      const release = await acquire(createLockFile(folder, processOf(me, dead)), waiting)
      assert.ok(release)
      most = Math.max(most, ++inside)
      turns++
      await turn()
      inside--
      if (turns % 3 === 0) {
        deaths++
        dead.add(me)
        t.after(release)
      } else await release()
    }
  }
  await Promise.all([1, 2, 3, 4, 5, 6].map(live))
  assert.equal(most, 1)
  assert.deepEqual([turns, deaths], [72, 24])
})

test('a living holder on this host keeps its lock, and a dead one loses it at once', async (t) => {
  const folder = await newFolder(t)
  const dead = new Set<number>()
  const release = await createLockFile(folder, processOf(1))()
  assert.ok(release)
  t.after(release)
  const attempt = createLockFile(folder, processOf(2, dead))
  assert.equal(await attempt(), undefined)
  dead.add(1)
  const stolen = await attempt()
  assert.ok(stolen)
  await stolen()
})

test('a beat that is still on its way to the disk does not hold the lock behind its release', async (t) => {
  const folder = await newFolder(t)
  const release = await createLockFile(folder, { ...processOf(1), beatMs: 5 })()
  assert.ok(release)
  const written = Promise.withResolvers<void>()
  const beaten = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const file = await open(join(folder, '1'))
  const handles = Object.getPrototypeOf(file) as FileHandle
  const write = Reflect.get(handles, 'write') as (this: FileHandle, text: string, position: number) => Promise<unknown>
  t.mock.method(handles, 'write', async function (this: FileHandle, text: string, position: number) {
    if (text === 'held') {
      begun.resolve()
      // Later than the release, if that does not wait for it.
      await Promise.race([written.promise, pause(50)])
      await write.call(this, text, position)
      return beaten.resolve()
    }
    await write.call(this, text, position)
    written.resolve()
    return beaten.promise
  })
  await file.close()
  await begun.promise
  await release()
  assert.match(await readFile(join(folder, '1'), 'utf8'), /^free/)
})

test('a holder on another host, or that was killed while it wrote its name, loses the lock when its beat was not seen for long', async (t) => {
  for (const elsewhere of [true, false]) {
    const folder = await newFolder(t)
    const release = await createLockFile(folder, { ...processOf(1, new Set(), 'there'), beatMs: 1_000_000 })()
    assert.ok(release)
    if (!elsewhere) await writeFile(join(folder, '1'), '')
    t.after(release)
    let at = 0
    const attempt = createLockFile(folder, { ...processOf(2, new Set([1])), monotonic: () => at, staleMs: 15_000 })
    assert.equal(await attempt(), undefined)
    at = 14_000
    assert.equal(await attempt(), undefined)
    await utimes(join(folder, '1'), 1, 1)
    at = 20_000
    assert.equal(await attempt(), undefined, 'it has just been seen to beat, at whatever time its clock shows')
    at = 35_000
    const stolen = await attempt()
    assert.ok(stolen)
    await stolen()
  }
})

test('the holder beats while it holds', async (t) => {
  const folder = await newFolder(t)
  const release = await createLockFile(folder, { ...processOf(1), beatMs: 5 })()
  assert.ok(release)
  t.after(release)
  await utimes(join(folder, '1'), 1, 1)
  // Without a beat this never ends, and the runner ends it.
  while ((await stat(join(folder, '1'))).mtimeMs <= 1000) await turn()
})

test('one who was taken for dead and comes back does not open the lock of the one who came after', async (t) => {
  const folder = await newFolder(t)
  const dead = new Set([1])
  const first = await createLockFile(folder, { ...processOf(1), beatMs: 5 })()
  const second = await createLockFile(folder, processOf(2, dead))()
  assert.ok(first && second)
  await first()
  assert.equal(await createLockFile(folder, processOf(3, dead))(), undefined)
  await second()
  const third = await createLockFile(folder, processOf(3, dead))()
  assert.ok(third)
  await third()
})

test('one who slept between looking and taking, while the number was used and swept, does not hold the lock', async (t) => {
  const folder = await newFolder(t)
  const stale = await createLockFile(folder, processOf(1))()
  assert.ok(stale)
  t.after(stale)
  const sleeper = processOf(2)
  const isAlive = (): boolean => {
    // Meanwhile others took 2 and 3, and the one of 3 swept 2.
    writeFileSync(join(folder, '3'), 'held {}')
    return false
  }
  assert.equal(await createLockFile(folder, { ...sleeper, machine: { ...sleeper.machine, isAlive } })(), undefined)
  assert.deepEqual((await readdir(folder)).sort(), ['1', '3'])
  unlinkSync(join(folder, '3'))
})

test('ended locks are swept when they are old, but for the highest and the one before', async (t) => {
  const folder = await newFolder(t)
  for (let count = 0; count < 5; count++) await (await createLockFile(folder, processOf(1))())?.()
  assert.deepEqual((await readdir(folder)).sort(), ['1', '2', '3', '4', '5'])
  for (const name of ['1', '2', '4', '5']) await utimes(join(folder, name), 1, 1)
  await (await createLockFile(folder, processOf(1))())?.()
  assert.deepEqual((await readdir(folder)).sort(), ['2', '3', '4', '5', '6'], 'up to the first whose successor is young')
  for (const name of ['2', '3', '4', '5', '6']) await utimes(join(folder, name), 1, 1)
  await (await createLockFile(folder, processOf(1))())?.()
  assert.deepEqual((await readdir(folder)).sort(), ['6', '7'])
  assert.match(await readFile(join(folder, '7'), 'utf8'), /^free/)
})

test('a lock that does not come is given up in time', async (t) => {
  const folder = await newFolder(t)
  const release = await createLockFile(folder, processOf(1))()
  assert.ok(release)
  t.after(release)
  assert.equal(await acquire(createLockFile(folder, processOf(2)), { ...waiting, waitMs: 30 }), undefined)
  assert.equal(await acquire(createLockFile(folder, processOf(2)), { ...waiting, monotonic: () => 0, waitMs: 30 }), undefined)
})

test('a process is told from one that ended and from a later one with its pid', async () => {
  const machine = readMachine()
  assert.equal(machine.pid, process.pid)
  assert.equal(machine.isAlive(process.pid, machine.startedAt), true)
  if (machine.startedAt !== undefined) assert.equal(machine.isAlive(process.pid, 'earlier'), false)
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  assert.equal(machine.isAlive(child.pid ?? 0, undefined), false)
})
