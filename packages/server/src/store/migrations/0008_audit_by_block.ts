// By thousands, as the index by client is: a new row goes to a part of the index that is at hand, however many realms there are.
import type { Migration } from './migration.ts'

export const auditByBlock: Migration = () => [
  'DROP INDEX audit_rows_by_realm',
  'CREATE INDEX audit_rows_by_realm ON audit_rows ((sequence / 1024), realm_id)',
]
