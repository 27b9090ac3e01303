// A plan: how much a client may have, in which windows, and what happens at the end of it.

/** A stretch of the calendar in a named time zone (IANA), daylight saving included. */
export interface CalendarWindow {
  readonly unit: 'month' | 'day' | 'hour'
  /** `Europe/Lisbon`, `UTC`. */
  readonly timeZone: string
}

export interface Quota {
  /** Units in one window. */
  readonly limit: number
  readonly window: CalendarWindow
  /** `enforce`: nothing beyond the limit; `warn`: everything passes and is counted. */
  readonly mode: 'enforce' | 'warn'
  /** Shares of the limit in percent at which the operator and the client are told; rising. */
  readonly warnAt: readonly number[]
}

export interface Plan {
  /** Fresh access tokens; null: as many as asked for. */
  readonly tokens: Quota | null
}
