// Revoked tokens that could still be alive, in memory: asked at every check, so it must not wait. The store owns the truth.

import type { AccessTokenStore } from '../model/store.ts'
import type { NumberedRevocation, Revocation } from '../model/token.ts'

const PAGE = 1000

export class RevocationList {
  readonly #store: AccessTokenStore
  /** `realm\nkind\nvalue` to the second it may be forgotten. */
  readonly #ends = new Map<string, number>()
  #sequence = 0

  constructor(store: AccessTokenStore) {
    this.#store = store
  }

  isRevoked(realmId: string, jti: string | undefined, sid: string | undefined): boolean {
    if (this.#ends.size === 0) return false
    return (
      (jti !== undefined && this.#ends.has(`${realmId}\njti\n${jti}`)) ||
      (sid !== undefined && this.#ends.has(`${realmId}\nfamily\n${sid}`))
    )
  }

  /** Takes note of a revocation this process made itself, once it is durable. */
  note(revocation: Revocation): void {
    this.#ends.set(`${revocation.realmId}\n${revocation.kind}\n${revocation.value}`, revocation.expiresAt)
  }

  /** Reads what any process has revoked since the last call, and forgets what has ended. @param now epoch seconds. */
  async refresh(now: number): Promise<void> {
    let page: readonly NumberedRevocation[]
    do {
      page = await this.#store.revocationsAfter(this.#sequence, PAGE)
      for (const revocation of page) {
        this.note(revocation)
        this.#sequence = Math.max(this.#sequence, revocation.sequence)
      }
    } while (page.length === PAGE)
    for (const [key, end] of this.#ends) if (end < now) this.#ends.delete(key)
  }
}
