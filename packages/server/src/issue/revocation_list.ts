// Revoked tokens that could still be alive, in memory: asked at every check, so it must not wait. The store owns the truth.

import type { AccessTokenStore } from '../model/store.ts'
import type { NumberedRevocation, Revocation } from '../model/token.ts'
import { credentialOf } from '../model/token.ts'

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
    if (sid !== undefined && this.#ends.has(`${realmId}\nfamily\n${sid}`)) return true
    // A token got by exchange names the one it hangs on as its sid, if that has no family.
    return this.#isNamed(realmId, jti) || this.#isNamed(realmId, sid)
  }

  #isNamed(realmId: string, jti: string | undefined): boolean {
    if (jti === undefined) return false
    const credential = credentialOf(jti)
    return (
      this.#ends.has(`${realmId}\njti\n${jti}`) || (credential !== undefined && this.#ends.has(`${realmId}\ncredential\n${credential}`))
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
