// What has been revoked, in memory, asked on every use of a token: by the token's own name, its family, what minted it, and its client.
// Owns no truth and no clock: who fills it, and from where, is remote_feed.ts or the server.
import { CLOCK_LEAD } from './clock_lead.ts'

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
      /** All that a client was issued so far; what it gets later lives. */
      readonly kind: 'client'
      readonly value: string
      /** Tokens of an earlier generation are reached; undefined: the server does not tell them apart. */
      readonly generation?: number | undefined
      /** Epoch seconds: the latest `iat` that is reached, of tokens that name no generation. */
      readonly issuedUntil: number
      readonly expiresAt: number
    }

interface Cut {
  readonly generation: number
  readonly issuedUntil: number
  readonly expiresAt: number
}

/** Of a cut that tells no generations apart. */
const TIME_ALONE = -1

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
    const { generation = TIME_ALONE, issuedUntil } = revoked
    const known = this.#clients.get(value) ?? { generation, issuedUntil, expiresAt }
    this.#clients.set(value, {
      generation: Math.max(generation, known.generation),
      issuedUntil: Math.max(issuedUntil, known.issuedUntil),
      expiresAt: Math.max(expiresAt, known.expiresAt),
    })
  }

  /** @param issuedAt `iat`; a token that says neither its generation nor when it was issued counts as old. */
  isRevoked(jti: string | undefined, sid: string | undefined, clientId?: string, issuedAt?: number): boolean {
    if (this.#clients.size > 0 && clientId !== undefined) {
      const cut = this.#clients.get(clientId)
      if (cut !== undefined && isBefore(cut, jti, issuedAt)) return true
    }
    if (this.#ends.size === 0) return false
    if (sid !== undefined && this.#ends.has(`family\n${sid}`)) return true
    // A token got by exchange names the one it hangs on as its sid, if that has no family.
    return this.#isNamed(jti) || this.#isNamed(sid)
  }

  /** Not at once when it has ended: the last token it reaches may be one of a clock that is ahead. @param now epoch seconds */
  forget(now: number): void {
    const ended = now - CLOCK_LEAD
    for (const [key, end] of this.#ends) if (end < ended) this.#ends.delete(key)
    for (const [clientId, { expiresAt }] of this.#clients) if (expiresAt < ended) this.#clients.delete(clientId)
  }

  #isNamed(jti: string | undefined): boolean {
    if (jti === undefined) return false
    if (this.#ends.has(`jti\n${jti}`)) return true
    // What minted a token stands before the last dot of its name.
    const dot = jti.lastIndexOf('.')
    return dot >= 0 && this.#ends.has(`credential\n${jti.slice(0, dot)}`)
  }
}

function isBefore(cut: Cut, jti: string | undefined, issuedAt: number | undefined): boolean {
  const generation = cut.generation === TIME_ALONE || jti === undefined ? undefined : generationOf(jti)
  // By the issuer's count: a clock that was ahead makes no token later.
  if (generation !== undefined) return generation < cut.generation
  return !(issuedAt !== undefined && issuedAt > cut.issuedUntil)
}

/** The number behind the last `~` of a token's name; undefined: an issuer of before wrote it. */
function generationOf(jti: string): number | undefined {
  const digits = /~(\d{1,15})$/.exec(jti)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
