// The ledger's tables: what each account used of each meter, by window, and what it was used for. They refer to nothing by foreign key:
// a client or realm that is removed and made again must not find its budget fresh, and its bill stays.
import type { Migration } from './migration.ts'

export const ledger: Migration = ({ text, integer, narrowTable }) => [
  `CREATE TABLE ledger_windows (
    account ${text} NOT NULL,
    meter ${text} NOT NULL,
    window_start ${integer} NOT NULL,
    used ${integer} NOT NULL CHECK (used >= 0),
    window_end ${integer} NOT NULL,
    PRIMARY KEY (account, meter, window_start)
  ) ${narrowTable}`,
  'CREATE INDEX ledger_windows_by_end ON ledger_windows (window_end)',

  // The units of a window's rows sum to its used.
  `CREATE TABLE ledger_usage (
    account ${text} NOT NULL,
    meter ${text} NOT NULL,
    window_start ${integer} NOT NULL,
    day ${text} NOT NULL,
    address ${text} NOT NULL,
    user_agent ${text} NOT NULL,
    units ${integer} NOT NULL CHECK (units >= 0),
    PRIMARY KEY (account, meter, window_start, day, address, user_agent)
  ) ${narrowTable}`,
]
