// countersign usage: what was used, to the last line, in formats other programs read; the same text each time it is asked for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { USAGE_FORMATS } from '../../src/cli/usage_formats.ts'
import type { UsageKey } from '../../src/model/metering.ts'
import { observedOf } from '../../src/model/observed.ts'
import { BOUNDED } from '../process/program.ts'
import type { Depot } from './depot.ts'
import { command, depot, spawned, storeOf, succeeding } from './depot.ts'

const HOUR = 3600
const DAY = 24 * HOUR
/** 2026-03-01T00:00:00Z */
const MARCH = 1_772_323_200
const APRIL = MARCH + 31 * DAY

const KEY: UsageKey = { realmId: 'depot', clientId: 'shop', apiKeyId: '', apiId: 'goods', route: 'GET /goods/:id' }

type Use = Partial<UsageKey> & { readonly at: number; readonly units?: number }

const use = async (place: Depot, uses: readonly Use[]): Promise<void> => {
  const store = await storeOf(place)
  await Promise.all(
    uses.map(async ({ at, units = 1, ...key }) => {
      await store.metering.admit({ key: { ...KEY, ...key }, now: at, units, charges: [] })
      await store.metering.observe(observedOf([{ key: { ...KEY, ...key }, at, status: 200, bytesIn: 10, bytesOut: 100, milliseconds: 5 }]))
    }),
  )
  await store.close()
}

const MARCH_ONLY = ['--from', '2026-03', '--to', '2026-04']
const told = async (place: Depot, ...args: readonly string[]): Promise<string> => {
  const { code, out, err } = await command(place, ['usage', ...args])
  assert.deepEqual([code, err], [0, ''])
  return out
}
const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

/** What a reader of RFC 4180 makes of it. */
const csvCells = (text: string): string[][] => {
  assert.ok(text.endsWith('\r\n'))
  const rows: string[][] = [[]]
  for (const [, quoted, plain = '', end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === '\r\n') rows.push([])
  }
  return rows.slice(0, -1)
}

const USES: readonly Use[] = [
  { at: MARCH },
  { at: MARCH + HOUR - 1, units: 3 },
  { at: MARCH + HOUR, clientId: 'stall', apiKeyId: 'k1' },
  { at: MARCH + DAY, route: 'otherwise' },
  { at: APRIL - 1 },
  { at: APRIL },
  { at: MARCH - 1 },
  { at: MARCH + HOUR, realmId: 'gone' },
]

test('CSV has a head, a line for each hour and key, and CRLF behind each', async () => {
  const place = await depot()
  await use(place, USES)
  const text = await told(place, ...MARCH_ONLY)
  const [head, ...lines] = text.split('\r\n')
  assert.equal(
    head,
    'start,end,realm,client,api_key,api,route,requests,units,answers_1xx,answers_2xx,answers_3xx,answers_4xx,answers_5xx,answers_none,bytes_in,bytes_out,milliseconds',
  )
  assert.deepEqual(lines, [
    '2026-03-01T00:00:00Z,2026-03-01T01:00:00Z,depot,shop,,goods,GET /goods/:id,2,4,0,2,0,0,0,0,20,200,10',
    '2026-03-01T01:00:00Z,2026-03-01T02:00:00Z,depot,stall,k1,goods,GET /goods/:id,1,1,0,1,0,0,0,0,10,100,5',
    '2026-03-01T01:00:00Z,2026-03-01T02:00:00Z,gone,shop,,goods,GET /goods/:id,1,1,0,1,0,0,0,0,10,100,5',
    '2026-03-02T00:00:00Z,2026-03-02T01:00:00Z,depot,shop,,goods,otherwise,1,1,0,1,0,0,0,0,10,100,5',
    '2026-03-31T23:00:00Z,2026-04-01T00:00:00Z,depot,shop,,goods,GET /goods/:id,1,1,0,1,0,0,0,0,10,100,5',
    '',
  ])
})

test('lines are chosen by realm and client, a realm that is gone among them', async () => {
  const place = await depot()
  await use(place, USES)
  const starts = async (...args: readonly string[]) =>
    jsonLines(await told(place, '--format', 'jsonl', ...args)).map(
      ({ start, realm, client }) => `${String(start).slice(0, 13)} ${String(realm)} ${String(client)}`,
    )
  assert.deepEqual(await starts(...MARCH_ONLY, '--client', 'stall'), ['2026-03-01T01 depot stall'])
  assert.deepEqual(await starts(...MARCH_ONLY, '--realm', 'gone'), ['2026-03-01T01 gone shop'])
  assert.deepEqual(await starts('--realm', 'depot', '--client', 'shop', '--from', '2026-03-31', '--to', '2026-04-01T01:00:00Z'), [
    '2026-03-31T23 depot shop',
    '2026-04-01T00 depot shop',
  ])
  assert.deepEqual(await starts('--client', 'nobody', ...MARCH_ONLY), [])
  assert.deepEqual((await starts('--to', '2026-04')).length, 5, 'without a beginning: the month before the end')
})

