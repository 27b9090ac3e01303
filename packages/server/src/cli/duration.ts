// Options that must be there, and stretches of time, as a command line has them.
import { lifetime, moment } from '../config/lifetime.ts'
import { UsageError } from './command.ts'

/** @param what that it names: `the client` @throws UsageError that names the option */
export function required(value: string | undefined, option: string, what: string): string {
  if (value) return value
  throw new UsageError(`${option} is missing: name ${what} with it.`)
}

/** Seconds of `15m`, `12h`, `7d`. @param otherwise what else may stand there @throws UsageError that names the option */
export function duration(option: string, text: string, otherwise: string): number {
  const seconds = lifetime(text)
  if (!Number.isNaN(seconds)) return seconds
  throw new UsageError(`${option} must be a time like 15m, 12h or 7d, at most 10 years, or ${otherwise}.`)
}

/** Epoch seconds of `--expires`: a time from now on, or a date; null without one. @throws UsageError for one that is over, or none at all */
export function endOf(expires: string | undefined, now: number): number | null {
  if (expires === undefined) return null
  const date = moment(expires)
  const end = Number.isNaN(date) ? now + duration('--expires', expires, 'a date like 2027-12-31') : date
  if (end > now) return end
  throw new UsageError(`--expires ${expires} is over already: give a later one.`)
}
