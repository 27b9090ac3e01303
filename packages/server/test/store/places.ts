// Databases that several processes can open: a place is one text, to be handed over on a command line.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { openPostgres } from '../../src/store/adapters/postgres.ts'
import { openSqlite } from '../../src/store/adapters/sqlite.ts'
import type { Sql } from '../../src/store/sql.ts'
import { parsed } from '../postgres/parsed.ts'
import type { TestPostgres } from '../postgres/server.ts'
import { noPostgres, startPostgres } from '../postgres/server.ts'

/** A path of a file, or the URL of a PostgreSQL database. */
export type Place = string

export const openPlace = async (place: Place): Promise<Sql> =>
  place.startsWith('postgres:') ? await openPostgres(await parsed(place), { random: Math.random }) : await openSqlite({ file: place })

export interface Engine {
  readonly name: string
  /** Why it cannot be tried here. */
  readonly skip: string | false
  /** Of the work that a test has for the quickest. */
  readonly share: number
  /** A place with nothing in it. */
  readonly fresh: () => Promise<Place>
}

/** To be called while a test file is loaded: what it starts ends with the file. */
export const startEngines = async (): Promise<readonly Engine[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-places-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const postgres: TestPostgres | undefined = noPostgres === false ? await startPostgres({ after }) : undefined
  let files = 0
  return [
    {
      name: 'a SQLite file',
      skip: false,
      share: 1,
      fresh: async () => {
        files += 1
        return join(folder, `${files}.db`)
      },
    },
    { name: 'PostgreSQL', skip: noPostgres, share: 0.25, fresh: async () => (await postgres?.createDatabase()) ?? '' },
  ]
}
