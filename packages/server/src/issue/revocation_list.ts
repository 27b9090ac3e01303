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
  /** The number that was last heard of: a revocation that changed nothing has one, and no row. */
  #heard = -1

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

  /**
   * Reads what any process has revoked since the last call if there is anything new, and forgets what has ended.
   * @param number of the last revocation there is. @param now epoch seconds
   */
  async see(number: number, now: number): Promise<void> {
    for (const set of this.#realms.values()) set.forget(now)
    if (number === this.#heard) return
    // The database was put back to an earlier state.
    if (number < this.#heard) this.#sequence = 0
    await this.#readAll()
    this.#heard = number
    this.#tell()
  }

  async #readAll(): Promise<void> {
    let page: readonly NumberedRevocation[]
    do {
      page = await this.#store.revocationsAfter(this.#sequence, PAGE)
      for (const revocation of page) {
        this.#keep(revocation)
        this.#sequence = Math.max(this.#sequence, revocation.sequence)
      }
    } while (page.length === PAGE)
  }

  /** Told whenever there may be something new in the store. @returns what ends that */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #keep(revocation: Revocation | NumberedRevocation): void {
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
function revokedThing(revocation: Revocation | NumberedRevocation): RevokedThing {
  const { kind, value, expiresAt } = revocation
  if (kind !== 'client') return { kind, value, expiresAt }
  const generation = 'sequence' in revocation ? revocation.sequence : undefined
  return { kind, value, expiresAt, generation, issuedUntil: issuedUntil(revocation) }
}
