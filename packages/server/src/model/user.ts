// A person who can sign in by the legacy password grant. Passwords are argon2id, never readable.

export interface User {
  readonly realmId: string
  /** Stable, opaque, never reused: the `sub` of this person's tokens. */
  readonly id: string
  /** As typed at sign-in; compared exactly. */
  readonly username: string
  /** PHC string `$argon2id$v=19$m=...,t=...,p=...$salt$hash`. */
  readonly passwordHash: string
  /** Standard OpenID claims of this person (`email`, `name`, ...); JSON values. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly enabled: boolean
}
