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

/** How often the token endpoint may be asked: a sliding rate (model/rate.ts). A token served again costs a tenth of a fresh one. */
export interface Rate {
  /** Fresh tokens in `seconds`, spread evenly. */
  readonly limit: number
  readonly seconds: number
  /** So many at once, before the even spread begins; at least 1. */
  readonly burst: number
}

export interface Plan {
  /** Fresh access tokens; null: as many as asked for. */
  readonly tokens: Quota | null
  /** null: as often as wished. */
  readonly rate: Rate | null
}

/** Whether the same request gets the token it already has. */
export interface Reuse {
  /** Share of its life, above 0 and at most 1, that a token must still have to be served again; 'off': every request gets a fresh one. */
  readonly share: number | 'off'
}
