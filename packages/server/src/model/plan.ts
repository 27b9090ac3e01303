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

/** How often the token endpoint may be asked: a sliding rate (protocol/oauth/sliding_rate.ts). A token served again costs a tenth of a fresh one. */
export interface Rate {
  /** Fresh tokens in `seconds`, spread evenly. */
  readonly limit: number
  readonly seconds: number
  /** So many at once, before the even spread begins; at least 1. */
  readonly burst: number
}

/** What a client may send to the guarded APIs of its realm. All parts hold at once. Units are requests, times the route's cost. */
export interface RequestPlan {
  /** Sliding rates: several at once, `10 a second` beside `300 a minute`. In memory. */
  readonly rates: readonly Rate[]
  /** Calendar volumes, by day and by month. In the ledger, exact. */
  readonly volumes: readonly Quota[]
  /** Requests under way at once; null: as many as come. */
  readonly concurrency: number | null
  /** `warn`: a rate or concurrency that is exceeded is told and passes; each volume has a mode of its own. */
  readonly mode: 'enforce' | 'warn'
  /** What a request gets while the ledger cannot be reached: 503, or its way without being counted. */
  readonly withoutLedger: 'deny' | 'allow'
}

export interface Plan {
  /** Fresh access tokens; null: as many as asked for. */
  readonly tokens: Quota | null
  /** null: as often as wished. */
  readonly rate: Rate | null
  /** null: as many requests as wished; they are counted all the same. */
  readonly requests: RequestPlan | null
}

/** Whether the same request gets the token it already has. */
export interface Reuse {
  /** Share of its life, above 0 and at most 1, that a token must still have to be served again; 'off': every request gets a fresh one. */
  readonly share: number | 'off'
}