test('sums by day and month are those of the hours, cut where the window ends', async () => {
  const place = await depot()
  await use(place, USES)
  const lines = async (...args: readonly string[]) =>
    jsonLines(await told(place, '--format', 'jsonl', ...args)).map(({ start, end, realm, client, route, requests, units, answers }) => [
      ...[start, end].map((time) => String(time).slice(5, 13)),
      realm,
      client,
      route,
      requests,
      units,
      (answers as Record<string, unknown>)['2xx'],
    ])
  assert.deepEqual(await lines('--by', 'day', ...MARCH_ONLY), [
    ['03-01T00', '03-02T00', 'depot', 'shop', 'GET /goods/:id', 2, 4, 2],
    ['03-01T00', '03-02T00', 'depot', 'stall', 'GET /goods/:id', 1, 1, 1],
    ['03-01T00', '03-02T00', 'gone', 'shop', 'GET /goods/:id', 1, 1, 1],
    ['03-02T00', '03-03T00', 'depot', 'shop', 'otherwise', 1, 1, 1],
    ['03-31T00', '04-01T00', 'depot', 'shop', 'GET /goods/:id', 1, 1, 1],
  ])
  assert.deepEqual(await lines('--by', 'month', '--realm', 'depot', '--from', '2026-02', '--to', '2026-04-01T01:00:00Z'), [
    ['02-01T00', '03-01T00', 'depot', 'shop', 'GET /goods/:id', 1, 1, 1],
    ['03-01T00', '04-01T00', 'depot', 'shop', 'GET /goods/:id', 3, 5, 3],
    ['03-01T00', '04-01T00', 'depot', 'shop', 'otherwise', 1, 1, 1],
    ['03-01T00', '04-01T00', 'depot', 'stall', 'GET /goods/:id', 1, 1, 1],
    ['04-01T00', '04-01T01', 'depot', 'shop', 'GET /goods/:id', 1, 1, 1],
  ])
})

test('a window that is over is the same to the byte whenever it is asked for, whatever came since', async () => {
  const place = await depot()
  await use(place, USES)
  const formats = ['csv', 'jsonl', 'cloudevents'].flatMap((format) =>
    ['hour', 'day', 'month'].map((by) => ['--format', format, '--by', by]),
  )
  const before = await Promise.all(formats.map((args) => told(place, ...MARCH_ONLY, ...args)))
  const now = Math.floor(Date.now() / 1000)
  await use(place, [{ at: now }, { at: APRIL + HOUR }, { at: MARCH - HOUR, clientId: 'new' }])
  const store = await storeOf(place)
  // One of March that ends in April: a download of hours.
  await store.metering.observe(
    observedOf([{ key: KEY, at: APRIL - 2, status: 200, bytesIn: 1, bytesOut: 1e9, milliseconds: 3 * HOUR * 1000 }]),
  )
  await store.close()
  assert.deepEqual(await Promise.all(formats.map((args) => told(place, ...MARCH_ONLY, ...args))), before)
  assert.equal(new Set(before).size, 9)
})

test('CloudEvents say who, when and what, and an event that is told twice is known by its id', async () => {
  const place = await depot()
  await use(place, USES)
  const events = jsonLines(await told(place, '--format', 'cloudevents', ...MARCH_ONLY))
  const { id, ...rest } = events[0] ?? {}
  assert.match(String(id), /^[\w-]{43}$/)
  const { data, ...envelope } = rest
  assert.deepEqual(envelope, {
    specversion: '1.0',
    source: 'https://auth.depot.example/realms/depot',
    type: 'countersign.usage.hour',
    subject: 'shop',
    time: '2026-03-01T01:00:00Z',
    datacontenttype: 'application/json',
  })
  const [line] = jsonLines(await told(place, '--format', 'jsonl', ...MARCH_ONLY))
  assert.deepEqual(data, line)
  assert.equal(events[2]?.['source'], '/realms/gone')
  const wider = jsonLines(await told(place, '--format', 'cloudevents', '--from', '2026-01', '--to', '2026-05'))
  const ids = (lines: readonly Record<string, unknown>[]) => lines.map((event) => String(event['id']))
  assert.equal(new Set(ids(wider)).size, 7)
  assert.deepEqual(ids(wider).slice(1, -1), ids(events))
  const days = jsonLines(await told(place, '--format', 'cloudevents', '--by', 'day', ...MARCH_ONLY))
  assert.deepEqual([...new Set(days.map(({ type }) => type))], ['countersign.usage.day'])
  assert.equal(new Set([...ids(wider), ...ids(days)]).size, 12, 'a day is another event than its hours')
})

