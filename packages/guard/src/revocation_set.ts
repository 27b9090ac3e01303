// What has been revoked, in memory, asked on every use of a token: by the token's own name, its family, what minted it, and its client.
// Owns no truth and no clock: who fills it, and from where, is remote_feed.ts or the server.

/** One revoked thing that a token can name. */
export type RevokedThing =
  | {
      /** A single token by `jti`, all of a refresh family by its id, or all that a secret minted by the secret's. */
      readonly kind: 'jti' | 'family' | 'credential'
      readonly value: string
      /** Epoch seconds after which nothing it names can be alive. */
      readonly expiresAt: number
    }
  | {
      /** All that a client was issued until a time; what it gets later lives. */
      readonly kind: 'client'
      readonly value: string
      /** Epoch seconds: the latest `iat` that is reached. */
      readonly issuedUntil: number
      readonly expiresAt: number
    }

interface Cut {
  readonly issuedUntil: number
  readonly expiresAt: number
}

/** Of one realm. */
export class RevocationSet {
  /** `kind\nvalue` to the second it may be forgotten. */
  readonly #ends = new Map<string, number>()
  readonly #clients = new Map<string, Cut>()

  get size(): number {
    return this.#ends.size + this.#clients.size
  }

  note(revoked: RevokedThing): void {
    const { kind, value, expiresAt } = revoked
    if (kind !== 'client') {
      this.#ends.set(`${kind}\n${value}`, Math.max(expiresAt, this.#ends.get(`${kind}\n${value}`) ?? 0))
      return
    }
    const known = this.#clients.get(value)
    if (known === undefined || known.issuedUntil <= revoked.issuedUntil)
      this.#clients.set(value, { issuedUntil: revoked.issuedUntil, expiresAt })
  }

  /** @param issuedAt `iat`; a token that does not say when it was issued counts as old. */
  isRevoked(jti: string | undefined, sid: string | undefined, clientId?: string, issuedAt?: number): boolean {
    if (this.#clients.size > 0 && clientId !== undefined) {
      const cut = this.#clients.get(clientId)
      if (cut !== undefined && !(issuedAt !== undefined && issuedAt > cut.issuedUntil)) return true
    }
    if (this.#ends.size === 0) return false
    if (sid !== undefined && this.#ends.has(`family\n${sid}`)) return true
    // A token got by exchange names the one it hangs on as its sid, if that has no family.
    return this.#isNamed(jti) || this.#isNamed(sid)
  }

  /** @param now epoch seconds */
  forget(now: number): void {
    for (const [key, end] of this.#ends) if (end < now) this.#ends.delete(key)
    for (const [clientId, { expiresAt }] of this.#clients) if (expiresAt < now) this.#clients.delete(clientId)
  }

  #isNamed(jti: string | undefined): boolean {
    if (jti === undefined) return false
    if (this.#ends.has(`jti\n${jti}`)) return true
    // What minted a token stands before the last dot of its name.
    const dot = jti.lastIndexOf('.')
    return dot >= 0 && this.#ends.has(`credential\n${jti.slice(0, dot)}`)
  }
}
