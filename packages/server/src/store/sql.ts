// The Sql port: what the tables ask of an engine. One read is one statement; a write unit yields statements one by one and is told
// how many rows each changed, so that the same unit runs synchronously (SQLite) and over a connection (PostgreSQL).

/** Integers are plain numbers: an engine that hands out 64-bit integers as strings converts them. */
export type SqlValue = string | number | null
export type Row = Readonly<Record<string, SqlValue>>

/** SQL in the subset the engines share, `?` as placeholder and never inside a literal. Texts are constants, so that they stay prepared. */
export interface Statement {
  readonly sql: string
  readonly params: readonly SqlValue[]
}

/** One SELECT and how its rows become a value. A single statement, so that it sees one state of the database. */
export interface Query<T> extends Statement {
  readonly read: (rows: readonly Row[]) => T
}

/**
 * One atomic write: yields statements, is resumed with the number of rows each changed, returns its result.
 * It decides by row counts alone, and touches nothing outside, since it may be run a second time after a roll-back.
 */
export type Unit<T> = Generator<Statement, T, number>

export interface Sql {
  /** Sees everything acknowledged so far. Rejects with StoreUnavailable. */
  read<T>(query: Query<T>): Promise<T>
  /**
   * Resolves once the unit is committed and durable; units of one event-loop turn may share a transaction.
   * Rejects with StoreUnavailable, or with what the unit or its statement threw, and then nothing of the unit is stored.
   */
  write<T>(unit: () => Unit<T>): Promise<T>
  /** Commits what is under way and lets go; every later call rejects with StoreUnavailable. */
  close(): Promise<void>
}

export const statement = (sql: string, ...params: SqlValue[]): Statement => ({ sql, params })

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
