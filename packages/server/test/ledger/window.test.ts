// Calendar windows: named cases of awkward calendars, then properties over all zones and the years 1970 to 2100 against wall_clock.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Span } from '../../src/model/ledger.ts'
import type { CalendarWindow } from '../../src/model/plan.ts'
import { dayOf, isTimeZone, spanOf } from '../../src/model/window.ts'
import { hourAround, isTurned, MINUTE, minutes, turns, wallClock } from './wall_clock.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const seconds = (text: string): number => Date.parse(text) / 1000
const iso = (at: number): string => new Date(at * 1000).toISOString().slice(0, 19)
const told = ({ start, end }: Span): string => `${iso(start)} ${iso(end)}`

const CASES: readonly (readonly [title: string, unit: CalendarWindow['unit'], zone: string, at: string, span: string])[] = [
  ['a month', 'month', 'UTC', '2026-11-21T12:00:00Z', '2026-11-01T00:00:00 2026-12-01T00:00:00'],
  ['a month’s last second', 'month', 'UTC', '2026-11-30T23:59:59Z', '2026-11-01T00:00:00 2026-12-01T00:00:00'],
  ['a month’s first second', 'month', 'UTC', '2026-12-01T00:00:00Z', '2026-12-01T00:00:00 2027-01-01T00:00:00'],
  ['February of a leap year', 'month', 'UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00 2028-03-01T00:00:00'],
  ['February of 2100', 'month', 'UTC', '2100-02-28T23:59:59Z', '2100-02-01T00:00:00 2100-03-01T00:00:00'],
  ['a month over the end of summer time', 'month', 'Europe/Lisbon', '2026-10-31T23:59:59Z', '2026-09-30T23:00:00 2026-11-01T00:00:00'],
  ['New Year far in the east', 'month', 'Pacific/Kiritimati', '2026-12-31T10:00:00Z', '2026-12-31T10:00:00 2027-01-31T10:00:00'],
  ['New Year far in the west', 'month', 'Pacific/Pago_Pago', '2027-01-01T10:59:59Z', '2026-12-01T11:00:00 2027-01-01T11:00:00'],
  ['a day of 23 hours', 'day', 'Europe/Berlin', '2026-03-29T10:00:00Z', '2026-03-28T23:00:00 2026-03-29T22:00:00'],
  ['a day of 25 hours', 'day', 'Europe/Berlin', '2026-10-25T22:30:00Z', '2026-10-24T22:00:00 2026-10-25T23:00:00'],
  ['a day without midnight', 'day', 'America/Sao_Paulo', '2018-11-04T12:00:00Z', '2018-11-04T03:00:00 2018-11-05T02:00:00'],
  ['a midnight that comes twice', 'day', 'America/Havana', '2026-11-01T05:30:00Z', '2026-11-01T04:00:00 2026-11-02T05:00:00'],
  ['clocks turned back over midnight', 'day', 'America/St_Johns', '2006-10-29T02:45:00Z', '2006-10-29T02:30:00 2006-10-30T03:30:00'],
  ['the day before a day left out', 'day', 'Pacific/Apia', '2011-12-30T09:59:59Z', '2011-12-29T10:00:00 2011-12-30T10:00:00'],
  ['the day after a day left out', 'day', 'Pacific/Apia', '2011-12-30T10:00:00Z', '2011-12-30T10:00:00 2011-12-31T10:00:00'],
  ['a month that begins with a turn', 'month', 'Asia/Amman', '2016-04-15T00:00:00Z', '2016-03-31T22:00:00 2016-04-30T21:00:00'],
  ['an hour at 45 minutes', 'hour', 'Asia/Kathmandu', '2026-11-21T12:20:00Z', '2026-11-21T12:15:00 2026-11-21T13:15:00'],
  ['an hour at 30 minutes', 'hour', 'Asia/Kolkata', '2026-11-21T12:20:00Z', '2026-11-21T11:30:00 2026-11-21T12:30:00'],
  ['the first of an hour that comes twice', 'hour', 'Europe/Lisbon', '2026-10-25T00:30:00Z', '2026-10-25T00:00:00 2026-10-25T01:00:00'],
  ['the second of an hour that comes twice', 'hour', 'Europe/Lisbon', '2026-10-25T01:30:00Z', '2026-10-25T01:00:00 2026-10-25T02:00:00'],
  ['the hour after one left out', 'hour', 'Europe/Lisbon', '2026-03-29T01:00:00Z', '2026-03-29T01:00:00 2026-03-29T02:00:00'],
  ['half an hour that comes twice', 'hour', 'Australia/Lord_Howe', '2026-04-04T15:10:00Z', '2026-04-04T15:00:00 2026-04-04T15:30:00'],
  ['half an hour left out', 'hour', 'Australia/Lord_Howe', '2026-10-03T15:40:00Z', '2026-10-03T15:30:00 2026-10-03T16:00:00'],
  ['an hour cut short by a turn', 'hour', 'America/St_Johns', '2006-10-29T02:30:30Z', '2006-10-29T02:30:00 2006-10-29T02:31:00'],
  ['an hour that begins with a turn', 'hour', 'America/St_Johns', '2006-10-29T02:31:00Z', '2006-10-29T02:31:00 2006-10-29T03:30:00'],
  ['an offset with seconds', 'day', 'Africa/Monrovia', '1971-06-01T12:00:00Z', '1971-06-01T00:44:30 1971-06-02T00:44:30'],
  ['the beginning of time', 'month', 'America/New_York', '1970-01-01T00:00:00Z', '1969-12-01T05:00:00 1970-01-01T05:00:00'],
]

