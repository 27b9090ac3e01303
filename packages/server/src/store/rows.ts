// One INSERT for many rows: a statement costs more than a row. Its texts come in a few sizes only, so that they stay prepared.
import type { SqlValue, Statement } from './sql.ts'

/** Statements that insert the rows in their order. */
export type InsertRows = (rows: readonly (readonly SqlValue[])[]) => Generator<Statement, void>

/**
 * @param head `INSERT INTO audit_rows (a, b)`. Rows have `columns` values.
 * @param tail `ON CONFLICT ...`: then no two rows may be in conflict
 * @param types of the values where the engine cannot tell them by the columns, since they are selected from
 */
export const insertRows = (head: string, columns: number, tail = '', types?: readonly string[]): InsertRows => {
  const row = `(${Array(columns).fill('?').join(', ')})`
  // The first row speaks for all.
  const top = types === undefined ? row : `(${types.map((type) => `CAST(? AS ${type})`).join(', ')})`
  const texts = SIZES.map((size) => ({
    size,
    sql: `${head} VALUES ${Array.from({ length: size }, (_, n) => (n === 0 ? top : row)).join(', ')} ${tail}`.trimEnd(),
  }))
  return function* (rows) {
    let start = 0
    for (const { size, sql } of texts) {
      for (; rows.length - start >= size; start += size) {
        const params: SqlValue[] = []
        for (let n = start; n < start + size; n += 1) params.push(...(rows[n] ?? []))
        yield { sql, params, blind: true }
      }
    }
  }
}

const SIZES = [64, 16, 4, 1]
