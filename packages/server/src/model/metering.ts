// The Metering port: every admitted request as a bill would have it, by client, key, API, route and hour. Owns no SQL and no clock.
//
// Semantics every adapter holds, checked by one conformance suite:
// - `admit` is one unit: all volume charges and the count, or none of them; durable (committed, synchronous=FULL) before it resolves.
// - In one window an enforced volume never sums to more than its limit, whatever runs at the same time, and over a SIGKILL at any moment.
// - Admissions of one event-loop turn commit together; what they have in common is one statement.
// - `observe` adds what became of admitted requests (status class, bytes, milliseconds) behind the answers: a kill may cost the last second of it,
//   never of the counts. Of a request that is `unseen` there is nothing to observe: `admit` says so in the line at once.
// - An hour is an hour of UTC. The same export of an ended window is the same to the byte, whenever it is asked: an observation of a request that
//   ended (`at` and its milliseconds) more than a minute after the hour of its admission belongs to the hour in which it ended.
import type { Charge } from './ledger.ts'

/** What a request is counted under. */
export interface UsageKey {
  readonly realmId: string
  readonly clientId: string
  /** Public id of the API key; '' without one. */
  readonly apiKeyId: string
  readonly apiId: string
  /** `GET /orders/:id`; `otherwise` where no route names it. */
  readonly route: string
}

export interface Admission {
  readonly key: UsageKey
  /** Epoch seconds. */
  readonly now: number
  /** Units of the plan: the route's cost; 0 is counted and charges nothing. */
  readonly units: number
  /** Each of `units` units, for volumes, and each of another window; `units` 0: none. */
  readonly charges: readonly Charge[]
  /** Nobody is going to see its answer: it is among `answers.none` at once, and no observation follows. */
  readonly unseen?: boolean
}

export type AdmissionOutcome =
  | { readonly admitted: true /** Used of each charge's window, in their order. */; readonly used: readonly number[] }
  /** Index into `charges` of the first that refused, and what was used of each. Nothing is charged or counted. */
  | { readonly admitted: false; readonly refusedBy: number; readonly used: readonly number[] }

/** What became of one admitted request. */
export interface Observation {
  readonly key: UsageKey
  /** Epoch seconds of its admission. */
  readonly at: number
  /** 0: no answer came. */
  readonly status: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly milliseconds: number
}

/** What became of the requests of one key in one hour: see observed.ts. */
export interface ObservedLine extends Pick<UsageLine, 'answers' | 'bytesIn' | 'bytesOut' | 'milliseconds'> {
  readonly key: UsageKey
  /** Epoch seconds, a whole hour of UTC. */
  readonly hour: number
}

/** One line of a bill. */
export interface UsageLine extends UsageKey {
  /** Epoch seconds, a whole hour of UTC. */
  readonly hour: number
  readonly requests: number
  readonly units: number
  /** Answers by class: 1xx to 5xx, and none. */
  readonly answers: Readonly<Record<'1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none', number>>
  readonly bytesIn: number
  readonly bytesOut: number
  readonly milliseconds: number
}

export interface UsageFilter {
  /** Epoch seconds; hours that begin at or after `from` and before `to`. */
  readonly from: number
  readonly to: number
  readonly realmId?: string
  readonly clientId?: string
}

export interface Metering {
  /** Rejects with RangeError if units, charges or now are not what they must be, and with StoreUnavailable. */
  admit(admission: Admission): Promise<AdmissionOutcome>
  /** For a request that certainly never reached the upstream: takes its charges and its count back. */
  takeBack(admission: Admission): Promise<void>
  /** Lines whose key and hour are the same are added up. Bytes and milliseconds are rounded. */
  observe(lines: readonly ObservedLine[]): Promise<void>
  /** Lines by hour, realm, client, key, API, route: up to `limit` behind `after` (the last line of the page before). */
  lines(filter: UsageFilter, after: UsageLine | null, limit: number): Promise<readonly UsageLine[]>
  /** Forgets hours before; lines removed. */
  sweep(before: number): Promise<number>
}
