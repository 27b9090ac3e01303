// What is known of an API key's use: when, how often, from where. Written behind the answer, so that a kill may cost the last second of it.

export interface ApiKeyUse {
  readonly realmId: string
  readonly clientId: string
  readonly apiKeyId: string
  /** Epoch seconds. */
  readonly lastUsedAt: number
  /** Uses in all. */
  readonly count: number
  /** Address of the last use. */
  readonly address: string
}
