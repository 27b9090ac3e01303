// A dump as lines of JSON: what it is, then table by table its rows in the order of their keys, then counts and digests. Written from one
// state of a database, and checked while it is read. The same for every engine: two databases hold the same if their digests are equal.
import { createHash } from 'node:crypto'
import type { DumpHead, DumpSummary } from './dump_count.ts'
import { DumpCount } from './dump_count.ts'
import { DumpError } from './dump_error.ts'
import type { DumpTable } from './dump_tables.ts'
import { DUMP_TABLES } from './dump_tables.ts'
import type { Query, Row, SnapshotRead, SqlValue } from './sql.ts'
import { query, statement } from './sql.ts'

/** 1: lines as here. */
const FORMAT = 1
/** Schemas before this one were never dumped. */
const OLDEST_SCHEMA = 4

/** How far it has come: told after each page. */
export type Progress = (table: string, rows: number) => void

export interface DumpTime {
  readonly created: string
  readonly program: string
}

const PAGE = 500

/** @param line takes one line, without its end */
export async function writeDump(
  read: SnapshotRead,
  { created, program }: DumpTime,
  line: (text: string) => Promise<void>,
  progress: Progress,
): Promise<DumpSummary> {
  const tables = DUMP_TABLES.map(({ name, columns }) => ({ name, columns }))
  const head: DumpHead = { format: FORMAT, schema: await read(schemaVersion), created, program, tables }
  const whole = createHash('sha256')
  const send = async (text: string): Promise<void> => {
    whole.update(text).update('\n')
    await line(text)
  }
  await send(JSON.stringify(head))
  const seen = new DumpCount()
  for (const table of DUMP_TABLES) {
    await send(JSON.stringify({ table: table.name }))
    await readTable(table, { read, seen, progress, send })
  }
  const summary = seen.summary(head)
  await line(JSON.stringify({ end: { tables: summary.tables, sha256: whole.digest('hex') } }))
  return summary
}

/**
 * What the database holds, as a dump with the tables and columns of `like` would say: of the audit trail what the dump has of it, which is
 * all up to its newest row.
 */
export async function digestTables(
  read: SnapshotRead,
  progress: Progress,
  { head, newestAudit }: Pick<DumpSummary, 'head' | 'newestAudit'>,
): Promise<Pick<DumpSummary, 'tables' | 'counters'>> {
  const seen = new DumpCount()
  for (const { name, columns } of head.tables) {
    const only = name === 'audit_rows' && { only: `sequence <= ${newestAudit?.sequence ?? 0}` }
    await readTable({ ...tableOf(name, columns), columns, ...only }, { read, seen, progress })
  }
  return seen.summary(head)
}

interface Reading {
  readonly read: SnapshotRead
  readonly seen: DumpCount
  readonly progress: Progress
  readonly send?: (text: string) => Promise<void>
}

async function readTable(table: DumpTable, { read, seen, progress, send }: Reading): Promise<void> {
  seen.begin(table)
  for await (const rows of pagesOf(table, read)) {
    for (const row of rows) {
      const text = seen.row(row)
      if (send) await send(text)
    }
    progress(table.name, seen.rows)
  }
  seen.end()
}

export interface DumpedRows {
  readonly table: DumpTable
  /** The columns that the dump has of it: all of today's, or those of its time. */
  readonly columns: readonly string[]
  readonly rows: readonly (readonly SqlValue[])[]
}

const TOGETHER = 64

/**
 * Rows in bunches, in the order they can be stored in. What it returns at the end was checked to the last line: until then all is hearsay.
 * @param newest the schema that is known here. @throws DumpError
 */
