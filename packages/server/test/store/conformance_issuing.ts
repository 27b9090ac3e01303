// Part of the conformance suite: what a fresh token leaves behind is one unit, with each of its outcomes. Slots for reuse are in
// conformance_slots.ts, how records of one turn share a unit in conformance_turns.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Charge, Ledger } from '../../src/model/ledger.ts'
import type { Store } from '../../src/model/store.ts'
import { charge as chargeOf } from '../ledger/samples.ts'
import { runSlotConformance } from './conformance_slots.ts'
import { runTurnConformance } from './conformance_turns.ts'
import type { WithStore } from './opened_store.ts'
import { rotate, start } from './recording.ts'
import { auditEntry, family, issueRecord, NOW, opaqueToken, refreshToken, reusable } from './samples.ts'

export const runIssuingConformance = (withStore: WithStore): void => {
  test('a record leaves all it names', withStore(recorded))
  test('a record that cannot be stored leaves nothing', withStore(nothingHalf))
  test('a charge that makes no sense, and a slot for what comes with a refresh token, are refused', withStore(nonsense))
  test('an exhausted budget leaves nothing but one audit row in a window', withStore(exhausted))
  test('an exhausted budget still serves a live token', withStore(exhaustedServes))
  test('a replayed and a gone refresh token charge nothing; a replay leaves its audit row', withStore(lostRotation))
  test('undoing takes back the charge of a token that nobody else can have', withStore(undone))
  runSlotConformance(withStore)
  runTurnConformance(withStore)
}

const SPAN = { start: NOW - 1000, end: NOW + 100_000 }
const METER = { account: 'a/app', name: 'tokens' }

const charge = (but: Partial<Charge> = {}): Charge => chargeOf({ meter: METER, span: SPAN, now: NOW, ...but })
const used = (ledger: Ledger): Promise<number> => ledger.used(METER, SPAN.start)
const events = async (store: Store): Promise<string[]> => (await store.audit.read({ after: 0, limit: 1000 })).map((row) => row.event)

const recorded = async (store: Store, ledger: Ledger): Promise<void> => {
  const refresh = { kind: 'start', family: family('a', 'f', { binding: 'jkt' }), token: refreshToken('f', 't') } as const
  const first = issueRecord({ charge: charge({ units: 2 }), opaque: opaqueToken('a', 'at'), refresh, audit: auditEntry('a') })
  assert.deepEqual(await store.issuing.record(first), {
    outcome: 'recorded',
    receipt: { charged: true, charge: first.charge, used: 2 },
  })
  assert.deepEqual(await store.accessTokens.findOpaque('a', 'at'), first.opaque)
  assert.deepEqual(await store.refreshTokens.find('a', 't'), {
    token: refresh.token,
    family: refresh.family,
    usedAt: null,
    revokedAt: null,
  })
  assert.deepEqual(await ledger.breakdown(METER, SPAN.start, 10), [{ ...charge().origin, units: 2 }])
  assert.deepEqual(await store.audit.read({ after: 0, limit: 10 }), [{ ...auditEntry('a'), sequence: 1 }])
  const reuse = reusable('a', 'meaning', 'x')
  assert.deepEqual(await store.issuing.record(issueRecord({ reuse })), { outcome: 'recorded', receipt: null })
  assert.deepEqual(await store.issuing.findReusable('a', 'meaning', NOW), reuse)
  assert.deepEqual(await store.issuing.record(issueRecord()), { outcome: 'recorded', receipt: null })
  assert.deepEqual([await used(ledger), await events(store)], [2, ['token.issued']])
}

