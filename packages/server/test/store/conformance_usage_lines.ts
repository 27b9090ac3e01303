// Part of the conformance suite: the lines of the bill, what is told of answers, pages of them, and forgetting.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Observation, UsageFilter, UsageKey, UsageLine } from '../../src/model/metering.ts'
import { observedOf } from '../../src/model/observed.ts'
import type { Store } from '../../src/model/store.ts'
import type { WithStore } from './opened_store.ts'
import { ACT, admission, client, NOW, realm } from './samples.ts'

export const runUsageLineConformance = (withStore: WithStore): void => {
  test('what became of requests adds up in the line of their hour', withStore(observed))
  test('a request whose answer nobody sees is among those without one from the first, until it is taken back', withStore(unseen))
  test('a request that outlasts its hour is told of in the hour in which it ends', withStore(outlasting))
  test('what is told of answers and makes no sense counts as an answer and nothing else', withStore(odd))
  test('an hour is one of UTC, from its first second to its last', withStore(hours))
  test('lines come page by page in one order, whatever their names and the filter, while others are written', withStore(pages))
  test('a client’s lines are found however far apart, and none before or behind the window', withStore(farApart))
  test('lines outlive their client and realm', withStore(outlive))
  test('hours before a time are forgotten, and nothing else', withStore(sweep))
}

const HOUR = NOW - (NOW % 3600)
const ALL: UsageFilter = { from: 0, to: Number.MAX_SAFE_INTEGER }
const KEY = admission().key

const observation = (but: Partial<Observation> = {}): Observation => ({
  key: KEY,
  at: NOW,
  status: 200,
  bytesIn: 10,
  bytesOut: 100,
  milliseconds: 5,
  ...but,
})