export function* readDump(lines: Iterator<string, void>, newest: number): Generator<DumpedRows, DumpSummary> {
  const whole = createHash('sha256')
  const next = (): string => {
    const { value, done } = lines.next()
    if (done === true) throw new DumpError('The backup ends too soon: use another copy of it.')
    return value
  }
  const hashed = (): string => {
    const text = next()
    whole.update(text).update('\n')
    return text
  }
  const head = readHead(hashed(), newest)
  const seen = new DumpCount()
  let rows: SqlValue[][] = []
  let text = next()
  for (const { name, columns } of head.tables) {
    const table = tableOf(name, columns)
    if (text !== JSON.stringify({ table: name })) throw unreadable()
    whole.update(text).update('\n')
    seen.begin(table)
    for (text = next(); text.startsWith('['); text = next()) {
      whole.update(text).update('\n')
      rows.push(readRow(text, columns.length))
      seen.line(text)
      if (rows.length < TOGETHER) continue
      yield { table, columns, rows }
      rows = []
    }
    if (rows.length > 0) yield { table, columns, rows }
    rows = []
    seen.end()
  }
  const summary = seen.summary(head)
  const end = JSON.stringify({ end: { tables: summary.tables, sha256: whole.digest('hex') } })
  if (text !== end) throw new DumpError('The backup does not add up to the counts and digests at its end: use another copy of it.')
  if (lines.next().done !== true) throw unreadable()
  return summary
}

export const schemaVersion: Query<number> = query(
  statement('SELECT MAX(version) AS version FROM schema_version'),
  (rows: readonly { version: number }[]) => rows[0]?.version ?? 0,
)

/** By key, from the last row on: a page is found at once, however far it is, and the memory is a page's. */
async function* pagesOf({ name, columns, key, only }: DumpTable, read: SnapshotRead): AsyncGenerator<SqlValue[][]> {
  const names = columns.slice(0, key)
  const order = names.join(', ')
  const select = `SELECT ${columns.join(', ')} FROM ${name}`
  const tail = `ORDER BY ${order} LIMIT ${PAGE}`
  const chosen = only ?? '1 = 1'
  const behind = `${select} WHERE ${chosen} AND (${order}) > (${names.map(() => '?').join(', ')}) ${tail}`
  const toRows = (rows: readonly Row[]): SqlValue[][] => rows.map((row) => columns.map((column) => row[column] ?? null))
  let page = await read(query(statement(`${select} WHERE ${chosen} ${tail}`), toRows))
  while (page.length > 0) {
    yield page
    const last = page.at(-1)
    if (page.length < PAGE || last === undefined) return
    page = await read(query(statement(behind, ...last.slice(0, key)), toRows))
  }
}

function readHead(text: string, newest: number): DumpHead {
  const head = parse(text) as Partial<DumpHead> | null
  const tables: readonly unknown[] | undefined = Array.isArray(head?.tables) ? head.tables : undefined
  if (!head || !tables || typeof head.schema !== 'number' || head.schema < OLDEST_SCHEMA) throw unreadable()
  // Both are printed.
  if (![head.created, head.program].every((one: unknown) => typeof one === 'string' && /^[\x20-\x7e]{1,100}$/.test(one))) throw unreadable()
  if (head.format !== FORMAT || head.schema > newest) {
    throw new DumpError(
      `The backup was written by a newer Countersign (schema ${head.schema}, this database has ${newest}): upgrade Countersign and start it once on the database.`,
    )
  }
  // What else is not as `writeDump` writes it is found table by table, row by row and at the end.
  const read = head as DumpHead
  const names = read.tables.map((one) => one.name)
  const inOrder = DUMP_TABLES.map(({ name }) => name).filter((name) => names.includes(name))
  if (inOrder.join() !== names.join()) throw unreadable()
  return read
}

/** The names become part of statements: they are ours, or the dump is refused. */
function tableOf(name: string, columns: readonly string[]): DumpTable {
  const table = DUMP_TABLES.find((one) => one.name === name)
  if (!table || !Array.isArray(columns)) throw unreadable()
  const known = columns.every((column: unknown) => table.columns.some((one) => one === column)) && new Set(columns).size === columns.length
  if (!known || table.columns.slice(0, table.key).some((column, n) => columns[n] !== column)) throw unreadable()
  return table
}

function readRow(text: string, length: number): SqlValue[] {
  const row = parse(text)
  if (!Array.isArray(row) || row.length !== length) throw unreadable()
  for (const value of row) if (value !== null && typeof value !== 'string' && !Number.isSafeInteger(value)) throw unreadable()
  return row as SqlValue[]
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable()
  }
}

function unreadable(): DumpError {
  return new DumpError('The backup cannot be read, though it is one: it was written by another version of Countersign or changed.')
}
