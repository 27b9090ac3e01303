// What a connection to PostgreSQL is told before it is used: how long things may take, where the tables are, that a commit is durable.

import type { PostgresServer } from '../../model/database.ts'
import { placeOf } from '../../model/database.ts'
import { StoreUnavailable } from '../../model/store.ts'
import type { Link } from './postgres_link.ts'

/** In milliseconds. */
export interface Patience {
  readonly connect: number
  /** For one statement, by the server's clock. */
  readonly statement: number
  /** For an answer, by ours: longer, so that the server speaks first if it can. */
  readonly answer: number
  /** For what comes next in a transaction: a node that was cut off must not keep its locks. */
  readonly idle: number
}

/** While somebody waits for a token. */
export const QUICK: Patience = { connect: 3000, statement: 4000, answer: 5000, idle: 5000 }
/** For migrations and backups. */
export const PATIENT: Patience = { connect: 5000, statement: 600_000, answer: 610_000, idle: 600_000 }

export interface Flavour {
  /** Has the collation "C"; otherwise all text sorts so anyway. */
  readonly collates: boolean
}

export const prepareSession = async (link: Link, { statement, idle }: Patience, schema: string | null): Promise<Flavour> => {
  try {
    // All are sent at once.
    const needed = [
      link.say(`SET statement_timeout = ${statement}`),
      link.say(`SET idle_in_transaction_session_timeout = ${idle}`),
      link.say('SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED'),
      ...(schema === null ? [] : [link.say(`SET search_path TO ${schema}`)]),
    ]
    const helpful = HELPFUL.map((one) => link.say(one))
    const [version, commits] = await Promise.all([
      link.say('SELECT version() AS version'),
      link.say('SHOW synchronous_commit').catch(() => undefined),
      Promise.allSettled(helpful),
      ...needed,
    ])
    if (commits?.rows[0]?.['synchronous_commit'] === 'off') await link.say('SET synchronous_commit = on')
    const name = String(version.rows[0]?.['version'] ?? '')
    return { collates: !name.includes('Cockroach') }
  } catch (error) {
    link.destroy()
    throw error
  }
}

/** That the server finds out soon that this node is gone. Not every engine has them. */
const HELPFUL = [
  'SET tcp_keepalives_idle = 5',
  'SET tcp_keepalives_interval = 2',
  'SET tcp_keepalives_count = 3',
  'SET tcp_user_timeout = 10000',
]

/** Makes the schema if it is not there. One that is needs no right to make any. */
export const useSchema = async (link: Link, server: PostgresServer): Promise<void> => {
  const { schema } = server
  if (schema !== null && !(await hasSchema(link, schema))) {
    try {
      await link.say(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    } catch (error) {
      // Of two nodes that make it at once one may be told of a conflict, IF NOT EXISTS or not.
      if (!(await hasSchema(link, schema))) throw error
    }
  }
  const { rows } = await link.run({ sql: TABLES, params: [] })
  const names = new Set(rows.map((row) => row['name']))
  if (
    names.has('schema_version')
      ? !names.has('counters') && names.size > 2
      : ['counters', 'realms', 'clients'].some((name) => names.has(name))
  )
    throw new StoreUnavailable(`${placeOf(server)} holds tables of another program: give Countersign a database or a ?schema= of its own.`)
}

const hasSchema = async (link: Link, schema: string): Promise<boolean> =>
  (await link.run({ sql: 'SELECT 1 FROM information_schema.schemata WHERE schema_name = ?', params: [schema] })).count > 0

const TABLES = 'SELECT CAST(table_name AS TEXT) AS name FROM information_schema.tables WHERE table_schema = current_schema()'
