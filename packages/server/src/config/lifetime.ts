// Durations and dates as an operator writes them, in seconds. No clock.

/** Whole seconds, or a text of a whole number and one of s, m, h, d: `'15m'`, `'30d'`. */
export type Lifetime = number | string

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const MOST_SECONDS = 10 * 366 * 86_400

/** Seconds of `900`, `'900s'`, `'15m'`, `'12h'`, `'30d'`; NaN for anything else, for less than 1 second and for more than 10 years. */
export function lifetime(value: unknown): number {
  const seconds = typeof value === 'string' ? fromText(value) : value
  return typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= MOST_SECONDS ? seconds : Number.NaN
}

function fromText(text: string): number {
  const [, amount, unit = ''] = /^([0-9]{1,9})([smhd])$/.exec(text) ?? []
  return Number(amount) * (UNITS[unit] ?? Number.NaN)
}

/** Epoch seconds of a number of them, or of an ISO 8601 date (with or without a time); NaN for anything else. */
export function moment(value: unknown): number {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 253_402_300_799 ? value : Number.NaN
  if (typeof value !== 'string' || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]{5,12}(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/.test(value))
    return Number.NaN
  // The 31st of February would be taken for the 3rd of March.
  const day = value.slice(0, 10)
  const exists = !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day)
  return exists ? Math.floor(Date.parse(value) / 1000) : Number.NaN
}
