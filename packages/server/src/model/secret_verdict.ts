// What an operator may conclude from the uses of a client's secrets, or API keys: which of them nobody needs any more. Owns no clock.

/** A secret or an API key. Times in epoch seconds. */
export interface Judged {
  readonly id: string
  readonly createdAt: number
  readonly expiresAt: number | null
}

export type SecretVerdict =
  | 'in use'
  | 'never used'
  /** Nothing used it for a day, while another live one was used: the client has changed over. */
  | 'unused for 24 h: safe to drop'
  /** No other live one was used since: a client that asks once a month still needs it. */
  | 'unused for 24 h, and no other was used since: keep it'
  | 'ended'

/** Seconds without a use after which a secret counts as unused. */
const IDLE = 86_400

/** @param secrets all of the client, this one too. @param uses of these secrets. @param now epoch seconds */
export function secretVerdict(
  secret: Judged,
  secrets: readonly Judged[],
  uses: ReadonlyMap<string, { readonly lastUsedAt: number }>,
  now: number,
): SecretVerdict {
  if (!isLive(secret, now)) return 'ended'
  const lastUsedAt = uses.get(secret.id)?.lastUsedAt
  // What was stored before its making was noted is of unknown age, and so never too old.
  const since = lastUsedAt ?? (secret.createdAt === 0 ? now : secret.createdAt)
  if (now - since <= IDLE) return lastUsedAt === undefined ? 'never used' : 'in use'
  const replaced = secrets.some((other) => other.id !== secret.id && isLive(other, now) && (uses.get(other.id)?.lastUsedAt ?? 0) > since)
  if (replaced) return 'unused for 24 h: safe to drop'
  return lastUsedAt === undefined ? 'never used' : 'unused for 24 h, and no other was used since: keep it'
}

/** Whether a secret still opens anything. @param now epoch seconds */
export function isLive<Credential extends Pick<Judged, 'expiresAt'>>({ expiresAt }: Credential, now: number): boolean {
  return expiresAt === null || now < expiresAt
}
