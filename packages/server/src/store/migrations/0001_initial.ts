// The first schema. What is configured hangs together by foreign keys; what token traffic leaves behind is written on the hot path,
// refers to its realm by value, and goes with it explicitly (tables/realms.ts).
import type { Migration } from './migration.ts'

export const initial: Migration = ({ text, integer, table, narrowTable }) => [
  // Row locks on these two rows order configuration changes and revocations, so that a number seen means all lower ones were committed.
  `CREATE TABLE counters (
    name ${text} NOT NULL PRIMARY KEY,
    value ${integer} NOT NULL
  ) ${narrowTable}`,
  `INSERT INTO counters (name, value) VALUES ('revision', 0), ('revocation', 0)`,

  `CREATE TABLE write_probe (
    id ${text} NOT NULL PRIMARY KEY,
    filler ${text} NOT NULL
  ) ${table}`,

  `CREATE TABLE realms (
    id ${text} NOT NULL PRIMARY KEY,
    document ${text} NOT NULL
  ) ${table}`,

  `CREATE TABLE clients (
    realm_id ${text} NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    client_id ${text} NOT NULL,
    document ${text} NOT NULL,
    PRIMARY KEY (realm_id, client_id)
  ) ${table}`,

  // ordinal: place in the client's list; below zero only inside the transaction that replaces the list.
  `CREATE TABLE client_secrets (
    realm_id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    id ${text} NOT NULL,
    ordinal ${integer} NOT NULL,
    hash ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    expires_at ${integer},
    PRIMARY KEY (realm_id, client_id, id),
    FOREIGN KEY (realm_id, client_id) REFERENCES clients (realm_id, client_id) ON DELETE CASCADE
  ) ${narrowTable}`,

  `CREATE TABLE api_keys (
    realm_id ${text} NOT NULL,
    id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    hash ${text} NOT NULL,
    display_name ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    expires_at ${integer},
    PRIMARY KEY (realm_id, id),
    UNIQUE (realm_id, hash),
    FOREIGN KEY (realm_id, client_id) REFERENCES clients (realm_id, client_id) ON DELETE CASCADE
  ) ${table}`,
  'CREATE INDEX api_keys_by_client ON api_keys (realm_id, client_id, id)',

  `CREATE TABLE users (
    realm_id ${text} NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    id ${text} NOT NULL,
    username ${text} NOT NULL,
    password_hash ${text} NOT NULL,
    claims ${text} NOT NULL,
    enabled ${integer} NOT NULL,
    PRIMARY KEY (realm_id, id),
    UNIQUE (realm_id, username)
  ) ${table}`,

  `CREATE TABLE signing_keys (
    realm_id ${text} NOT NULL REFERENCES realms (id) ON DELETE CASCADE,
    kid ${text} NOT NULL,
    algorithm ${text} NOT NULL,
    public_jwk ${text} NOT NULL,
    private_key ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    active_at ${integer} NOT NULL,
    retired_at ${integer},
    PRIMARY KEY (realm_id, kid)
  ) ${table}`,

  // expires_at: that of the family's longest-lived token.
  `CREATE TABLE refresh_families (
    realm_id ${text} NOT NULL,
    id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    subject ${text} NOT NULL,
    scope ${text} NOT NULL,
    audience ${text} NOT NULL,
    dialect ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    expires_at ${integer} NOT NULL,
    revoked_at ${integer},
    PRIMARY KEY (realm_id, id)
  ) ${table}`,
  'CREATE INDEX refresh_families_by_client ON refresh_families (realm_id, client_id)',
  'CREATE INDEX refresh_families_by_expiry ON refresh_families (expires_at)',

  `CREATE TABLE refresh_tokens (
    realm_id ${text} NOT NULL,
    hash ${text} NOT NULL,
    family_id ${text} NOT NULL,
    created_at ${integer} NOT NULL,
    expires_at ${integer} NOT NULL,
    used_at ${integer},
    PRIMARY KEY (realm_id, hash),
    FOREIGN KEY (realm_id, family_id) REFERENCES refresh_families (realm_id, id) ON DELETE CASCADE
  ) ${narrowTable}`,
  'CREATE INDEX refresh_tokens_by_family ON refresh_tokens (realm_id, family_id)',
  'CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at)',

  `CREATE TABLE opaque_tokens (
    realm_id ${text} NOT NULL,
    hash ${text} NOT NULL,
    claims ${text} NOT NULL,
    expires_at ${integer} NOT NULL,
    PRIMARY KEY (realm_id, hash)
  ) ${table}`,
  'CREATE INDEX opaque_tokens_by_expiry ON opaque_tokens (expires_at)',

  `CREATE TABLE revocations (
    realm_id ${text} NOT NULL,
    kind ${text} NOT NULL,
    value ${text} NOT NULL,
    expires_at ${integer} NOT NULL,
    sequence ${integer} NOT NULL UNIQUE,
    PRIMARY KEY (realm_id, kind, value)
  ) ${narrowTable}`,
  'CREATE INDEX revocations_by_expiry ON revocations (expires_at)',
]
