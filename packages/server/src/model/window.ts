// Calendar windows: which stretch of the time line a moment belongs to, in a named time zone, daylight saving included.
// The one definition of them. Owns no clock and no storage; what counts in a window is the ledger's.
import type { Span } from './ledger.ts'
import type { CalendarWindow } from './plan.ts'

/**
 * The window that holds `now` (epoch seconds, 1970 to 9999). Windows of one unit and zone follow each other without gap or overlap.
 *
 * A month or a day begins with the first instant at which the zone's clocks show its midnight or anything later. So a day without a
 * midnight begins where the clocks were set to, a day the zone left out has no window, and clocks turned back over midnight do not
 * begin the old day again. An hour ends where the clocks show the next one or are turned: an hour that is repeated is two windows.
 */
export function spanOf(window: CalendarWindow, now: number): Span {
  const known = spans.get(window)
  if (known !== undefined && known.start <= now && now < known.end) return known
  const found = remembered(spansByName, `${window.unit} ${window.timeZone}`, now, () => span(window, Math.floor(now)))
  spans.set(window, found)
  return found
}

/** The calendar day that holds `now` in the window's zone, `2026-11-21`: the day whose own window holds it. */
export function dayOf(window: CalendarWindow, now: number): string {
  const known = days.get(window)
  if (known !== undefined && known.start <= now && now < known.end) return known.name
  const found = remembered(daysByZone, window.timeZone, now, () => day(offsetIn(window.timeZone), Math.floor(now)))
  days.set(window, found)
  return found.name
}

/** Whether the name is one of the time zone database that this runtime knows; a bare offset such as `+05:30` is not. */
export function isTimeZone(name: string): boolean {
  if (!NAME.test(name)) return false
  try {
    formatter(name)
    return true
  } catch {
    return false
  }
}

const NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/

const HOUR = 3600
const DAY = 24 * HOUR
/** No zone has been further ahead of UTC than 14 hours since 1970. */
const FURTHEST_EAST = 14 * HOUR
/** The year 10000. */
const END_OF_TIME = 253_402_300_800

interface Day extends Span {
  readonly name: string
}

/** Seconds the zone's clocks are ahead of UTC at that instant. */
type Offset = (at: number) => number

// The last answer, by the window itself for the hot path, and by name for the many windows of clients that share a zone.
const spans = new WeakMap<CalendarWindow, Span>()
const days = new WeakMap<CalendarWindow, Day>()
const spansByName = new Map<string, Span>()
const daysByZone = new Map<string, Day>()
const formatters = new Map<string, Intl.DateTimeFormat>()
const MOST_REMEMBERED = 1000

function remembered<S extends Span>(memory: Map<string, S>, name: string, now: number, find: () => S): S {
  const known = memory.get(name)
  if (known !== undefined && known.start <= now && now < known.end) return known
  const found = find()
  remember(memory, name, found)
  return found
}

function remember<T>(memory: Map<string, T>, name: string, value: T): void {
  if (memory.size >= MOST_REMEMBERED) memory.clear()
  memory.set(name, value)
}

function span({ unit, timeZone }: CalendarWindow, now: number): Span {
  const offset = offsetIn(timeZone)
  if (unit === 'hour') return hour(offset, now)
  const { start, end } = unit === 'day' ? day(offset, now) : month(offset, now)
  return { start, end }
}

function month(offset: Offset, now: number): Span {
  const shown = new Date((now + offset(now)) * 1000)
  const first = (index: number): number => Date.UTC(Math.floor(index / 12), index % 12) / 1000
  return begun(offset, now, shown.getUTCFullYear() * 12 + shown.getUTCMonth(), first)
}

function day(offset: Offset, now: number): Day {
  const { index, start, end } = begun(offset, now, Math.floor((now + offset(now)) / DAY), (at) => at * DAY)
  return { start, end, name: new Date(index * DAY * 1000).toISOString().slice(0, 10) }
}

/** The last of the numbered stretches that has begun. Its number is that of what the clocks show, or later if they were turned back. */
function begun(offset: Offset, now: number, shown: number, midnight: (index: number) => number): Span & { readonly index: number } {
  let index = shown
  let start = beginning(offset, midnight(index))
  let end = beginning(offset, midnight(index + 1))
  while (end <= now) {
    index += 1
    start = end
    end = beginning(offset, midnight(index + 1))
  }
  return { index, start, end }
}

function hour(offset: Offset, now: number): Span {
  const current = offset(now)
  const full = now - ((((now + current) % HOUR) + HOUR) % HOUR)
  const last = full + HOUR - 1
  return {
    start: offset(full) === current ? full : turn(offset, full, now),
    end: offset(last) === current ? full + HOUR : turn(offset, now, last),
  }
}

/** The first instant at which clocks show `local` (written as if it were UTC) or later. */
function beginning(offset: Offset, local: number): number {
  let before = local - FURTHEST_EAST - HOUR
  let reached = local - offset(before)
  while (offset(reached) !== offset(before)) {
    const turned = turn(offset, before, reached)
    if (turned + offset(turned) >= local) return turned
    before = turned
    reached = local - offset(before)
  }
  return reached
}

/** The instant after `from` and not after `to` at which clocks are turned. No zone has turned them twice in so short a time. */
function turn(offset: Offset, from: number, to: number): number {
  const old = offset(from)
  let before = from
  let after = to
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offset(middle) === old) before = middle
    else after = middle
  }
  return after
}

function offsetIn(timeZone: string): Offset {
  const format = formatter(timeZone)
  return (at) => shownAt(format, at) - at
}

/** What the clocks show, as if it were UTC. */
function shownAt(format: Intl.DateTimeFormat, at: number): number {
  if (!(Math.abs(at) < END_OF_TIME)) throw new RangeError(`No calendar holds the instant ${at}.`)
  const shown: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const { type, value } of format.formatToParts(at * 1000)) shown[type] = Number(value)
  const { year = 0, month: ordinal = 0, day: date = 0, hour: hours = 0, minute = 0, second = 0 } = shown
  return Date.UTC(year, ordinal - 1, date, hours, minute, second) / 1000
}

function formatter(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  remember(formatters, timeZone, made)
  return made
}
