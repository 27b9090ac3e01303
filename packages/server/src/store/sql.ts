// The Sql port: what the tables ask of an engine. One read is one statement; a write unit yields statements one by one and is told
// how many rows each changed or answered with, so that the same unit runs synchronously (SQLite) and over a connection (PostgreSQL).

/** Integers are plain numbers: an engine that hands out 64-bit integers as strings converts them. */
export type SqlValue = string | number | null
export type Row = Readonly<Record<string, SqlValue>>

/** SQL in the subset the engines share, `?` as placeholder and never inside a literal. Texts are constants, so that they stay prepared. */
export interface Statement {
  readonly sql: string
  readonly params: readonly SqlValue[]
  /** Inside a unit: is given the rows that the statement answers with; see `ask`. */
  readonly read?: (rows: readonly Row[]) => unknown
  /** Inside a unit: nothing is made of how many rows it changes, so an engine far away need not be waited for and resumes the unit with 0. */
  readonly blind?: true
  /**
   * Inside a unit, of a SELECT: its rows stay as they are until the end, for all (`update`) or for those who would change them (`share`).
   * SQLite has one writer, and no need of it.
   */
  readonly lock?: 'share' | 'update'
  /**
   * Of a unit's first statement: it waits for a row that every such unit waits for, and so they may share a transaction however their rows
   * are spread.
   */
  readonly shares?: true
}

/** One SELECT and how its rows become a value. A single statement, so that it sees one state of the database. */
export interface Query<T> extends Statement {
  readonly read: (rows: readonly Row[]) => T
}

/**
 * One atomic write: yields statements, is resumed with the number of rows each changed (or gave to its `read`), returns its result.
 * It decides by row counts and by what it asks for, and touches nothing outside, since it may be run a second time after a roll-back.
 */
export type Unit<T> = Generator<Statement, T, number>

export interface Committed<T> {
  readonly value: T
  /** Rejects with StoreUnavailable. */
  readonly durable: Promise<void>
}

export type SnapshotRead = <R>(asked: Query<R>) => Promise<R>

export interface Sql {
  /** Sees everything acknowledged so far. Rejects with StoreUnavailable. */
  read<T>(query: Query<T>): Promise<T>
  /**
   * Resolves once the unit is committed and durable; units of one event-loop turn may share a transaction.
   * Rejects with StoreUnavailable, or with what the unit or its statement threw, and then nothing of the unit is stored.
   */
  write<T>(unit: () => Unit<T>): Promise<T>
  /**
   * The same, told sooner: resolves once the unit is committed, and so decided. What rests on it must not leave before it is durable.
   * For work that can be done while the disk is busy.
   */
  commit<T>(unit: () => Unit<T>): Promise<Committed<T>>
  /** Resolves once all that a read of now can see is durable, whichever process has written it. Rejects with StoreUnavailable. */
  flush(): Promise<void>
  /**
   * Reads that all see one state of the database, one that holds all that was acknowledged before; writers do not wait for it.
   * Not for long on SQLite: the log grows meanwhile. Rejects with StoreUnavailable, or with what `act` threw.
   */
  snapshot<T>(act: (read: SnapshotRead) => Promise<T>): Promise<T>
  /** Commits what is under way and lets go; every later call rejects with StoreUnavailable. */
  close(): Promise<void>
  /** Whether `close` was called. */
  isClosed(): boolean
}

export const statement = (sql: string, ...params: SqlValue[]): Statement => ({ sql, params })

/**
 * Inside a unit: what a SELECT or a RETURNING answers, with all that the unit has written so far.
 * To report what was decided, not to decide by: between a SELECT and the next statement another connection may write.
 */
export function* ask<T>(asked: Query<T>): Unit<T> {
  const answers: { readonly value: T }[] = []
  yield { ...asked, read: (rows) => answers.push({ value: asked.read(rows) }) }
  const [answer] = answers
  if (answer === undefined) throw new TypeError('The engine gave no rows to a statement that asked for them.')
  return answer.value
}

/** `R` is the row the SELECT list spells; the engine's untyped rows become it here and nowhere else. */
export const query = <R, T>(asked: Statement, read: (rows: readonly R[]) => T): Query<T> => ({
  ...asked,
  read: read as (rows: readonly unknown[]) => T,
})

export const first =
  <R, T>(map: (row: R) => T) =>
  (rows: readonly R[]): T | undefined => {
    const row = rows[0]
    return row === undefined ? undefined : map(row)
  }

export const each =
  <R, T>(map: (row: R) => T) =>
  (rows: readonly R[]): T[] =>
    rows.map(map)
