// Part of the conformance suite: records that are asked for in one turn share statements, and must not show it. Whatever mix is asked for
// at once, each gets what it would have got one after the other: a model of it in memory says what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { IssueRecord } from '../../src/model/issuing.ts'
import type { Ledger } from '../../src/model/ledger.ts'
import type { Store } from '../../src/model/store.ts'
import type { ReusableToken } from '../../src/model/token.ts'
import { sum } from '../ledger/samples.ts'
import type { WithStore } from './opened_store.ts'
import { auditEntry, family, issueRecord, NOW, opaqueToken, refreshToken, reusable } from './samples.ts'

export const runTurnConformance = (withStore: WithStore): void => {
  test('whatever is recorded at once is as if it were recorded one by one', withStore(mixes))
  test('64 records at once over the last 10 units give 10 receipts numbered in order', withStore(lastUnits))
  test('the same record asked for twice is two records', withStore(twice))
  test('one that cannot be stored spoils no other of its turn', withStore(spoils))
  test('more than fit into one unit are recorded all the same', withStore(flood))
}

/** What one request asks for; numbers pick among few accounts, slots and families, so that requests meet. */
interface Wish {
  readonly account: number
  readonly units: number
  readonly limit: number | null | 'free'
  readonly agent: string
  readonly kind: 'plain' | 'reuse' | 'start' | 'rotate' | 'opaque'
  readonly pick: number
  readonly late: boolean
  readonly audited: boolean
}

const wish: fc.Arbitrary<Wish> = fc.record({
  account: fc.nat(1),
  units: fc.integer({ min: 1, max: 3 }),
  limit: fc.constantFrom(12, 12, 12, 3, 0, null, 'free' as const),
  agent: fc.constantFrom('a', 'b'),
  kind: fc.constantFrom('plain', 'reuse', 'reuse', 'start', 'rotate', 'rotate', 'opaque'),
  pick: fc.nat(2),
  late: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  audited: fc.boolean(),
})
const turns = fc.array(fc.tuple(fc.nat(2), fc.array(wish, { maxLength: 8 })), { minLength: 1, maxLength: 5 })

const LIFE = 4
const windowOf = (now: number) => {
  const start = now - (now % 10)
  return { start, end: start + 10 }
}

interface Window {
  used: number
  exhausted: boolean
  readonly usage: Map<string, number>
}

/** One run's world as it should be. */
interface World {
  readonly run: number
  readonly windows: Map<string, Window>
  readonly slots: Map<string, ReusableToken>
  /** Families by their live token; a used one leads to nothing any more. */
  readonly families: { readonly id: string; tokens: string[]; used: Set<string>; revoked: boolean }[]
  readonly audits: string[]
  made: number
}

const recordOf = (world: World, wanted: Wish, now: number): IssueRecord => {
  world.made += 1
  const id = `${world.run}-${world.made}`
  const span = windowOf(now)
  const { limit, units } = wanted
  const meter = { account: `${world.run}/${wanted.account}`, name: 'tokens' }
  const origin = { day: '2026-11-21', address: '', userAgent: wanted.agent }
  return issueRecord({
    now,
    charge: limit === 'free' ? null : { meter, span, units, limit, origin, now },
    audit: wanted.audited ? auditEntry('a', { at: now, detail: { id } }) : null,
    ...part(world, wanted, id, now),
  })
}

const part = (world: World, { kind, pick, account }: Wish, id: string, now: number): Partial<IssueRecord> => {
  if (kind === 'opaque') return { opaque: opaqueToken('a', id) }
  if (kind === 'reuse') {
    const meaning = `${world.run} ${account} ${pick}`
    return { reuse: reusable('a', meaning, id, { expiresAt: now + 60, reusableUntil: now + LIFE }) }
  }
  const token = refreshToken(`f${id}`, id, { createdAt: now, expiresAt: now + 1000 })
  if (kind === 'start') return { refresh: { kind: 'start', family: family('a', `f${id}`), token } }
  const known = world.families[pick % Math.max(1, world.families.length)]
  if (kind !== 'rotate' || known === undefined) return {}
  const used = known.tokens[(pick + world.made) % known.tokens.length] ?? ''
  const successor = { ...token, familyId: known.id }
  return { refresh: { kind: 'rotate', family: family('a', known.id), used, successor, accessTokensEnd: now + 300 } }
}

/** What the record must get, and what it leaves in the world. */
const expected = (world: World, record: IssueRecord): string => {
  const { charge, reuse, refresh, now } = record
  const name = charge === null ? '' : `${charge.meter.account} ${charge.span.start}`
  const window = world.windows.get(name) ?? { used: 0, exhausted: false, usage: new Map<string, number>() }
  const inSlot = reuse && world.slots.get(reuse.meaning)
  const live = inSlot && inSlot.reusableUntil > now ? inSlot : undefined
  if (charge !== null && charge.limit !== null && window.used + charge.units > charge.limit) {
    if (live) return `reused ${live.jti}`
    if (record.audit !== null && world.windows.has(name) && !window.exhausted) {
      window.exhausted = true
      world.audits.push('token.exhausted')
    }
    return `exhausted ${window.used}`
  }
  if (charge !== null) world.windows.set(name, window)
  if (live) return `reused ${live.jti}`
  if (reuse !== null) world.slots.set(reuse.meaning, reuse)
  if (refresh?.kind === 'start') {
    world.families.push({ id: refresh.family.id, tokens: [refresh.token.hash], used: new Set(), revoked: false })
  }
  if (refresh?.kind === 'rotate') {
    const known = world.families.find(({ id }) => id === refresh.family.id)
    if (known === undefined || known.revoked || !known.tokens.includes(refresh.used)) return 'gone'
    if (known.used.has(refresh.used)) {
      known.revoked = true
      world.audits.push('token.replayed')
      return 'replayed'
    }
    known.used.add(refresh.used)
    known.tokens.push(refresh.successor.hash)
  }
  if (record.audit !== null) world.audits.push(String(record.audit.detail['id']))
  if (charge === null) return 'recorded'
  window.used += charge.units
  window.usage.set(charge.origin.userAgent, (window.usage.get(charge.origin.userAgent) ?? 0) + charge.units)
  return `recorded ${window.used}`
}

