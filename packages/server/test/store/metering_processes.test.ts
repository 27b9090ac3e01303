// Metering across processes: several admit requests on one file as fast as they can while they are killed at random moments.
import assert from 'node:assert/strict'
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sqlStore } from '../../src/store/sql_store.ts'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { sum } from '../ledger/samples.ts'
import { openPlace, startEngines } from './places.ts'
import { NOW } from './samples.ts'

const PROCESSES = 3
const LANES = 8
const DAYS = 9000
const MONTHS = 5000
const KILLS_EACH = 5
const MOST_UNITS = 3

const engines = await startEngines()
const children = new Set<ChildProcessByStdio<null, Readable, Readable>>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Acknowledged {
  readonly units: number
  /** Units of the month used with this request. */
  readonly used: number
}

/** Lets one process admit until it is refused, or is killed after so many lines. */
const life = async (
  place: string,
  name: string,
  share: number,
  killedAfter: number,
  acknowledged: Acknowledged[],
): Promise<'killed' | 'refused'> => {
  const path = fileURLToPath(new URL('./metering_child.ts', import.meta.url))
  const args = ['-C', 'source', path, place, name, `${LANES}`, `${DAYS * share}`, `${MONTHS * share}`]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const closed = once(child, 'close').finally(() => children.delete(child))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  let heard = 0
  for await (const line of createInterface(child.stdout)) {
    const [what, units, day, month] = line.split(' ')
    if (what === 'admitted') {
      assert.equal(day, month)
      acknowledged.push({ units: Number(units), used: Number(month) })
    }
    heard += 1
    if (heard === killedAfter) child.kill('SIGKILL')
  }
  const [code, signal] = await closed
  if (signal === 'SIGKILL') return 'killed'
  assert.deepEqual([code, complaint], [0, ''])
  return 'refused'
}

for (const engine of engines) {
  test(`over ${engine.name}: of processes that are killed every acknowledged request is counted, and the excess is at most what was in flight`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const month = MONTHS * engine.share
    const acknowledged: Acknowledged[] = []
    let kills = 0
    const slot = async (n: number): Promise<void> => {
      for (let round = 0; round < KILLS_EACH; round += 1) {
        if (
          (await life(place, `${n}.${round}`, engine.share, 1 + Math.floor(Math.random() * 150 * engine.share), acknowledged)) === 'killed'
        )
          kills += 1
      }
      assert.equal(await life(place, `${n}.last`, engine.share, Number.POSITIVE_INFINITY, acknowledged), 'refused')
    }
    await Promise.all(Array.from({ length: PROCESSES }, (_, n) => slot(n)))
    assert.ok(kills > KILLS_EACH, `${kills}`)

    const sql = await openPlace(place)
    const ledger = sqlLedger(sql)
    const lines = await sqlStore(sql).metering.lines({ from: 0, to: Number.MAX_SAFE_INTEGER }, null, 100_000)
    const requests = lines.reduce((total, line) => total + line.requests, 0)
    const units = lines.reduce((total, line) => total + line.units, 0)
    for (const [name, start] of [
      ['day', NOW - 1000],
      ['month', NOW - 9000],
    ] as const) {
      const meter = { account: 'a/app', name }
      assert.equal(await ledger.used(meter, start), month, 'all of it was charged before the last process was refused, and no more')
      assert.equal(sum(await ledger.breakdown(meter, start, 100)), month)
    }
    assert.equal(units, month, 'the bill is what was charged')
    await sql.close()

    const delivered = acknowledged.reduce((total, one) => total + one.units, 0)
    assert.ok(delivered <= units && acknowledged.length <= requests, `${delivered} of ${units} delivered`)
    assert.ok(requests - acknowledged.length <= kills * LANES, `${requests - acknowledged.length} requests lost in ${kills} kills`)
    assert.ok(units - delivered <= kills * LANES * MOST_UNITS, `${units - delivered} units lost in ${kills} kills`)
  })
}
