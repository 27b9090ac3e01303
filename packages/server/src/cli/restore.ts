// countersign restore: a backup into an empty database, all of it or nothing, compared row by row afterwards.
import { basename, resolve } from 'node:path'
import { AT_REST_OPTIONS, databaseOf, placesUsage } from './at_rest.ts'
import { report, withSql } from './backup_file.ts'
import { KEY_OPTIONS, READING, readBackupKey } from './backup_key.ts'
import type { Command, Io } from './command.ts'
import { readOptions, UsageError } from './command.ts'
import type { RestoreChoice } from './restore_file.ts'
import { restoreFrom, verifyFile } from './restore_file.ts'

export const RESTORE_OPTIONS = {
  ...AT_REST_OPTIONS,
  ...KEY_OPTIONS,
  in: { type: 'string' },
  replace: { type: 'boolean' },
  'revoke-refresh': { type: 'boolean' },
  'revoke-access': { type: 'boolean' },
} as const

/** For `--help`, below the command's own. @param width of the column of options */
export function restoreUsage(width: number): string {
  const options = [
    ['--key-file FILE', 'the key it was encrypted with; or COUNTERSIGN_BACKUP_KEY holds the key itself'],
    ['--plain', 'the backup is not encrypted, and is to be used all the same'],
    ['--replace', 'put it in the place of what the database holds; else a database that is not empty is refused'],
    ['--revoke-refresh', 'revoke every refresh token: one that was used after the backup was taken would be good again'],
    ['--revoke-access', 'revoke every access token: one that was revoked after the backup was taken would be good again'],
  ] as const
  return `${options.map(([option, says]) => `  ${option.padEnd(width)}${says}\n`).join('')}${placesUsage(width)}`
}

export const command: Command = {
  summary: 'put a backup into an empty database, or only verify it',
  usage: `Usage: countersign restore --in FILE (--key-file FILE | --plain) [--data DIR | --database URL]
                           [--replace] [--revoke-access] [--revoke-refresh]
       countersign restore --verify --in FILE (--key-file FILE | --plain)

Stop every server on the database first. All of the backup is stored, or nothing; then it is compared.

  --in FILE         the backup
  --verify          read the file to its end, check every byte of it, print what is in it; touch no database
${restoreUsage(18)}

Examples:
  countersign restore --verify --in monday.backup --key-file /etc/countersign/backup.key
  countersign restore --in monday.backup --key-file /etc/countersign/backup.key --data ./drill`,
  async run(args, io) {
    const { in: file, verify = false, ...rest } = readOptions('restore', args, { ...RESTORE_OPTIONS, verify: { type: 'boolean' } })
    if (file === undefined) throw new UsageError('It is not said which backup: name it with --in FILE.')
    if (verify) {
      io.out(report(verifyFile(resolve(file), await readBackupKey(rest, io, READING), io)))
      io.out('The backup is whole and says the truth about itself.\n')
      return 0
    }
    return await restore(file, rest, io)
  },
}

export async function restore(file: string, options: Omit<ReturnType<typeof optionsOf>, 'in'>, io: Io): Promise<number> {
  const key = await readBackupKey(options, io, READING)
  const choice = choiceOf(options, { file: basename(file) })
  const summary = await withSql(await databaseOf(options, io), (sql) => restoreFrom(sql, resolve(file), key, choice, io))
  io.out(report(summary))
  io.out(`Restored, and every table compared with the backup.${revokedSentences(choice)}\n`)
  return 0
}

export function choiceOf(
  {
    replace = false,
    'revoke-refresh': revokeRefresh = false,
    'revoke-access': revokeAccess = false,
  }: Partial<ReturnType<typeof optionsOf>>,
  source: RestoreChoice['source'],
): RestoreChoice {
  return { replace, revokeRefresh, revokeAccess, source }
}

/** Behind what was said of the restore. */
export function revokedSentences({ revokeRefresh, revokeAccess }: RestoreChoice): string {
  return `${revokeRefresh ? ' Every refresh token is revoked.' : ''}${revokeAccess ? ' Every access token of its clients is revoked.' : ''}`
}

export function optionsOf(name: string, args: readonly string[]) {
  return readOptions(name, args, RESTORE_OPTIONS)
}