const got = async (store: Store, record: IssueRecord): Promise<string> => {
  const answer = await store.issuing.record(record)
  if (answer.outcome === 'recorded') return answer.receipt === null ? 'recorded' : `recorded ${answer.receipt.used}`
  if (answer.outcome === 'reused') return `reused ${answer.token.jti}`
  return answer.outcome === 'exhausted' ? `exhausted ${answer.used}` : answer.outcome
}

const compare = async (store: Store, ledger: Ledger, world: World, now: number, before: number): Promise<void> => {
  for (const [name, window] of world.windows) {
    const [account = '', start = ''] = name.split(' ')
    const meter = { account, name: 'tokens' }
    assert.equal(await ledger.used(meter, Number(start)), window.used)
    const rows = await ledger.breakdown(meter, Number(start), 10)
    assert.equal(sum(rows), window.used)
    assert.deepEqual(new Map(rows.map((row) => [row.userAgent, row.units])), new Map([...window.usage].filter(([, units]) => units > 0)))
  }
  for (const [meaning, token] of world.slots) {
    assert.deepEqual(await store.issuing.findReusable('a', meaning, now), token.reusableUntil > now ? token : undefined)
  }
  for (const { tokens, used, revoked } of world.families) {
    for (const hash of tokens) {
      const found = await store.refreshTokens.find('a', hash)
      assert.deepEqual([found?.usedAt !== null, found?.revokedAt !== null], [used.has(hash), revoked])
    }
  }
  const rows = await store.audit.read({ after: before, limit: 1000 })
  assert.deepEqual(
    rows.map((row) => (typeof row.detail['id'] === 'string' ? row.detail['id'] : row.event)),
    world.audits,
  )
}

const mixes = async (store: Store, ledger: Ledger): Promise<void> => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(turns, async (lived) => {
      run += 1
      const before = await store.audit.last()
      const world: World = { run, windows: new Map(), slots: new Map(), families: [], audits: [], made: 0 }
      let now = NOW + 7
      for (const [passed, wishes] of lived) {
        now += passed
        const records = wishes.map((wanted) => recordOf(world, wanted, wanted.late ? now + 3 : now))
        const wanted = records.map((record) => expected(world, record))
        assert.deepEqual(await Promise.all(records.map((record) => got(store, record))), wanted)
      }
      await compare(store, ledger, world, now, before)
    }),
    { numRuns: 400 },
  )
}

const SPAN = { start: NOW - 1000, end: NOW + 100_000 }
const METER = { account: 'a/app', name: 'tokens' }
const chargeOf = (limit: number, address: string, units = 1): Partial<IssueRecord> => ({
  charge: { meter: METER, span: SPAN, units, limit, origin: { day: '2026-11-21', address, userAgent: '' }, now: NOW },
})

const lastUnits = async (store: Store, ledger: Ledger): Promise<void> => {
  await store.issuing.record(issueRecord(chargeOf(1000, '', 990)))
  const answers = await Promise.all(Array.from({ length: 64 }, (_, n) => got(store, issueRecord(chargeOf(1000, `${n % 3}`)))))
  const numbered = Array.from({ length: 10 }, (_, n) => `recorded ${991 + n}`)
  assert.deepEqual(answers, [...numbered, ...Array(54).fill('exhausted 1000')])
  assert.equal(await ledger.used(METER, SPAN.start), 1000)
  assert.equal(sum(await ledger.breakdown(METER, SPAN.start, 10)), 1000)
}

const twice = async (store: Store, ledger: Ledger): Promise<void> => {
  const record = issueRecord(chargeOf(3, ''))
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map(() => got(store, record))), ['recorded 1', 'recorded 2', 'recorded 3', 'exhausted 3'])
  assert.equal(await ledger.used(METER, SPAN.start), 3)
}

const spoils = async (store: Store, ledger: Ledger): Promise<void> => {
  await store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'taken') }))
  const records = Array.from({ length: 30 }, (_, n) =>
    issueRecord({
      ...chargeOf(1000, ''),
      opaque: opaqueToken('a', n % 10 === 7 ? 'taken' : `${n}`),
      audit: auditEntry('a', { detail: { n } }),
    }),
  )
  const results = await Promise.allSettled(records.map((record) => store.issuing.record(record)))
  assert.deepEqual(
    results.map((result) => result.status),
    records.map((_, n) => (n % 10 === 7 ? 'rejected' : 'fulfilled')),
  )
  assert.equal(await ledger.used(METER, SPAN.start), 27)
  assert.equal(await store.audit.last(), 27)
}

const flood = async (store: Store, ledger: Ledger): Promise<void> => {
  const audit = auditEntry('a')
  const asked = Array.from({ length: 3000 }, (_, n) => got(store, issueRecord({ ...chargeOf(2990, `${n % 7}`), audit })))
  const answers = await Promise.all(asked)
  assert.deepEqual(
    answers.slice(0, 2990),
    Array.from({ length: 2990 }, (_, n) => `recorded ${n + 1}`),
  )
  assert.deepEqual(answers.slice(2990), Array(10).fill('exhausted 2990'))
  assert.equal(await ledger.used(METER, SPAN.start), 2990)
  assert.equal(await store.audit.last(), 2991)
}