describe('the window that holds an instant', () => {
  for (const [title, unit, timeZone, at, span] of CASES) {
    test(`${title}: ${unit} in ${timeZone}`, () => assert.equal(told(spanOf({ unit, timeZone }, seconds(at))), span))
  }
})

test('an instant’s day is the one whose window holds it', () => {
  const day = (timeZone: string, at: string): string => dayOf({ unit: 'month', timeZone }, seconds(at))
  assert.equal(day('UTC', '2026-11-21T23:59:59Z'), '2026-11-21')
  assert.equal(day('Asia/Tokyo', '2026-11-21T23:59:59Z'), '2026-11-22')
  assert.equal(day('Pacific/Apia', '2011-12-30T09:59:59Z'), '2011-12-29')
  assert.equal(day('Pacific/Apia', '2011-12-30T10:00:00Z'), '2011-12-31')
  assert.equal(day('America/St_Johns', '2006-10-29T02:45:00Z'), '2006-10-29', 'the clocks show the 28th once more')
})

test('a time zone is a name that the time zone database knows', () => {
  for (const name of ['UTC', 'Europe/Lisbon', 'america/argentina/buenos_aires', 'Etc/GMT+5', 'EST5EDT'])
    assert.equal(isTimeZone(name), true)
  const others = ['', 'Europe/Nowhere', '+05:30', '-03', 'UTC\0', ' UTC', 'Europe/Lisbon\n', '../UTC', 'x'.repeat(1_000_000), '__proto__']
  for (const name of others) assert.equal(isTimeZone(name), false)
})

test('an instant that no calendar holds, and a zone that nobody knows, are refused', () => {
  const window: CalendarWindow = { unit: 'day', timeZone: 'UTC' }
  for (const at of [Number.NaN, Number.POSITIVE_INFINITY, -1e15, 1e15]) assert.throws(() => spanOf(window, at), RangeError)
  assert.throws(() => spanOf({ unit: 'day', timeZone: 'Europe/Nowhere' }, 0), RangeError)
})

/** Asked anew: what is remembered of this zone is of another century. */
const spanAt = (unit: CalendarWindow['unit'], timeZone: string, at: number): Span => {
  spanOf({ unit, timeZone }, seconds('2200-06-15T00:00:00Z'))
  return spanOf({ unit, timeZone }, at)
}

const AWKWARD = ['Australia/Lord_Howe', 'Pacific/Apia', 'America/St_Johns', 'Africa/Casablanca', 'Africa/Cairo', 'America/Havana']
const zones = fc.oneof(fc.constantFrom(...AWKWARD), fc.constantFrom(...Intl.supportedValuesOf('timeZone')))
const units = fc.constantFrom<CalendarWindow['unit']>('month', 'day', 'hour')

