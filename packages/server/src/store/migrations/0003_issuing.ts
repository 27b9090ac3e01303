// What a fresh token leaves behind beyond the first schema: slots for reuse, one-time names, the audit trail; and what became of secrets.
import type { Migration } from './migration.ts'

export const issuing: Migration = ({ text, integer, table, narrowTable }) => [
  // A third row whose lock orders: audit rows are numbered in the order of their commits.
  `INSERT INTO counters (name, value) VALUES ('audit', 0)`,

  `ALTER TABLE client_secrets ADD COLUMN origin ${text} NOT NULL DEFAULT 'configuration'`,
  `ALTER TABLE client_secrets ADD COLUMN sealed ${text}`,
  'CREATE INDEX client_secrets_by_end ON client_secrets (origin, expires_at)',

  `CREATE TABLE client_secret_uses (
    realm_id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    secret_id ${text} NOT NULL,
    last_used_at ${integer} NOT NULL,
    uses ${integer} NOT NULL,
    address ${text} NOT NULL,
    PRIMARY KEY (realm_id, client_id, secret_id),
    FOREIGN KEY (realm_id, client_id, secret_id) REFERENCES client_secrets (realm_id, client_id, id) ON DELETE CASCADE
  ) ${narrowTable}`,

  // Keys made in one second still have an order; 0: made before there was one.
  `ALTER TABLE signing_keys ADD COLUMN ordinal ${integer} NOT NULL DEFAULT 0`,

  `ALTER TABLE refresh_families ADD COLUMN credential ${text}`,
  `ALTER TABLE refresh_families ADD COLUMN binding ${text}`,

  // Windows and what they were used for in one table, so that both rows of a charge are on one page. A window's own row has no day, address
  // and user agent; its units are the sum of the others'. exhausted_at: its first refusal.
  `CREATE TABLE ledger (
    account ${text} NOT NULL,
    meter ${text} NOT NULL,
    window_start ${integer} NOT NULL,
    day ${text} NOT NULL,
    address ${text} NOT NULL,
    user_agent ${text} NOT NULL,
    units ${integer} NOT NULL CHECK (units >= 0),
    window_end ${integer},
    exhausted_at ${integer},
    PRIMARY KEY (account, meter, window_start, day, address, user_agent)
  ) ${narrowTable}`,
  `INSERT INTO ledger (account, meter, window_start, day, address, user_agent, units, window_end)
    SELECT account, meter, window_start, '', '', '', used, window_end FROM ledger_windows`,
  `INSERT INTO ledger (account, meter, window_start, day, address, user_agent, units)
    SELECT account, meter, window_start, day, address, user_agent, units FROM ledger_usage`,
  'DROP TABLE ledger_usage',
  'DROP TABLE ledger_windows',
  'CREATE INDEX ledger_by_end ON ledger (window_end) WHERE window_end IS NOT NULL',

  `CREATE TABLE reusable_tokens (
    realm_id ${text} NOT NULL,
    meaning ${text} NOT NULL,
    client_id ${text} NOT NULL,
    credential ${text},
    jti ${text} NOT NULL,
    claims ${text} NOT NULL,
    expires_at ${integer} NOT NULL,
    reusable_until ${integer} NOT NULL,
    PRIMARY KEY (realm_id, meaning)
  ) ${table}`,
  'CREATE INDEX reusable_tokens_by_client ON reusable_tokens (realm_id, client_id)',
  'CREATE INDEX reusable_tokens_by_credential ON reusable_tokens (realm_id, credential)',
  'CREATE INDEX reusable_tokens_by_jti ON reusable_tokens (realm_id, jti)',
  'CREATE INDEX reusable_tokens_by_expiry ON reusable_tokens (expires_at)',

  `CREATE TABLE one_time_names (
    realm_id ${text} NOT NULL,
    name ${text} NOT NULL,
    expires_at ${integer} NOT NULL,
    PRIMARY KEY (realm_id, name)
  ) ${narrowTable}`,
  'CREATE INDEX one_time_names_by_expiry ON one_time_names (expires_at)',

  // No foreign key: what happened to a realm or client outlives it.
  `CREATE TABLE audit_rows (
    sequence ${integer} NOT NULL PRIMARY KEY,
    at ${integer} NOT NULL,
    realm_id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    event ${text} NOT NULL,
    made_by ${text} NOT NULL,
    address ${text} NOT NULL,
    detail ${text} NOT NULL
  ) ${table}`,
  'CREATE INDEX audit_rows_by_realm ON audit_rows (realm_id, sequence)',
  // By thousands, so that a new row goes to a part of the index that is at hand, however many clients there are.
  'CREATE INDEX audit_rows_by_client ON audit_rows ((sequence / 1024), client_id)',
]
