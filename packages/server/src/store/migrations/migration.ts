// What a migration is: statements in the engines' common subset, with the few words they spell differently filled in.

/** What the engines spell differently in a CREATE TABLE. */
export interface EngineTypes {
  /** Text that compares and sorts by code point. */
  readonly text: string
  /** 64-bit signed. */
  readonly integer: string
  /** Ends a CREATE TABLE. */
  readonly table: string
  /** Ends a CREATE TABLE of short rows that are only ever found by their primary key. */
  readonly narrowTable: string
}

/** The statements that lead from the version before to this one. */
export type Migration = (types: EngineTypes) => readonly string[]
