// The ledger over PostgreSQL: the conformance suite on a real server.
import { after, suite } from 'node:test'
import type { PostgresServer } from '../../src/model/database.ts'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import { parsed } from '../postgres/parsed.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'
import { runLedgerConformance } from './conformance.ts'
import type { OpenedDatabase } from './opened_database.ts'

const postgres = noPostgres === false ? await startPostgres({ after }) : undefined

const openOn = async (server: PostgresServer): Promise<OpenedDatabase> => ({
  sql: await openPostgres(server),
  reopen: () => openOn(server),
})

suite('PostgreSQL', { skip: noPostgres }, () => {
  runLedgerConformance('PostgreSQL', async () => openOn(await parsed((await postgres?.emptiedDatabase()) ?? '')))
})
