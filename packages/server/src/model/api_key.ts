// An API key: part of a client. It identifies and meters; on its own it opens nothing that wants a bearer.

import type { Origin } from './client.ts'

export interface ApiKey {
  /** Stands in the key itself too, so that a leaked one is found in the list. */
  readonly id: string
  readonly realmId: string
  readonly clientId: string
  /** `sha256:<base64url>` of the whole key as sent. */
  readonly hash: string
  readonly displayName: string
  /** Epoch seconds. */
  readonly createdAt: number
  /** Epoch seconds; null: no end. */
  readonly expiresAt: number | null
  /** The end that a command gave it, which `expiresAt` is never later than; null: none did. */
  readonly endedAt: number | null
  readonly origin: Origin
  /** Addresses it may come from: `203.0.113.7`, `203.0.113.0/24`, `2001:db8::/32`; empty: from anywhere. */
  readonly addresses: readonly string[]
}
