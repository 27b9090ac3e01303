// What a dump leaves out is left out on purpose: the lists are held against the schema.
import assert from 'node:assert/strict'
import test from 'node:test'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import { DUMP_TABLES, NOT_DUMPED } from '../../src/store/dump_tables.ts'
import { query, statement } from '../../src/store/sql.ts'

const TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
const COLUMNS = 'SELECT name, pk FROM pragma_table_info(?)'

interface Column {
  readonly name: string
  readonly pk: number
}

test('every table is dumped with all of its columns by its primary key, or left out for a reason', async () => {
  const sql = await openSqlite({ file: ':memory:' })
  const names = await sql.read(query(statement(TABLES), (rows: readonly { name: string }[]) => rows.map(({ name }) => name)))
  assert.deepEqual([...DUMP_TABLES.map(({ name }) => name), ...Object.keys(NOT_DUMPED)].toSorted(), names)
  for (const { name, columns, key } of DUMP_TABLES) {
    const found = await sql.read(query(statement(COLUMNS, name), (rows: readonly Column[]) => rows))
    assert.deepEqual(columns.toSorted(), found.map((column) => column.name).toSorted(), name)
    const primary = found.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk)
    assert.deepEqual(
      columns.slice(0, key),
      primary.map((column) => column.name),
      name,
    )
  }
  await sql.close()
})
