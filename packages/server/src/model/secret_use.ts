// What is known of a secret's use: when, how often, from where. Written behind the answer, so that a kill may cost the last second of it.

export interface SecretUse {
  readonly realmId: string
  readonly clientId: string
  readonly secretId: string
  /** Epoch seconds. */
  readonly lastUsedAt: number
  /** Uses in all. */
  readonly count: number
  /** Address of the last use. */
  readonly address: string
}
