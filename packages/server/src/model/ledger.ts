// The Ledger port: what was used of what a plan allows, exact and durable, and what a charge is. Charges are made with what they are for: with
// a token (issuing.ts) or a request (metering.ts). Owns no SQL and no clock.
//
// Semantics every adapter holds of the charges of both, checked by one conformance suite:
// - A charge that was made is durable (committed, synchronous=FULL) before its caller is told.
// - In one window the charges of an enforced meter never sum to more than its limit, whatever runs at the same time: other requests,
//   other processes on the same database, a SIGKILL at any moment. One conditional statement decides by its row count; nothing is read first.
// - A refused charge changes nothing. What is taken back is taken back whole, and never below zero.
// - A window is known by its start: a plan that changes to longer or shorter windows starting at the same instant goes on counting.
// - Charges asked for in one event-loop turn commit together, and with whatever else the store writes in that turn.
// - When the database cannot be reached or written, every method rejects with StoreUnavailable.

/** What is counted: one meter of one account. */
export interface Meter {
  /** Who pays: `realm/client`. */
  readonly account: string
  /** What is counted: `tokens`. */
  readonly name: string
}

/** One window on the time line, in epoch seconds: from `start`, before `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * For the answer to "what counted": kept by day, never a secret in it. Of one window and day the first 200 different ones are kept apart;
 * what comes beyond is counted under the address and user agent `other`.
 */
export interface ChargeOrigin {
  /** Calendar day in the window's time zone, `2026-11-21`. */
  readonly day: string
  /** Caller's address; '' if unknown. Cut to 64 characters. */
  readonly address: string
  /** Caller's product; '' if unknown. Cut to 200 characters. */
  readonly userAgent: string
}

export interface Charge {
  readonly meter: Meter
  readonly span: Span
  /** Whole, at least 1. */
  readonly units: number
  /** The most the window may hold; null: no limit is enforced, everything is counted. */
  readonly limit: number | null
  readonly origin: ChargeOrigin
  /** Epoch seconds; in the span. */
  readonly now: number
}

export interface Receipt {
  readonly charged: true
  readonly charge: Charge
  /** Units of the window used with this charge, as of its commit. */
  readonly used: number
}

export interface UsageRow extends ChargeOrigin {
  readonly units: number
}

export interface Ledger {
  /** Units used in the window that starts at `start`; 0 if there were none. */
  used(meter: Meter, start: number): Promise<number>
  /** What counted in that window, largest first, at most `limit` rows; the sum of all rows is `used`. */
  breakdown(meter: Meter, start: number, limit: number): Promise<readonly UsageRow[]>
  /** Forgets windows that ended before `before`, to be well behind every process's clock: a charge there would start anew; rows removed. */
  sweep(before: number): Promise<number>
}