/** Half of them near to where the zone's clocks are turned. Monrovia's seconds of 1971 are a case of their own. */
const places = (near: number) =>
  fc
    .tuple(zones, fc.integer({ min: 1972, max: 2099 }), fc.nat(), fc.integer({ min: -near, max: near }), fc.boolean())
    .map(([zone, year, pick, distance, anywhere]) => {
      const january = Date.UTC(year) / 1000 + 8 * DAY
      if (anywhere) return { zone, at: january + (pick % (350 * DAY)) }
      const found = turns(zone, january, january + 350 * DAY)
      return { zone, at: (found[pick % found.length] ?? january) + distance }
    })

test('windows follow each other without gap or overlap, and each instant of one gives that one', () => {
  fc.assert(
    fc.property(places(2 * DAY), units, fc.float({ min: 0, max: 1, noNaN: true, maxExcluded: true }), ({ zone, at }, unit, share) => {
      let span = spanAt(unit, zone, at)
      assert.ok(span.start <= at && at < span.end)
      for (let n = 0; n < 12; n += 1) {
        const inside = span.start + Math.floor(share * (span.end - span.start))
        for (const instant of [span.end - 1, inside, span.start]) assert.deepEqual(spanAt(unit, zone, instant), span)
        const next = spanAt(unit, zone, span.end)
        assert.equal(next.start, span.end)
        span = next
      }
    }),
    { numRuns: 150 },
  )
})

/** What the clocks show first and last, and that nothing within reach on either side belongs to it. */
const agrees = (zone: string, span: Span, letters: number): string => {
  const clock = wallClock(zone)
  const label = (at: number): string => clock(at).slice(0, letters)
  const name = label(span.start)
  for (const at of minutes(span.start - 26 * HOUR, span.start)) assert.ok(label(at) < name, `${zone} ${iso(at)} is before ${name}`)
  for (const at of minutes(span.end - 26 * HOUR, span.end)) assert.ok(label(at) <= name, `${zone} ${iso(at)} is not after ${name}`)
  assert.ok(label(span.end) > name)
  return name
}

test('a day and a month begin when a wall clock first shows them, and end when it first shows a later one', () => {
  fc.assert(
    fc.property(places(2 * DAY), ({ zone, at }) => {
      const day = spanAt('day', zone, at)
      const name = agrees(zone, day, 10)
      const window: CalendarWindow = { unit: 'month', timeZone: zone }
      for (const instant of [day.start, at, day.end - 1]) assert.equal(dayOf(window, instant), name)
      const month = spanAt('month', zone, at)
      assert.equal(agrees(zone, month, 7), name.slice(0, 7), 'a day lies in its month')
      assert.ok(month.start <= day.start && day.end <= month.end)
      const clock = wallClock(zone)
      assert.ok(clock(day.start).endsWith(' 00:00') || isTurned(clock, day.start), 'midnight, or the clocks were turned past it')
      assert.ok(clock(month.start).endsWith('-01 00:00') || isTurned(clock, month.start))
    }),
    { numRuns: 60 },
  )
})

test('an hour begins when a wall clock shows a full one or is turned', () => {
  fc.assert(
    fc.property(places(2 * HOUR), ({ zone, at }) => {
      const minute = Math.floor(at / MINUTE) * MINUTE
      assert.deepEqual(spanAt('hour', zone, at), hourAround(wallClock(zone), minute))
    }),
    { numRuns: 300 },
  )
})

test('what a window remembers never changes its answer', () => {
  const window: CalendarWindow = { unit: 'day', timeZone: 'Europe/Lisbon' }
  const instants = fc.array(fc.integer({ min: seconds('2026-10-20T00:00:00Z'), max: seconds('2026-11-05T00:00:00Z') }), { minLength: 1 })
  fc.assert(
    fc.property(instants, (many) => {
      for (const instant of many) {
        for (const at of [instant, spanOf(window, instant).end]) {
          const span = spanOf(window, at)
          assert.deepEqual(spanOf({ ...window }, span.end).start, span.end, 'nor does what is remembered for other windows of its zone')
          assert.deepEqual(span, spanAt('day', 'Europe/Lisbon', at))
          assert.equal(dayOf(window, at), wallClock('Europe/Lisbon')(at).slice(0, 10))
          assert.equal(dayOf({ ...window }, at), dayOf(window, at))
        }
      }
    }),
  )
})
