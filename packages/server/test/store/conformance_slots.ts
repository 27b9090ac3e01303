// Part of the conformance suite: the slots that tokens are served again from.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Recorded } from '../../src/model/issuing.ts'
import type { Charge, Ledger } from '../../src/model/ledger.ts'
import type { Store } from '../../src/model/store.ts'
import { charge as chargeOf } from '../ledger/samples.ts'
import type { WithStore } from './opened_store.ts'
import { ACT, auditEntry, client, issueRecord, NOW, opaqueToken, realm, reusable } from './samples.ts'

export const runSlotConformance = (withStore: WithStore): void => {
  test('a token is found in its slot for as long as it is reusable, in its realm only', withStore(slot))
  test('a full slot gives its token instead, and charges nothing', withStore(fullSlot))
  test('of 200 records of one meaning at once exactly one is recorded and charged', withStore(stampede))
  test('undoing leaves a token in its slot paid for, since others may have got it', withStore(undoneSlot))
  test('a revoked token, and those of a client that went, are served no more', withStore(emptied))
  test('a sweep forgets slots whose token has expired', withStore(sweptSlots))
}

const SPAN = { start: NOW - 1000, end: NOW + 100_000 }
const METER = { account: 'a/app', name: 'tokens' }

const charge = (but: Partial<Charge> = {}): Charge => chargeOf({ meter: METER, span: SPAN, now: NOW, ...but })
const used = (ledger: Ledger): Promise<number> => ledger.used(METER, SPAN.start)
const events = async (store: Store): Promise<string[]> => (await store.audit.read({ after: 0, limit: 1000 })).map((row) => row.event)

const slot = async (store: Store): Promise<void> => {
  const jti = async (realmId: string, meaning: string, now: number) => (await store.issuing.findReusable(realmId, meaning, now))?.jti
  assert.equal(await jti('a', 'meaning', NOW), undefined)
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'meaning', 'x') }))
  assert.equal(await jti('a', 'meaning', NOW + 199), 'one.x')
  assert.equal(await jti('a', 'meaning', NOW + 200), undefined)
  assert.equal(await jti('b', 'meaning', NOW), undefined)
  assert.equal(await jti('a', 'Meaning', NOW), undefined)
  const next = reusable('a', 'meaning', 'y', { reusableUntil: NOW + 400, credential: null, clientId: 'other' })
  assert.equal((await store.issuing.record(issueRecord({ now: NOW + 199, reuse: next }))).outcome, 'reused')
  assert.equal((await store.issuing.record(issueRecord({ now: NOW + 200, reuse: next }))).outcome, 'recorded')
  assert.deepEqual(await store.issuing.findReusable('a', 'meaning', NOW + 200), next)
}

const fullSlot = async (store: Store, ledger: Ledger): Promise<void> => {
  const first = reusable('a', 'meaning', 'x')
  await store.issuing.record(issueRecord({ charge: charge(), reuse: first, audit: auditEntry('a') }))
  const second = { charge: charge(), reuse: reusable('a', 'meaning', 'y'), opaque: opaqueToken('a', 'at'), audit: auditEntry('a') }
  assert.deepEqual(await store.issuing.record(issueRecord(second)), { outcome: 'reused', token: first })
  assert.deepEqual([await used(ledger), await events(store)], [1, ['token.issued']])
  assert.equal(await store.accessTokens.findOpaque('a', 'at'), undefined)
  assert.deepEqual(await ledger.breakdown(METER, SPAN.start, 10), [{ ...charge().origin, units: 1 }])
}

const stampede = async (store: Store, ledger: Ledger): Promise<void> => {
  const replica = async (n: number): Promise<Recorded> => {
    // Some turns apart, and more of them in some turns than in others.
    for (let turn = 0; turn < (n * 7) % 5; turn += 1) await new Promise(setImmediate)
    return store.issuing.record(
      issueRecord({ charge: charge({ limit: 3 }), reuse: reusable('a', 'meaning', `${n}`), audit: auditEntry('a') }),
    )
  }
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => replica(n)))
  const token = await store.issuing.findReusable('a', 'meaning', NOW)
  const outcomes = Object.groupBy(answers, (answer) => answer.outcome)
  assert.equal(outcomes.recorded?.length, 1)
  assert.equal(outcomes.reused?.length, 199)
  for (const answer of answers) if (answer.outcome === 'reused') assert.deepEqual(answer.token, token)
  assert.deepEqual([await used(ledger), await events(store)], [1, ['token.issued']])
}

const undoneSlot = async (store: Store, ledger: Ledger): Promise<void> => {
  const record = issueRecord({ charge: charge(), reuse: reusable('a', 'meaning', 'x') })
  const answer = await store.issuing.record(record)
  assert.ok(answer.outcome === 'recorded')
  await store.issuing.undo(record, answer.receipt)
  assert.equal(await used(ledger), 1)
  assert.equal((await store.issuing.record(issueRecord({ charge: charge(), reuse: reusable('a', 'meaning', 'y') }))).outcome, 'reused')
  assert.equal(await used(ledger), 1)
}

const emptied = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  const jtis = async () => {
    const found = await Promise.all(['one', 'two', 'three', 'four'].map((meaning) => store.issuing.findReusable('a', meaning, NOW)))
    return found.map((token) => token?.jti)
  }
  for (const meaning of ['one', 'two']) await store.issuing.record(issueRecord({ reuse: reusable('a', meaning, meaning) }))
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'three', 'three', { credential: 'two' }) }))
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'four', 'four', { clientId: 'other', credential: null }) }))
  const revoke = (realmId: string, kind: 'jti' | 'credential', value: string) =>
    store.accessTokens.revoke({ realmId, kind, value, expiresAt: NOW + 300 }, auditEntry('a'))
  await revoke('b', 'jti', 'one.two')
  await revoke('a', 'jti', 'one.one')
  assert.deepEqual(await jtis(), [undefined, 'one.two', 'one.three', 'one.four'])
  assert.equal((await store.issuing.record(issueRecord({ reuse: reusable('a', 'one', 'again') }))).outcome, 'recorded')
  assert.deepEqual(await jtis(), ['one.again', 'one.two', 'one.three', 'one.four'])
  await revoke('a', 'credential', 'one')
  assert.deepEqual(await jtis(), [undefined, undefined, 'one.three', 'one.four'])
  await store.clients.remove('a', 'app', ACT)
  assert.deepEqual(await jtis(), [undefined, undefined, undefined, 'one.four'])
}

const sweptSlots = async (store: Store): Promise<void> => {
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'one', 'x', { expiresAt: NOW + 10 }) }))
  await store.issuing.record(issueRecord({ reuse: reusable('a', 'two', 'y', { expiresAt: NOW + 11 }) }))
  assert.equal(await store.sweep(NOW + 10), 0)
  assert.equal(await store.sweep(NOW + 11), 1)
  assert.equal(await store.issuing.findReusable('a', 'one', NOW), undefined)
  assert.ok(await store.issuing.findReusable('a', 'two', NOW))
}
