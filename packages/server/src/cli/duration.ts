// Options that must be there, and stretches of time, as a command line has them.
import { lifetime } from '../config/lifetime.ts'
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