const nothingHalf = async (store: Store, ledger: Ledger): Promise<void> => {
  await store.issuing.record(issueRecord({ opaque: opaqueToken('a', 'taken') }))
  await start(store, family('a', 'f'), refreshToken('f', 'taken'))
  const common = { charge: charge(), audit: auditEntry('a') }
  const begun = { kind: 'start', family: family('a', 'g'), token: refreshToken('g', 'taken') } as const
  const asked = [
    issueRecord({ ...common, reuse: reusable('a', 'meaning', 'x'), opaque: opaqueToken('a', 'taken') }),
    issueRecord({ ...common, refresh: begun, opaque: opaqueToken('a', 'new') }),
  ]
  for (const one of asked) await assert.rejects(store.issuing.record(one))
  const together = await Promise.allSettled(asked.map((one) => store.issuing.record(one)))
  assert.deepEqual(
    together.map((result) => result.status),
    ['rejected', 'rejected'],
  )
  assert.deepEqual([await used(ledger), await events(store)], [0, []])
  assert.equal(await store.issuing.findReusable('a', 'meaning', NOW), undefined)
  assert.equal(await store.accessTokens.findOpaque('a', 'new'), undefined)
  assert.equal(await store.refreshTokens.revokeFamily('a', 'g', NOW, NOW, auditEntry('a')), false)
}

const nonsense = async (store: Store, ledger: Ledger): Promise<void> => {
  const origin = { ...charge().origin, day: '' }
  for (const but of [{ units: 0 }, { units: 1.5 }, { limit: -1 }, { now: SPAN.end }, { origin }])
    await assert.rejects(store.issuing.record(issueRecord({ charge: charge(but) })), RangeError)
  const refresh = { kind: 'start', family: family('a', 'f'), token: refreshToken('f', 't') } as const
  await assert.rejects(store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'x'), refresh })), RangeError)
  assert.equal(await used(ledger), 0)
}

const exhausted = async (store: Store, ledger: Ledger): Promise<void> => {
  const ask = (n: number, but: Partial<Charge> = {}) =>
    store.issuing.record(
      issueRecord({
        charge: charge({ limit: 3, ...but }),
        reuse: reusable('a', `meaning ${n}`, `${n}`),
        opaque: opaqueToken('a', `${n}`),
        audit: auditEntry('a', { detail: { n } }),
      }),
    )
  await ask(1, { units: 2 })
  assert.deepEqual(await ask(2, { units: 2 }), { outcome: 'exhausted', used: 2 })
  assert.equal((await ask(3)).outcome, 'recorded')
  const answers = await Promise.all([4, 5, 6].map((n) => ask(n)))
  assert.deepEqual(answers, Array(3).fill({ outcome: 'exhausted', used: 3 }))
  assert.equal(await used(ledger), 3)
  for (const n of [2, 4, 5, 6]) {
    assert.equal(await store.issuing.findReusable('a', `meaning ${n}`, NOW), undefined)
    assert.equal(await store.accessTokens.findOpaque('a', `${n}`), undefined)
  }
  const rows = await store.audit.read({ after: 0, limit: 100 })
  assert.deepEqual(
    rows.map(({ event, detail }) => [event, detail]),
    [
      ['token.issued', { n: 1 }],
      ['token.exhausted', { meter: 'tokens', limit: 3, used: 2, until: SPAN.end }],
      ['token.issued', { n: 3 }],
    ],
  )
  const next = { start: SPAN.end, end: SPAN.end + 10 }
  const later = { span: next, now: SPAN.end, limit: 1 }
  assert.equal((await ask(7, later)).outcome, 'recorded')
  await Promise.all([ask(8, later), ask(9, later)])
  assert.deepEqual((await events(store)).slice(3), ['token.issued', 'token.exhausted'])
  assert.deepEqual(
    await store.issuing.record(issueRecord({ charge: charge({ meter: { account: 'a/none', name: 'tokens' }, limit: 0 }) })),
    {
      outcome: 'exhausted',
      used: 0,
    },
  )
}

