// The Nodes port over both engines.
import { after, before, describe } from 'node:test'
import { loadConfiguration } from '../../src/config/config.ts'
import { openSql } from '../../src/server/open_store.ts'
import { sqlStore } from '../../src/store/sql_store.ts'
import type { TestPostgres } from '../postgres/server.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { temporaryFolder } from '../process/program.ts'
import { runNodesConformance } from './conformance.ts'

const opened = async (flags: { data: string } | { database: string }, count: number) => {
  const { configuration } = await loadConfiguration({ input: { realms: [{ id: 'any', clients: [] }] }, flags })
  const first = await openSql(configuration.database)
  const rest = await Promise.all(Array.from({ length: count - 1 }, () => openSql(configuration.database)))
  return [first, ...rest].map(sqlStore)
}

runNodesConformance('one SQLite file', (count) => opened({ data: temporaryFolder() }, count))

describe('with a PostgreSQL server', { skip: noPostgres }, () => {
  let server: TestPostgres
  const ends: (() => Promise<void>)[] = []
  before(async () => {
    server = await startPostgres({ after: (act) => void ends.push(act) })
  })
  after(async () => {
    for (const end of ends) await end()
  })
  runNodesConformance('one PostgreSQL', async (count) => opened({ database: await server.createDatabase() }, count))
})
