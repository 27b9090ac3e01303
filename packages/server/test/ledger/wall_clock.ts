// A slow second opinion on windows: reads a zone's wall clock minute by minute, as text, and reasons about nothing else.

export const MINUTE = 60

/** `2026-11-21 14:05` */
export type WallClock = (at: number) => string

export const wallClock = (timeZone: string): WallClock => {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' })
  return (at) => format.format(at * 1000)
}

/** Whole minutes from `from` until before `to`. */
export function* minutes(from: number, to: number): Generator<number, void> {
  for (let at = Math.ceil(from / MINUTE) * MINUTE; at < to; at += MINUTE) yield at
}

/** Instants, whole hours, at which the clocks have been turned some time within the hour before. */
export const turns = (timeZone: string, from: number, to: number): number[] => {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset', year: 'numeric' })
  const found: number[] = []
  let before = format.format(from * 1000).slice(-9)
  for (let at = from; at < to; at += 3600) {
    const now = format.format(at * 1000).slice(-9)
    if (now !== before) found.push(at)
    before = now
  }
  return found
}

/** The hour window of a whole minute: back and forth until the clock shows a full hour or has not gone on by one minute. */
export const hourAround = (clock: WallClock, at: number): { start: number; end: number } => {
  let start = at
  while (!begins(clock, start)) start -= MINUTE
  let end = at + MINUTE
  while (!begins(clock, end)) end += MINUTE
  return { start, end }
}

const begins = (clock: WallClock, at: number): boolean => clock(at).endsWith(':00') || isTurned(clock, at)

/** Whether the clock shows anything else than one minute more than a minute ago. */
export const isTurned = (clock: WallClock, at: number): boolean => {
  const expected = new Date(Date.parse(`${clock(at - MINUTE).replace(' ', 'T')}Z`) + MINUTE * 1000).toISOString()
  return expected.slice(0, 16).replace('T', ' ') !== clock(at)
}
