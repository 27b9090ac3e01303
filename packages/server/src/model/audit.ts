// The audit trail: what happened to credentials, tokens and configuration, one append-only row each, committed with the thing it records.
// Never a secret, a bearer or a password in it. Owns the nouns and the reading port; rows are written by the tables, in their own units.

/** What happened. The names are part of the operator's contract: they stay. */
export type AuditEvent =
  | 'token.issued'
  | 'token.revoked'
  | 'token.replayed'
  | 'token.exhausted'
  | 'client.refused'
  | 'user.refused'
  | 'guard.refused'
  | 'realm.put'
  | 'realm.removed'
  | 'client.put'
  | 'client.removed'
  | 'user.put'
  | 'user.removed'
  | 'api_key.put'
  | 'api_key.ending'
  | 'api_key.removed'
  | 'secret.added'
  | 'secret.ending'
  | 'secret.cut'
  | 'key.added'
  | 'key.retired'
  | 'key.removed'
  | 'state.backed_up'
  | 'state.restored'

/** Who changes what is configured, and when: every write of the store that changes configuration takes one, for its audit row. */
export interface Act {
  /** Epoch seconds. */
  readonly at: number
  /** `configuration`, `server`, or `command NAME` with the system user's name. */
  readonly by: string
}

export interface AuditEntry extends Act {
  readonly realmId: string
  readonly event: AuditEvent
  /** '' where no client is concerned. */
  readonly clientId: string
  /** Address that asked; '' where no request did. */
  readonly address: string
  /** What is named and nothing that opens: `{jti, credential, grant, scope, audience}`. */
  readonly detail: Readonly<Record<string, unknown>>
}

export interface AuditRow extends AuditEntry {
  /** Rises by one with every row, without gaps: a reader that knows the last one it saw misses none. */
  readonly sequence: number
}

export interface AuditFilter {
  /** Rows with a higher sequence only. */
  readonly after: number
  readonly limit: number
  readonly realmId?: string
  readonly clientId?: string
  readonly event?: AuditEvent
  /** Epoch seconds: rows of that time or later. */
  readonly since?: number
}

export interface Audit {
  /** For what changes nothing else: a refusal. Resolves when durable. */
  append(entry: AuditEntry): Promise<void>
  /** In order. */
  read(filter: AuditFilter): Promise<readonly AuditRow[]>
  /** Sequence of the last row; 0 before the first. */
  last(): Promise<number>
  /** Forgets rows older than `before` (epoch seconds); rows removed. */
  sweep(before: number): Promise<number>
}
