// countersign usage: the bill, as files other programs read. The same window that is over is the same text, whenever it is asked for.
import { moment } from '../config/lifetime.ts'
import type { UsageFilter } from '../model/metering.ts'
import type { Store } from '../model/store.ts'
import { AT_REST_OPTIONS, placesUsage, withAtRest } from './at_rest.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { findRealm } from './find.ts'
import { isoTime, printable } from './listing.ts'
import type { UsageFormat } from './usage_formats.ts'
import { USAGE_FORMATS } from './usage_formats.ts'
import type { Period } from './usage_lines.ts'
import { periodLines, periodOf } from './usage_lines.ts'

export const command: Command = {
  summary: 'export what clients used, to bill from',
  usage: `Usage: countersign usage [--from T] [--to T] [--realm R] [--client C] [--by hour|day|month] [--format csv|jsonl|cloudevents]

Prints the requests to the guarded APIs that were admitted, one line for each hour (of UTC), client, API key, API and route.
Without --from and --to: this month so far.

  --from T        first hour: a date like 2026-11-01, a month like 2026-11, or 2026-11-01T13:00:00Z
  --to T          the hour it ends before
  --realm R       of this realm only
  --client C      of this client only
  --by P          sums by hour (as it is without it), day or month
  --format F      csv (as it is without it), jsonl or cloudevents; events are of whole periods that are over
${placesUsage(16)}

Examples:
  countersign usage --from 2026-10 --to 2026-11 --by month > october.csv
  countersign usage --client booth --format jsonl`,
  async run(args, io) {
    const { from, to, realm, client, by, format, ...place } = readOptions('usage', args, {
      ...AT_REST_OPTIONS,
      from: { type: 'string' },
      to: { type: 'string' },
      realm: { type: 'string' },
      client: { type: 'string' },
      by: { type: 'string' },
      format: { type: 'string' },
    })
    const period = chosen('--by', by ?? 'hour', PERIODS)
    const written = chosen('--format', format ?? 'csv', USAGE_FORMATS)
    return await withAtRest(place, io, async ({ store, act }) => {
      const window = windowOf(from, to, act.at)
      const whose = {
        ...(realm !== undefined && { realmId: await metered(store, realm) }),
        ...(client !== undefined && { clientId: client }),
      }
      const part = written.isFinal ? finalPart(window, period, act.at, io) : warned(window, act.at, io)
      await print(store, { ...part, ...whose }, period, written, io)
      return 0
    })
  },
}

interface Window {
  readonly from: number
  readonly to: number
}

const PERIODS: ReadonlyMap<string, Period> = new Map([
  ['hour', 'hour'],
  ['day', 'day'],
  ['month', 'month'],
])

const HOUR = 3600
/** Seconds after its end that an hour may still be told of its last requests. */
const SETTLING = 120
const PROGRESS_MS = 2000

async function print(store: Store, filter: UsageFilter, by: Period, format: UsageFormat, io: Io): Promise<void> {
  const sources = new Map<string, string>()
  let told = Date.now()
  let lines = 0
  io.out(format.head)
  for await (const piece of periodLines(store, filter, by)) {
    let text = ''
    for (const line of piece) {
      const source = sources.get(line.realmId) ?? (await sourceOf(store, line.realmId))
      sources.set(line.realmId, source)
      text += format.line(line, by, source)
    }
    io.out(text)
    // Whoever read this (`| head`) has gone.
    if (process.stdout.destroyed || process.stdout.errored !== null) return
    lines += piece.length
    if (Date.now() - told < PROGRESS_MS) continue
    told = Date.now()
    io.err(`${lines} lines${piece.length === 0 ? '' : `, up to ${isoTime(piece.at(-1)?.end ?? 0)}`}\n`)
  }
}

/** A realm that is gone has no issuer. */
async function sourceOf({ realms }: Store, realmId: string): Promise<string> {
  return (await realms.find(realmId))?.issuer ?? `/realms/${encodeURIComponent(realmId)}`
}

function windowOf(from: string | undefined, to: string | undefined, now: number): Window {
  const end = to === undefined ? periodOf('hour', now).end : readTime('--to', to)
  const start = from === undefined ? periodOf('month', Math.max(end - 1, 0)).start : readTime('--from', from)
  if (start < end) return { from: start, to: end }
  throw new UsageError(`There is no hour from ${isoTime(start)} to ${isoTime(end)}: --from must be before --to.`)
}

function readTime(option: string, text: string): number {
  const at = moment(/^[0-9]{4}-[0-9]{2}$/.test(text) ? `${text}-01` : text)
  if (at % HOUR === 0) return at
  throw new UsageError(
    `${option} must be a whole hour of UTC: a month like 2026-11, a date like 2026-11-21, or a time like 2026-11-21T10:00:00Z.`,
  )
}

/** Epoch seconds before which every hour is as it stays. */
function settledAt(now: number): number {
  return periodOf('hour', now - SETTLING).start
}

function warned(window: Window, now: number, io: Io): Window {
  const settled = settledAt(now)
  if (window.to > settled) io.err(`The lines from ${isoTime(Math.max(settled, window.from))} on can still change.\n`)
  return window
}

/** The whole periods of the window that are over. */
function finalPart(window: Window, by: Period, now: number, io: Io): Window {
  const first = periodOf(by, window.from)
  const from = first.start === window.from ? first.start : first.end
  const to = periodOf(by, Math.min(window.to, settledAt(now))).start
  if (from !== window.from || to !== window.to) {
    const what = from < to ? `from ${isoTime(from)} to ${isoTime(to)}` : 'none'
    io.err(`Events are of whole ${by}s that are over: of those asked for these are ${what}.\n`)
  }
  return { from, to: Math.max(from, to) }
}

function chosen<T>(option: string, text: string, choices: ReadonlyMap<string, T>): T {
  const choice = choices.get(text)
  if (choice !== undefined) return choice
  throw new UsageError(`${option} must be one of ${[...choices.keys()].join(', ')}, and not '${printable(text)}'.`)
}

/** A realm that is gone has its lines still. @throws UsageError for one that there never was */
async function metered(store: Store, realmId: string): Promise<string> {
  const known = await store.metering.lines({ from: 0, to: Number.MAX_SAFE_INTEGER, realmId }, null, 1)
  return known.length > 0 ? realmId : (await findRealm(store, realmId)).id
}
