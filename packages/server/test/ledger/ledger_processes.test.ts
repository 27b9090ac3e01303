// The ledger across processes: several charge one file as fast as they can while they are killed at random moments.
import assert from 'node:assert/strict'
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sqlLedger } from '../../src/store/tables/ledger.ts'
import { openPlace, startEngines } from '../store/places.ts'
import { METER, NOVEMBER, sum } from './samples.ts'

const PROCESSES = 3
const LANES = 8
const ALL = 6000
const KILLS_EACH = 5
const MOST_UNITS = 3

const engines = await startEngines()
const children = new Set<ChildProcessByStdio<null, Readable, Readable>>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

interface Acknowledged {
  readonly units: number
  /** Units of the window used with this charge. */
  readonly used: number
}

/** Lets one process charge until it is refused, or is killed after so many receipts. */
const life = async (
  place: string,
  name: string,
  limit: number,
  killedAfter: number,
  acknowledged: Acknowledged[],
): Promise<'killed' | 'refused'> => {
  const path = fileURLToPath(new URL('./charge_child.ts', import.meta.url))
  const child = spawn(process.execPath, ['-C', 'source', path, place, name, `${LANES}`, `${limit}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const closed = once(child, 'close').finally(() => children.delete(child))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  let heard = 0
  for await (const line of createInterface(child.stdout)) {
    const [units = Number.NaN, used = Number.NaN] = line.split(' ').map(Number)
    acknowledged.push({ units, used })
    heard += 1
    if (heard === killedAfter) child.kill('SIGKILL')
  }
  const [code, signal] = await closed
  if (signal === 'SIGKILL') return 'killed'
  assert.deepEqual([code, complaint], [0, ''])
  return 'refused'
}

for (const engine of engines) {
  test(`over ${engine.name}: processes that are killed while they charge never get more than the limit, and lose at most what was in flight`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const limit = ALL * engine.share
    const acknowledged: Acknowledged[] = []
    let kills = 0
    const slot = async (name: string): Promise<void> => {
      for (let n = 0; n < KILLS_EACH; n += 1) {
        if ((await life(place, name, limit, 1 + Math.floor(Math.random() * 150 * engine.share), acknowledged)) === 'killed') kills += 1
      }
      assert.equal(await life(place, name, limit, Number.POSITIVE_INFINITY, acknowledged), 'refused')
    }
    await Promise.all(Array.from({ length: PROCESSES }, (_, n) => slot(`process ${n}`)))
    assert.ok(kills > KILLS_EACH, `${kills}`)

    const sql = await openPlace(place)
    const ledger = sqlLedger(sql)
    const used = await ledger.used(METER, NOVEMBER.start)
    const delivered = acknowledged.reduce((total, { units }) => total + units, 0)
    assert.equal(used, limit, 'all of it was charged before the last process was refused, and no more')
    assert.ok(delivered <= used, `${delivered} delivered`)
    assert.ok(used - delivered <= kills * LANES * MOST_UNITS, `${used - delivered} lost in ${kills} kills`)
    assert.equal(sum(await ledger.breakdown(METER, NOVEMBER.start, 100)), used)
    await sql.close()

    // Each receipt is for units of its own: (used - units, used], and nobody else's.
    let last = 0
    for (const { units, used: numbered } of acknowledged.toSorted((a, b) => a.used - b.used)) {
      assert.ok(numbered - units >= last, `${numbered} was delivered twice`)
      last = numbered
    }
  })
}
