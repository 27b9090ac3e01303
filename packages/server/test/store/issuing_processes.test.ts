// Issuing across processes: several record tokens on one budget of one database while they are killed at random moments.
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
import { METER, sum } from '../ledger/samples.ts'
import { openPlace, startEngines } from './places.ts'
import { NOW } from './samples.ts'

const PROCESSES = 3
const LANES = 8
const KILLS_EACH = 3

const engines = await startEngines()
const children = new Set<ChildProcessByStdio<null, Readable, Readable>>()
after(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Lets one process record until it is refused, or is killed after so many lines. */
const life = async (place: string, name: string, limit: number, kind: string, killedAfter: number, lines: string[]): Promise<boolean> => {
  const path = fileURLToPath(new URL('./issue_child.ts', import.meta.url))
  const args = ['-C', 'source', path, place, name, `${LANES}`, `${limit}`, kind]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const closed = once(child, 'close').finally(() => children.delete(child))
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text
  })
  let heard = 0
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    heard += 1
    if (heard === killedAfter) child.kill('SIGKILL')
  }
  const [code, signal] = await closed
  if (signal === 'SIGKILL') return true
  assert.deepEqual([code, complaint], [0, ''])
  return false
}

const live = async (place: string, share: number, limit: number, kind: string): Promise<{ lines: string[]; kills: number }> => {
  const lines: string[] = []
  let kills = 0
  const slot = async (n: number): Promise<void> => {
    for (let round = 0; round < KILLS_EACH; round += 1) {
      if (await life(place, `${n}.${round}`, limit, kind, 1 + Math.floor(Math.random() * 150 * share), lines)) kills += 1
    }
    assert.equal(await life(place, `${n}.last`, limit, kind, Number.POSITIVE_INFINITY, lines), false)
  }
  await Promise.all(Array.from({ length: PROCESSES }, (_, n) => slot(n)))
  return { lines, kills }
}

for (const engine of engines) {
  test(`over ${engine.name}: processes that are killed while they record never get more than the budget, and every record is whole`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const limit = 3000 * engine.share
    const { lines, kills } = await live(place, engine.share, limit, 'fresh')
    const sql = await openPlace(place)
    const store = sqlStore(sql)
    const ledger = sqlLedger(sql)
    const start = NOW - 1000
    assert.equal(await ledger.used(METER, start), limit)
    assert.equal(sum(await ledger.breakdown(METER, start, 1000)), limit)
    assert.equal(new Set(lines.map((line) => line.split(' ')[2])).size, lines.length, 'no unit was delivered twice')
    assert.ok(lines.length <= limit && limit - lines.length <= kills * LANES, `${limit - lines.length} lost in ${kills} kills`)

    const rows = await store.audit.read({ after: 0, limit: 10 * limit })
    assert.deepEqual(
      rows.map((row) => row.sequence),
      rows.map((_, n) => n + 1),
    )
    const issued = rows.filter((row) => row.event === 'token.issued').map((row) => String(row.detail['id']))
    assert.equal(issued.length, limit, 'one row for each unit charged')
    assert.equal(rows.length, limit + 1, 'and one for the first refusal')
    const known = new Set(issued)
    for (const line of lines) assert.ok(known.has(line.split(' ')[1] ?? ''), `lost: ${line}`)
    for (const id of issued) assert.ok(await store.accessTokens.findOpaque('a', id), `half recorded: ${id}`)
    await sql.close()
  })

  test(`over ${engine.name}: of what processes ask for in common each is recorded once, and nobody is given another`, {
    skip: engine.skip,
  }, async () => {
    const place = await engine.fresh()
    const limit = 400 * engine.share
    const { lines, kills } = await live(place, engine.share, limit, 'shared')
    const sql = await openPlace(place)
    const store = sqlStore(sql)
    assert.equal(await sqlLedger(sql).used(METER, NOW - 1000), limit)
    const issued = (await store.audit.read({ after: 0, limit: 10 * limit, event: 'token.issued' })).map((row) => String(row.detail['id']))
    assert.equal(issued.length, limit)
    const turns = new Map(issued.map((id) => [id.split('-')[2], id]))
    assert.equal(turns.size, limit, 'one for each meaning')
    let recorded = 0
    for (const line of lines) {
      const [outcome, id = '', turn] = line.split(' ')
      if (outcome === 'recorded') recorded += 1
      if (outcome === 'recorded') assert.equal(turns.get(id.split('-')[2]), id)
      else assert.equal(`one.${turns.get(turn)}`, id)
    }
    assert.ok(recorded <= limit && limit - recorded <= kills * LANES, `${limit - recorded} lost in ${kills} kills`)
    for (const [turn, id] of turns) assert.equal((await store.issuing.findReusable('a', `meaning ${turn}`, NOW))?.jti, `one.${id}`)
    await sql.close()
  })
}
