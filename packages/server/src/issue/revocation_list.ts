// Revoked tokens that could still be alive, in memory: asked at every check, so it must not wait. The store owns the truth.
import type { RevokedThing } from '@countersign/guard/revocation_set'
import { RevocationSet } from '@countersign/guard/revocation_set'
import type { AccessTokenStore } from '../model/store.ts'
import type { NumberedRevocation, Revocation } from '../model/token.ts'
import { issuedUntil } from '../model/token.ts'

const PAGE = 1000

export class RevocationList {
  readonly #store: AccessTokenStore
  readonly #realms = new Map<string, RevocationSet>()
  readonly #listeners = new Set<() => void>()
  #sequence = 0

  constructor(store: AccessTokenStore) {
    this.#store = store
  }

  /** Of the last revocation read; all up to it are in the list. */
  get sequence(): number {
    return this.#sequence
  }

  /** @param issuedAt `iat`, epoch seconds */
  isRevoked(
    realmId: string,
    jti: string | undefined,
    sid: string | undefined,
    clientId: string | undefined,
    issuedAt: number | undefined,
  ): boolean {
    return this.#realms.get(realmId)?.isRevoked(jti, sid, clientId, issuedAt) ?? false
  }

  /** Takes note of a revocation this process made itself, once it is durable. */
  note(revocation: Revocation): void {
    this.#keep(revocation)
    this.#tell()
  }

  /** Reads what any process has revoked since the last call, and forgets what has ended. @param now epoch seconds. */
  async refresh(now: number): Promise<void> {
    let page: readonly NumberedRevocation[]
    const before = this.#sequence
    do {
      page = await this.#store.revocationsAfter(this.#sequence, PAGE)
      for (const revocation of page) {
        this.#keep(revocation)
        this.#sequence = Math.max(this.#sequence, revocation.sequence)
      }
    } while (page.length === PAGE)
    for (const set of this.#realms.values()) set.forget(now)
    if (this.#sequence !== before) this.#tell()
  }

  /** Told whenever there may be something new in the store. @returns what ends that */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #keep(revocation: Revocation): void {
    let set = this.#realms.get(revocation.realmId)
    if (set === undefined) {
      set = new RevocationSet()
      this.#realms.set(revocation.realmId, set)
    }
    set.note(revokedThing(revocation))
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** The same as a guard has it. */
function revokedThing(revocation: Revocation): RevokedThing {
  const { kind, value, expiresAt } = revocation
  return kind === 'client' ? { kind, value, expiresAt, issuedUntil: issuedUntil(revocation) } : { kind, value, expiresAt }
}
