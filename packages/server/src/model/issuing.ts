// The Issuing port: everything that one fresh token leaves behind, as one atomic unit. Owns no SQL.
//
// Semantics every adapter holds, checked by test/store/conformance_issuing.ts:
// - One record is one unit: slot for reuse, charge, refresh token, opaque token and audit row are all there afterwards, or none of them is.
//   Durable before `record` resolves, and before `durable` of `decide` does. The charge keeps all that model/ledger.ts promises.
// - Of any number of records with the same `reuse.meaning`, asked for at once by whichever processes, one is recorded and charged while
//   the token in the slot is reusable; the others resolve with `reused` and change nothing.
// - `exhausted`, `replayed` and `gone` charge nothing and leave nothing but what they must: a replay revokes its family, with an audit row.
// - Records of one event-loop turn commit together, and what they have in common is written once (one statement charges all that draw on one
//   window, as long as it holds them all).
import type { AuditEntry } from './audit.ts'
import type { Charge, Receipt } from './ledger.ts'
import type { OpaqueToken, RefreshFamily, RefreshToken, ReusableToken } from './token.ts'

/** The refresh token that goes with the access token. */
export type RefreshRecord =
  | { readonly kind: 'start'; readonly family: RefreshFamily; readonly token: RefreshToken }
  /** See RefreshTokenStore.rotate. */
  | {
      readonly kind: 'rotate'
      readonly family: RefreshFamily
      /** Hash of the token that is used up. */
      readonly used: string
      readonly successor: RefreshToken
      /** Epoch seconds: when no access token of the family can be alive any more. */
      readonly accessTokensEnd: number
    }

export interface IssueRecord {
  /** Epoch seconds. */
  readonly now: number
  readonly charge: Charge | null
  /** Where the token may be served again from; null: it may not. */
  readonly reuse: ReusableToken | null
  readonly refresh: RefreshRecord | null
  readonly opaque: OpaqueToken | null
  /** null: this operator keeps no audit of tokens. */
  readonly audit: AuditEntry | null
}

export type Recorded =
  | { readonly outcome: 'recorded'; readonly receipt: Receipt | null }
  /** Another request was first, or the slot was full: this token is to be served. `used` is null without a charge. */
  | { readonly outcome: 'reused'; readonly token: ReusableToken }
  | { readonly outcome: 'exhausted'; readonly used: number }
  /** The refresh token had been used before: its family is revoked now. */
  | { readonly outcome: 'replayed' }
  /** The refresh token is unknown, expired or its family revoked. */
  | { readonly outcome: 'gone' }

/** What was decided; `durable` rejects with StoreUnavailable. */
export interface Decided {
  readonly recorded: Recorded
  readonly durable: Promise<void>
}

export interface Issuing {
  /** Resolves when durable. */
  record(record: IssueRecord): Promise<Recorded>
  /** Resolves as soon as it is decided, so that signing need not wait for the disk. Nothing may leave before `durable` has resolved. */
  decide(record: IssueRecord): Promise<Decided>
  /** The token in the slot, if it is reusable at `now`; never one that is revoked. */
  findReusable(realmId: string, meaning: string, now: number): Promise<ReusableToken | undefined>
  /**
   * For a recorded token whose answer certainly never left: takes back its charge. A token in a slot stays there, paid for, and the next
   * request gets it: others may have been served it already, and a token that was delivered must stay charged.
   */
  undo(record: IssueRecord, receipt: Receipt | null): Promise<void>
}