const told = ({ hour, answers, bytesIn, bytesOut, milliseconds }: UsageLine) => ({ hour, answers, bytesIn, bytesOut, milliseconds })
const NONE = { '1xx': 0, '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 }

const observed = async (store: Store): Promise<void> => {
  const { metering } = store
  for (let n = 0; n < 3; n += 1) await metering.admit(admission())
  await metering.observe([])
  await Promise.all([
    metering.observe(observedOf([observation(), observation({ status: 101 }), observation({ status: 404, milliseconds: 0.4 })])),
    metering.observe(
      observedOf([observation({ status: 302 }), observation({ status: 503 }), observation({ status: 0, milliseconds: 0.4 })]),
    ),
  ])
  await metering.observe(observedOf([observation({ status: 299, key: { ...KEY } }), observation({ key: { ...KEY, apiKeyId: '' } })]))
  const [without, line, ...others] = await metering.lines(ALL, null, 10)
  assert.deepEqual(others, [])
  assert.deepEqual(line, {
    ...KEY,
    hour: HOUR,
    requests: 3,
    units: 3,
    answers: { '1xx': 1, '2xx': 2, '3xx': 1, '4xx': 1, '5xx': 1, none: 1 },
    bytesIn: 70,
    bytesOut: 700,
    milliseconds: 25,
  })
  assert.deepEqual([without?.apiKeyId, without?.requests, without?.answers['2xx']], ['', 0, 1])
}

const unseen = async (store: Store): Promise<void> => {
  const { metering } = store
  const quiet = admission({ unseen: true })
  await Promise.all([metering.admit(quiet), metering.admit(admission()), metering.admit(quiet)])
  const [line] = await metering.lines(ALL, null, 10)
  assert.deepEqual([line?.requests, line?.answers], [3, { ...NONE, none: 2 }])
  await Promise.all([metering.takeBack(quiet), metering.takeBack(admission())])
  const [left] = await metering.lines(ALL, null, 10)
  assert.deepEqual([left?.requests, left?.units, left?.answers], [1, 1, { ...NONE, none: 1 }])
  await metering.takeBack(quiet)
  assert.deepEqual(await metering.lines(ALL, null, 10), [])
}

const outlasting = async (store: Store): Promise<void> => {
  const at = HOUR + 3590
  for (const milliseconds of [69_999, 70_000, 2 * 3_600_000]) {
    await store.metering.observe(observedOf([observation({ at, status: 200, milliseconds, bytesIn: 0, bytesOut: 1 })]))
  }
  assert.deepEqual((await store.metering.lines(ALL, null, 10)).map(told), [
    { hour: HOUR, answers: { ...NONE, '2xx': 1 }, bytesIn: 0, bytesOut: 1, milliseconds: 69_999 },
    { hour: HOUR + 3600, answers: { ...NONE, '2xx': 1 }, bytesIn: 0, bytesOut: 1, milliseconds: 70_000 },
    { hour: HOUR + 3 * 3600 - 3600, answers: { ...NONE, '2xx': 1 }, bytesIn: 0, bytesOut: 1, milliseconds: 7_200_000 },
  ])
}

const odd = async (store: Store): Promise<void> => {
  const { NaN: nothing, POSITIVE_INFINITY: endless } = Number
  await store.metering.observe(
    observedOf([
      ...[nothing, -1, endless, 2 ** 60].map((value) => observation({ bytesIn: value, bytesOut: value, milliseconds: value })),
      ...[nothing, -200, 99, 600, endless].map((status) => observation({ status, bytesIn: 0, bytesOut: 0, milliseconds: 0 })),
    ]),
  )
  const [line] = await store.metering.lines(ALL, null, 10)
  assert.deepEqual(line && told(line), { hour: HOUR, answers: { ...NONE, '2xx': 4, none: 5 }, bytesIn: 0, bytesOut: 0, milliseconds: 0 })
}

const hours = async (store: Store): Promise<void> => {
  await Promise.all(
    [HOUR, HOUR + 0.5, HOUR + 3599, HOUR + 3599.999, HOUR + 3600, HOUR - 1].map((now) => store.metering.admit(admission({ now }))),
  )
  const told = async (from: number, to: number) =>
    (await store.metering.lines({ from, to }, null, 10)).map(({ hour, requests }) => [(hour - HOUR) / 3600, requests])
  assert.deepEqual(await told(0, HOUR + 7200), [
    [-1, 1],
    [0, 4],
    [1, 1],
  ])
  assert.deepEqual(await told(HOUR, HOUR + 3600), [[0, 4]])
  assert.deepEqual(await told(HOUR + 1, HOUR + 3600), [], 'hours that begin in the window')
  assert.deepEqual(await told(HOUR, HOUR + 1), [[0, 4]])
  assert.deepEqual(await told(HOUR, HOUR), [])
  const [first = null] = await store.metering.lines(ALL, null, 1)
  const [second] = await store.metering.lines({ ...ALL, from: HOUR + 3600 }, first, 10)
  assert.equal(second?.hour, HOUR + 3600, 'behind a line before the window it begins with the window')
}

const NAMES = ['', 'a', 'A', 'a1', 'a10', 'b', "'; --", 'é', '😀', 'z\n"']
const name = fc.constantFrom(...NAMES)
const key: fc.Arbitrary<UsageKey> = fc.record({
  realmId: fc.constantFrom('a', 'b', 'é'),
  clientId: name,
  apiKeyId: name,
  apiId: fc.constantFrom('', 'goods'),
  route: name,
})

const pages = async (store: Store): Promise<void> => {
  const written: UsageLine[] = []
  const run = async (keys: readonly (readonly [UsageKey, number])[], size: number, extra: UsageKey): Promise<void> => {
    for (const [one, n] of keys) {
      await store.metering.admit(admission({ key: one, now: HOUR + n * 3600 }))
    }
    const everything = await store.metering.lines(ALL, null, 100_000)
    written.splice(0, written.length, ...everything)
    const [first] = keys
    const { realmId = '', clientId = '' } = first?.[0] ?? {}
    const window = { from: HOUR + 3600, to: HOUR + 3 * 3600 }
    for (const filter of [ALL, window, { ...window, realmId }, { ...ALL, realmId, clientId }, { ...window, clientId }]) {
      const seen: UsageLine[] = []
      let after: UsageLine | null = null
      let page: readonly UsageLine[]
      do {
        page = await store.metering.lines(filter, after, size)
        assert.ok(page.length <= size)
        seen.push(...page)
        after = page.at(-1) ?? after
        // Behind the reader, and of an hour that is not asked for.
        await store.metering.admit(admission({ key: extra, now: HOUR - 3600 }))
      } while (page.length > 0)
      const fits = ({ hour, ...line }: UsageLine): boolean =>
        hour >= filter.from &&
        hour < filter.to &&
        (!('realmId' in filter) || line.realmId === filter.realmId) &&
        (!('clientId' in filter) || line.clientId === filter.clientId)
      const settled = (lines: readonly UsageLine[]) => lines.filter(({ hour }) => hour >= HOUR)
      assert.deepEqual(settled(seen), settled(written.filter(fits)))
    }
  }
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(key, fc.nat(3)), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 40 }), key, run),
    { numRuns: 20 },
  )
  assert.ok(written.length > 50)
  const places = written.map(({ hour, realmId, clientId, apiKeyId, apiId, route }) => [hour, realmId, clientId, apiKeyId, apiId, route])
  assert.equal(new Set(places.map((one) => JSON.stringify(one))).size, written.length, 'none twice')
  for (const [n, one] of places.entries()) {
    const before = places[n - 1]
    if (before !== undefined) assert.ok(compare(before, one) < 0, `${JSON.stringify(before)} ${JSON.stringify(one)}`)
  }
}