const exhaustedServes = async (store: Store, ledger: Ledger): Promise<void> => {
  const ask = (meaning: string, jti: string) =>
    store.issuing.record(issueRecord({ charge: charge({ limit: 1 }), reuse: reusable('a', meaning, jti), audit: auditEntry('a') }))
  await ask('meaning', 'x')
  assert.equal((await ask('other', 'y')).outcome, 'exhausted')
  const answers = await Promise.all([ask('meaning', 'z'), ask('other', 'y'), ask('meaning', 'z')])
  assert.deepEqual(
    answers.map((answer) => (answer.outcome === 'reused' ? answer.token.jti : answer.outcome)),
    ['one.x', 'exhausted', 'one.x'],
  )
  assert.equal(await used(ledger), 1)
}

const lostRotation = async (store: Store, ledger: Ledger): Promise<void> => {
  await start(store, family('a', 'f'), refreshToken('f', 't0'))
  const ask = (n: number, hash: string) => {
    const refresh = {
      kind: 'rotate',
      family: family('a', 'f'),
      used: hash,
      successor: refreshToken('f', `s${n}`),
      accessTokensEnd: NOW + 300,
    } as const
    const audit = auditEntry('a', { detail: { n } })
    return store.issuing.record(issueRecord({ charge: charge({ limit: 2 }), refresh, opaque: opaqueToken('a', `${n}`), audit }))
  }
  const receipt = (used: number) => ({ outcome: 'recorded', receipt: { charged: true, charge: charge({ limit: 2 }), used } })
  assert.deepEqual(await Promise.all([ask(1, 't0'), ask(2, 'unknown'), ask(3, 's1'), ask(4, 't0'), ask(5, 's3')]), [
    receipt(1),
    { outcome: 'gone' },
    receipt(2),
    { outcome: 'exhausted', used: 2 },
    { outcome: 'exhausted', used: 2 },
  ])
  await store.issuing.undo(issueRecord(), { charged: true, charge: charge(), used: 2 })
  assert.deepEqual(await ask(6, 'unknown'), { outcome: 'gone' })
  assert.deepEqual(await Promise.all([ask(7, 't0'), ask(8, 's3')]), [{ outcome: 'replayed' }, { outcome: 'gone' }])
  assert.equal(await used(ledger), 1)
  assert.deepEqual(await ledger.breakdown(METER, SPAN.start, 10), [{ ...charge().origin, units: 1 }])
  for (const n of [2, 4, 5, 6, 7, 8]) {
    assert.equal(await store.accessTokens.findOpaque('a', `${n}`), undefined)
    assert.equal(await store.refreshTokens.find('a', `s${n}`), undefined)
  }
  assert.equal((await store.refreshTokens.find('a', 's3'))?.revokedAt, NOW)
  const rows = await store.audit.read({ after: 3, limit: 10 })
  assert.deepEqual(rows, [{ ...auditEntry('a'), sequence: 4, event: 'token.replayed', detail: { family: 'f' } }])
  await start(store, family('a', 'g'), refreshToken('g', 'u0'))
  await rotate(store, 'a', 'u0', refreshToken('g', 'u1'), NOW, NOW + 300)
  await rotate(store, 'a', 'u0', refreshToken('g', 'u2'), NOW, NOW + 300)
  assert.equal((await events(store)).at(-1), 'token.replayed', 'also where no audit of tokens is kept')
}

const undone = async (store: Store, ledger: Ledger): Promise<void> => {
  const record = issueRecord({ charge: charge({ units: 3, limit: 4 }) })
  const answer = await store.issuing.record(record)
  assert.ok(answer.outcome === 'recorded' && answer.receipt)
  assert.equal((await store.issuing.record(record)).outcome, 'exhausted')
  await store.issuing.undo(record, answer.receipt)
  assert.equal(await used(ledger), 0)
  assert.deepEqual(await ledger.breakdown(METER, SPAN.start, 10), [])
  assert.equal((await store.issuing.record(record)).outcome, 'recorded')
  await store.issuing.undo(issueRecord(), null)
}
