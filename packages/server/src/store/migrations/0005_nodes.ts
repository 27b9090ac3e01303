// The nodes that share this database, and the lease on the work that one of them does for all. Nothing refers to them: they are nobody's data.
import type { Migration } from './migration.ts'

export const nodes: Migration = ({ text, integer, narrowTable }) => [
  `CREATE TABLE nodes (
    id ${text} NOT NULL PRIMARY KEY,
    started_at ${integer} NOT NULL,
    beat ${integer} NOT NULL
  ) ${narrowTable}`,

  `CREATE TABLE leases (
    name ${text} NOT NULL PRIMARY KEY,
    holder ${text} NOT NULL,
    beat ${integer} NOT NULL
  ) ${narrowTable}`,
]