test('events are of whole periods that are over, and what is left out is said', async () => {
  const place = await depot()
  const now = Math.floor(Date.now() / 1000)
  await use(place, [...USES, { at: now }])
  const events = async (...args: readonly string[]) => await command(place, ['usage', '--format', 'cloudevents', ...args])
  const current = await events()
  assert.deepEqual([current.code, current.out], [0, ''])
  assert.match(current.err, /^Events are of whole hours that are over: of those asked for these are .*\.\n$/)
  const cut = await events('--by', 'month', '--from', '2026-02-02', '--to', '2026-04-20')
  assert.equal(
    cut.err,
    'Events are of whole months that are over: of those asked for these are from 2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z.\n',
  )
  assert.deepEqual(new Set(jsonLines(cut.out).map(({ time }) => time)), new Set(['2026-04-01T00:00:00Z']))
  const none = await events('--by', 'day', '--from', '2026-03-01T01:00:00Z', '--to', '2026-03-01T09:00:00Z')
  assert.deepEqual(none, { code: 0, out: '', err: 'Events are of whole days that are over: of those asked for these are none.\n' })
})

test('without a window it is this month so far, and what can still change is said', async () => {
  const place = await depot()
  const now = Math.floor(Date.now() / 1000)
  await use(place, [{ at: now }, { at: MARCH }])
  const { code, out, err } = await command(place, ['usage', '--format', 'jsonl'])
  assert.deepEqual([code, jsonLines(out).map(({ start }) => Date.parse(String(start)) / 1000)], [0, [now - (now % HOUR)]])
  assert.match(err, /^The lines from 20\S+:00:00Z on can still change\.\n$/)
})

test('a cell that would be a formula, part a line or move a cursor is harmless, and its text is not lost', async () => {
  const csv = USAGE_FORMATS.get('csv') ?? assert.fail()
  const line = { start: MARCH, end: MARCH + HOUR, requests: 1, units: 1, bytesIn: 0, bytesOut: 0, milliseconds: 0 }
  const answers = { '1xx': 0, '2xx': 1, '3xx': 0, '4xx': 0, '5xx': 0, none: 0 }
  const written = (clientId: string): string => csv.line({ ...line, ...KEY, answers, clientId }, 'hour', '')
  for (const [clientId, cell] of [
    ['=1+1', `"'=1+1"`],
    ['-x', `"'-x"`],
    ['@SUM(A1)', `"'@SUM(A1)"`],
    ['+x;=1', `"'+x;=1"`],
    ['a;=1', '"a;=1"'],
    ["'=1", `"''=1"`],
    ['say "hi", twice', '"say ""hi"", twice"'],
    ['a\r\n=1', '"a\\u{d}\\u{a}=1"'],
    ['\u001b[2J\u202e', '"\\u{1b}[2J\\u{202e}"'],
    ['\uff1d1', `"'\uff1d1"`],
  ] as const) {
    assert.equal(written(clientId).split('depot,')[1]?.split(',,goods')[0], cell)
  }
  const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)), minLength: 1 })
  fc.assert(
    fc.property(visible, (clientId) => {
      const text = written(clientId)
      assert.match(text, /^[^\r\n]*\r\n$/)
      const [cells = []] = csvCells(text)
      assert.equal(cells.length, 18)
      assert.doesNotMatch(cells[3] ?? '', /^[-=+@]/)
      assert.equal(cells[3]?.replace(/^'/, ''), clientId)
    }),
  )
})

test('pages join without a seam, and the program prints what the command says', BOUNDED, async () => {
  const place = await depot()
  await use(
    place,
    Array.from({ length: 2500 }, (_, n) => ({ at: MARCH + (n % 7) * HOUR, clientId: `c${n}` })),
  )
  const rows = csvCells(await told(place, ...MARCH_ONLY))
  assert.equal(rows.length, 2501)
  assert.equal(new Set(rows.map((row) => row[3])).size, 2501)
  const sorted = rows.slice(1).map((row) => `${row[0]} ${row[3]}`)
  assert.deepEqual(sorted, sorted.toSorted())
  const { code, out, err } = await spawned(place, ['usage', ...MARCH_ONLY])
  assert.deepEqual([code, csvCells(out), err], [0, rows, ''])
})

test('a wrong line is told in one sentence', async () => {
  const place = await depot()
  await use(place, [])
  for (const [args, sentence] of [
    [['--from', 'yesterday'], /^--from must be a whole hour of UTC: /],
    [['--to', '2026-03-01T00:30:00Z'], /^--to must be a whole hour of UTC: /],
    [['--from', '2026-13'], /^--from must be /],
    [
      ['--from', '2026-04', '--to', '2026-03'],
      /^There is no hour from 2026-04-01T00:00:00Z to 2026-03-01T00:00:00Z: --from must be before --to\.\n$/,
    ],
    [['--by', 'year'], /^--by must be one of hour, day, month, and not 'year'\.\n$/],
    [['--format', 'xml\u001b'], /^--format must be one of csv, jsonl, cloudevents, and not 'xml\\u\{1b\}'\.\n$/],
    [['--realm', 'x'], /^There is no realm 'x': the realms are depot\.\n$/],
    [['now'], /^'now' is a word too many/],
  ] as const) {
    const { code, out, err } = await command(place, ['usage', ...args])
    assert.deepEqual([code, out], [2, ''], err)
    assert.match(err, sentence)
    assert.match(err, /^[^\n]+\.\n$/)
  }
  assert.match(await succeeding(place, ['usage', ...MARCH_ONLY]), /^start,end,realm/)
})
