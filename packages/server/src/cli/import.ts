// countersign import: the state of one database into another, of the same engine or the other, counted and compared. The source is only read.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KEY_BYTES } from '../store/dump_file.ts'
import type { AtRestOptions } from './at_rest.ts'
import { databaseOf, refuseMissing } from './at_rest.ts'
import { dumpToFile, report, withSql } from './backup_file.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import { choiceOf, RESTORE_OPTIONS, restore, restoreUsage, revokedSentences } from './restore.ts'
import { restoreFrom } from './restore_file.ts'

export const command: Command = {
  summary: 'move all state between SQLite and PostgreSQL',
  usage: `Usage: countersign import (--from-data DIR | --from-database URL) (--database URL | --data DIR)
       countersign import --in FILE (--key-file FILE | --plain) (--database URL | --data DIR)
       each with [--replace] [--revoke-access] [--revoke-refresh]

Stop every server on both first: what the old one still writes does not come along.

  --from-data DIR      folder of the database file to move
  --from-database URL  the PostgreSQL database to move
  --in FILE            what \`countersign export\` wrote
${restoreUsage(21)}

Examples:
  countersign import --from-data ./data --database postgres://countersign@db.example.com/countersign`,
  async run(args, io) {
    const {
      in: file,
      'from-data': fromData,
      'from-database': fromDatabase,
      ...rest
    } = readOptions('import', args, { ...RESTORE_OPTIONS, 'from-data': { type: 'string' }, 'from-database': { type: 'string' } })
    if ([file, fromData, fromDatabase].filter((one) => one !== undefined).length !== 1)
      throw new UsageError('It is not said what to move: name one of --from-data DIR, --from-database URL and --in FILE.')
    if (file !== undefined) return await restore(file, rest, io)
    const from = { ...(fromData !== undefined && { data: fromData }), ...(fromDatabase !== undefined && { database: fromDatabase }) }
    return await move(from, rest, io)
  },
}

type Into = Parameters<typeof choiceOf>[0] & AtRestOptions

/** By a file that lives as long as this takes, under a key that nobody else ever has. */
async function move(from: AtRestOptions, into: Into, io: Io): Promise<number> {
  const source = await databaseOf(from, { ...io, env: withoutPlace(io.env) })
  refuseMissing(source)
  const target = await databaseOf(into, io)
  const folder = mkdtempSync(join(tmpdir(), 'countersign-import-'))
  try {
    const path = join(folder, 'dump')
    const key = randomBytes(KEY_BYTES)
    const choice = choiceOf(into, { from: source.kind })
    await withSql(source, (sql) => dumpToFile(sql, key, path, io))
    const summary = await withSql(target, (sql) => restoreFrom(sql, path, key, choice, io))
    io.out(report(summary))
    io.out(`Moved: counts and digests of every table are the same on both sides.${revokedSentences(choice)}\n`)
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What the environment says of the place is said of the target. */
function withoutPlace(env: Io['env']): Io['env'] {
  const { COUNTERSIGN_DATA: _data, COUNTERSIGN_DATABASE: _database, COUNTERSIGN_CONFIG: _config, ...rest } = env
  return rest
}
