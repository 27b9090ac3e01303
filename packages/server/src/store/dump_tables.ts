// What a dump holds: every table that outlives the processes, parents before children, each by its key. Owns the list, not the reading.

export interface DumpTable {
  readonly name: string
  /** In the order a row is written. The first `key` of them are the primary key, in its order. */
  readonly columns: readonly string[]
  readonly key: number
  /** Condition of the rows that are dumped; default: all. */
  readonly only?: string
}

const dumped = (name: string, key: string, rest: string, only?: string): DumpTable => {
  const names = key.split(' ')
  return { name, columns: [...names, ...rest.split(' ')], key: names.length, ...(only !== undefined && { only }) }
}

/** Not those of processes that were there when it was read. */
export const DUMPED_COUNTERS = ['audit', 'revision', 'revocation'] as const

/** Children come behind those they refer to. A dump of another order is refused. */
export const DUMP_TABLES: readonly DumpTable[] = [
  dumped('realms', 'id', 'document'),
  dumped('clients', 'realm_id client_id', 'document'),
  dumped('client_secrets', 'realm_id client_id id', 'ordinal hash created_at expires_at origin sealed'),
  dumped('client_secret_uses', 'realm_id client_id secret_id', 'last_used_at uses address'),
  dumped('api_keys', 'realm_id id', 'client_id hash display_name created_at expires_at origin addresses ended_at'),
  dumped('api_key_uses', 'realm_id api_key_id', 'last_used_at uses address'),
  dumped('users', 'realm_id id', 'username password_hash claims enabled'),
  dumped('signing_keys', 'realm_id kid', 'algorithm public_jwk private_key created_at active_at retired_at ordinal'),
  dumped('refresh_families', 'realm_id id', 'client_id subject scope audience dialect created_at expires_at revoked_at credential binding'),
  dumped('refresh_tokens', 'realm_id hash', 'family_id created_at expires_at used_at'),
  dumped('opaque_tokens', 'realm_id hash', 'claims expires_at'),
  dumped('revocations', 'realm_id kind value', 'expires_at sequence'),
  dumped('reusable_tokens', 'realm_id meaning', 'client_id credential jti claims expires_at reusable_until'),
  dumped('one_time_names', 'realm_id name', 'expires_at'),
  dumped('ledger', 'account meter window_start day address user_agent', 'units window_end exhausted_at'),
  dumped(
    'usage_hours',
    'hour realm_id client_id api_key_id api_id route',
    'requests units answers_1xx answers_2xx answers_3xx answers_4xx answers_5xx answers_none bytes_in bytes_out milliseconds',
  ),
  dumped('audit_rows', 'sequence', 'at realm_id client_id event made_by address detail'),
  dumped('counters', 'name', 'value', `name IN (${DUMPED_COUNTERS.map((name) => `'${name}'`).join(', ')})`),
]

/** Tables that are left out, with the reason. A test holds both lists against the schema. */
export const NOT_DUMPED: Readonly<Record<string, string>> = {
  schema_compatible: 'which programs can work with the schema of this database',
  schema_version: 'every database has its own; the dump says the version it was read from',
  write_probe: 'empty but for the moment of a health check',
  nodes: 'the processes that run on this database now',
  leases: 'which of them leads',
  write_marks: 'what the connections that are open now have committed',
}
