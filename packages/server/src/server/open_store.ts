// Opens the database that the configuration names. The driver is loaded with it, so that what only uses one engine waits for one.
import { join } from 'node:path'
import type { DatabaseSettings } from '../model/database.ts'
import type { Sql } from '../store/sql.ts'

/** Of the file in a data folder. */
export const DATABASE_FILE = 'countersign.db'

/** @throws StoreUnavailable, one sentence that names the place and the mend */
export async function openSql(settings: DatabaseSettings): Promise<Sql> {
  if (settings.kind === 'postgres') {
    const { openPostgres } = await import('../store/adapters/postgres.ts')
    return await openPostgres(settings.server, { random: Math.random, monotonic: () => performance.now() })
  }
  const { openSqlite } = await import('../store/adapters/sqlite.ts')
  return await openSqlite({ file: settings.kind === 'memory' ? ':memory:' : join(settings.folder, DATABASE_FILE) })
}
