// countersign backup: everything the server knows, as of one moment, in one encrypted file. The server goes on meanwhile.
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { StoreUnavailable } from '../model/store.ts'
import type { Sql } from '../store/sql.ts'
import { auditTable } from '../store/tables/audit.ts'
import { AT_REST_OPTIONS, actOfCommand, databaseOf, placesUsage, refuseMissing } from './at_rest.ts'
import type { Written } from './backup_file.ts'
import { dumpTo, dumpToFile, report, withSql } from './backup_file.ts'
import { KEY_OPTIONS, makeBackupKey, readBackupKey, WRITING } from './backup_key.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'

export const command: Command = {
  summary: 'write all state to one encrypted file, while the server runs',
  usage: `Usage: countersign backup --out FILE|- (--key-file FILE | --plain) [--data DIR | --database URL]
       countersign backup --new-key FILE

  --out FILE|-    the backup, or - for standard output; a file that is there is never written over
  --key-file FILE the key it is encrypted with: 32 bytes as base64url, base64 or hex; or COUNTERSIGN_BACKUP_KEY holds the key itself
  --plain         write it readable by anybody
  --new-key FILE  make a key; without it no backup can be read, so keep it where the backups are not
${placesUsage(16)}

Examples:
  countersign backup --new-key /etc/countersign/backup.key
  countersign backup --out monday.backup --key-file /etc/countersign/backup.key`,
  run: (args, io) => backup('backup', args, io),
}

/** `export` is the same under the name one looks for when moving. */
export async function backup(name: string, args: readonly string[], io: Io): Promise<number> {
  const {
    out,
    'new-key': newKey,
    'key-file': keyFile,
    plain,
    ...where
  } = readOptions(name, args, {
    ...AT_REST_OPTIONS,
    ...KEY_OPTIONS,
    out: { type: 'string' },
    'new-key': { type: 'string' },
  })
  if (newKey !== undefined) {
    io.out(
      `The key ${makeBackupKey(newKey)} is in ${resolve(newKey)}: keep it apart from the backups, and safe, since they are lost without it.\n`,
    )
    return 0
  }
  if (out === undefined)
    throw new UsageError('It is not said where the backup goes: name a file with --out FILE, or - for standard output.')
  if (out === '-' && process.stdout.isTTY)
    throw new UsageError('A backup is no text for a terminal: name a file with --out FILE, or send it to another program with |.')
  const path = out === '-' ? undefined : resolve(out)
  if (path !== undefined && existsSync(path)) throw new UsageError(`${path} is there already: move it away or name another with --out.`)
  const settings = await databaseOf(where, io)
  refuseMissing(settings)
  const key = await readBackupKey(
    { ...(keyFile !== undefined && { 'key-file': keyFile }), ...(plain !== undefined && { plain }) },
    io,
    WRITING,
  )
  return await withSql(settings, async (sql) => {
    const written = path === undefined ? await dumpTo(sql, key, toStdout, io) : await dumpToFile(sql, key, path, io)
    // Standard output may be the backup itself.
    const say = path === undefined ? io.err : io.out
    say(report(written))
    say(`${path ?? 'standard output'}: ${written.bytes} bytes, ${key ? 'encrypted' : 'readable by anybody'}\n`)
    await note(sql, written, path, key !== null, io)
    return 0
  })
}

/** Behind the backup, which is whole by now: that it cannot be noted, on a full disk for instance, makes it no worse. */
async function note(
  sql: Sql,
  { tables, bytes, newestAudit }: Written,
  path: string | undefined,
  encrypted: boolean,
  { err }: Io,
): Promise<void> {
  const detail = {
    ...(path !== undefined && { file: basename(path) }),
    rows: tables.reduce((sum, one) => sum + one.rows, 0),
    bytes,
    encrypted,
    ...(newestAudit && { newestAudit: newestAudit.sequence }),
  }
  try {
    await auditTable(sql).append({ ...actOfCommand(), realmId: '', clientId: '', address: '', event: 'state.backed_up', detail })
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error
    err(`The backup is whole, but the audit trail does not say that it was taken: ${error.message}\n`)
  }
}

/** Resolves when they are written, so that no backup is called whole whose last bytes found a full disk. */
function toStdout(bytes: Uint8Array): Promise<void> {
  const written = Promise.withResolvers<void>()
  process.stdout.write(bytes, (error: NodeJS.ErrnoException | null | undefined) => {
    if (!error) written.resolve()
    else written.reject(new UsageError(`Standard output took no more (${error.code ?? 'unknown'}): the backup is not whole.`))
  })
  return written.promise
}
