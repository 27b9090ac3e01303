// Requests to the guarded APIs by the hour, and what is known of API keys. Lines refer to nothing by foreign key: a bill outlives its client.
import type { Migration } from './migration.ts'

export const metering: Migration = ({ text, integer, narrowTable }) => [
  // answers_none: no answer came.
  `CREATE TABLE usage_hours (
    hour ${integer} NOT NULL,
    realm_id ${text} NOT NULL,
    client_id ${text} NOT NULL,
    api_key_id ${text} NOT NULL,
    api_id ${text} NOT NULL,
    route ${text} NOT NULL,
    requests ${integer} NOT NULL DEFAULT 0 CHECK (requests >= 0),
    units ${integer} NOT NULL DEFAULT 0 CHECK (units >= 0),
    answers_1xx ${integer} NOT NULL DEFAULT 0,
    answers_2xx ${integer} NOT NULL DEFAULT 0,
    answers_3xx ${integer} NOT NULL DEFAULT 0,
    answers_4xx ${integer} NOT NULL DEFAULT 0,
    answers_5xx ${integer} NOT NULL DEFAULT 0,
    answers_none ${integer} NOT NULL DEFAULT 0,
    bytes_in ${integer} NOT NULL DEFAULT 0,
    bytes_out ${integer} NOT NULL DEFAULT 0,
    milliseconds ${integer} NOT NULL DEFAULT 0,
    PRIMARY KEY (hour, realm_id, client_id, api_key_id, api_id, route)
  ) ${narrowTable}`,
  'CREATE INDEX usage_hours_by_client ON usage_hours (realm_id, client_id, hour)',

  `ALTER TABLE api_keys ADD COLUMN origin ${text} NOT NULL DEFAULT 'configuration'`,
  // A JSON array of texts.
  `ALTER TABLE api_keys ADD COLUMN addresses ${text} NOT NULL DEFAULT '[]'`,
  // The end that a command gave it; expires_at is never later.
  `ALTER TABLE api_keys ADD COLUMN ended_at ${integer}`,
  'CREATE INDEX api_keys_by_end ON api_keys (origin, expires_at)',

  `CREATE TABLE api_key_uses (
    realm_id ${text} NOT NULL,
    api_key_id ${text} NOT NULL,
    last_used_at ${integer} NOT NULL,
    uses ${integer} NOT NULL,
    address ${text} NOT NULL,
    PRIMARY KEY (realm_id, api_key_id),
    FOREIGN KEY (realm_id, api_key_id) REFERENCES api_keys (realm_id, id) ON DELETE CASCADE
  ) ${narrowTable}`,
]
