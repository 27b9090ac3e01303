// What a connection to a shared database has committed so far, so that a commit whose answer was lost can be asked after (PostgreSQL only).
import type { Migration } from './migration.ts'

export const writeMarks: Migration = ({ text, integer, narrowTable }) => [
  // at: by the database's own clock, in seconds. closed: 1 once nothing more may be committed under this name.
  `CREATE TABLE write_marks (
    id ${text} NOT NULL PRIMARY KEY,
    number ${integer} NOT NULL,
    closed ${integer} NOT NULL,
    at ${integer} NOT NULL
  ) ${narrowTable}`,
]