/** Texts by code point, as their UTF-8 compares. */
const compare = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
  for (const [n, value] of a.entries()) {
    const other = b[n] ?? ''
    if (value === other) continue
    return typeof value === 'number' ? value - Number(other) : Buffer.compare(Buffer.from(value), Buffer.from(String(other)))
  }
  return 0
}

const farApart = async (store: Store): Promise<void> => {
  const { metering } = store
  const hours = [0, 1, 23, 24, 25, 700, 701, 9000, 400_000].map((n) => n * 3600)
  for (const clientId of ['app', 'other']) {
    for (const now of [...hours, 48 * 3600, 800 * 3600]) {
      if (clientId === 'other' || hours.includes(now))
        await metering.admit(admission({ now, key: { ...KEY, clientId, apiKeyId: '', apiId: '', route: '' } }))
    }
  }
  const told = async (from: number, to: number, size: number): Promise<number[]> => {
    const found: number[] = []
    let after: UsageLine | null = null
    let page: readonly UsageLine[]
    do {
      page = await metering.lines({ from, to, realmId: 'a', clientId: 'app' }, after, size)
      found.push(...page.map(({ hour }) => hour))
      after = page.at(-1) ?? null
    } while (after !== null)
    return found
  }
  for (const size of [1, 2, 100]) {
    assert.deepEqual(await told(0, Number.MAX_SAFE_INTEGER, size), hours)
    assert.deepEqual(
      await told(3600, 701 * 3600, size),
      hours.filter((hour) => hour >= 3600 && hour < 701 * 3600),
    )
    assert.deepEqual(await told(26 * 3600, 700 * 3600, size), [])
  }
}

const outlive = async (store: Store): Promise<void> => {
  await store.realms.put(realm('a'), ACT)
  await store.clients.put(client('a', 'app'), ACT)
  await store.metering.admit(admission())
  await store.clients.remove('a', 'app', ACT)
  await store.realms.remove('a', ACT)
  assert.equal((await store.metering.lines(ALL, null, 10)).length, 1)
}

const sweep = async (store: Store): Promise<void> => {
  const keys = Array.from({ length: 1200 }, (_, n) => ({ ...KEY, clientId: `c${n}` }))
  await Promise.all(keys.flatMap((one) => [HOUR, HOUR + 3600].map((now) => store.metering.admit(admission({ key: one, now })))))
  assert.equal(await store.metering.sweep(HOUR), 0)
  assert.equal(await store.metering.sweep(HOUR + 1), 1200)
  assert.equal(await store.metering.sweep(HOUR + 3600), 0)
  assert.equal((await store.metering.lines(ALL, null, 10_000)).length, 1200)
}
