// Plans as an operator writes them: how much a client may have of tokens and requests. plan.ts resolves them.
import type { Lifetime } from './lifetime.ts'

/** A number of fresh tokens in each stretch of the calendar. */
export interface QuotaInput {
  readonly limit: number
  /** Default: month. */
  readonly per?: 'month' | 'day' | 'hour'
  /** IANA name, `Europe/Lisbon`; default: UTC. */
  readonly timeZone?: string
  /** `warn` counts and tells, and refuses nothing. Default: enforce. */
  readonly mode?: 'enforce' | 'warn'
  /** Shares of the limit in percent at which the operator is told; default: 50, 80, 95. */
  readonly warnAt?: readonly number[]
}

/** A sliding rate: how often the token endpoint may be asked, or guarded APIs. */
export interface RateInput {
  /** Fresh tokens (one served again costs a tenth), or units of requests, in each `per`, spread evenly. */
  readonly limit: number
  /** At most 1 day. Default: 1 minute. */
  readonly per?: Lifetime
  /** So many at once; default: `limit`. */
  readonly burst?: number
}

/** Units of requests in a day or a month of the calendar; a number alone is its `limit`. */
export interface VolumeInput {
  readonly limit: number
  /** IANA name, `Europe/Lisbon`; default: UTC. */
  readonly timeZone?: string
  /** `warn` counts and tells, and refuses nothing. Default: that of the requests' plan. */
  readonly mode?: 'enforce' | 'warn'
  /** Shares of the limit in percent at which the operator is told; default: 50, 80, 95. */
  readonly warnAt?: readonly number[]
}

/** What a client may send to the guarded APIs of its realm. All parts hold at once; a request counts as many units as its route costs. */
export interface RequestPlanInput {
  /** Up to 5, each with a `per` of its own; default: none. */
  readonly rates?: readonly RateInput[]
  /** Default: no limit. */
  readonly perDay?: number | VolumeInput
  /** Default: no limit. */
  readonly perMonth?: number | VolumeInput
  /** Requests under way at once; default: no limit. */
  readonly concurrency?: number
  /** `warn` counts and tells, and refuses nothing. Default: enforce. */
  readonly mode?: 'enforce' | 'warn'
  /** What a request gets while the ledger cannot be reached: 503, or its way without being counted. Default: deny. */
  readonly withoutLedger?: 'deny' | 'allow'
}

export interface PlanInput {
  /** Default: as many as asked for. */
  readonly tokens?: QuotaInput
  /** Default: as often as wished. */
  readonly rate?: RateInput
  /** Default: as many requests as wished; they are counted all the same. */
  readonly requests?: RequestPlanInput
}

/**
 * Whether the same request gets the token it already has. `false`: never. A number: while it has that share of its life left, above 0 and
 * at most 1. `true`: 0.5.
 */
export type ReuseInput = boolean | number
