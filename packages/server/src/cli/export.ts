// countersign export: a backup under the name one looks for when the state moves to another engine.
import { placesUsage } from './at_rest.ts'
import { backup } from './backup.ts'
import type { Command } from './command.ts'

export const command: Command = {
  summary: 'the same as backup: one form for SQLite and PostgreSQL',
  usage: `Usage: countersign export --out FILE|- (--key-file FILE | --plain) [--data DIR | --database URL]

Writes what \`countersign backup\` writes. \`countersign import --from-data DIR --database URL\` moves without a file in between.

  --out FILE|-    what is written, or - for standard output; a file that is there is never written over
  --key-file FILE the key it is encrypted with; or COUNTERSIGN_BACKUP_KEY holds the key itself (\`countersign backup --new-key FILE\` makes one)
  --plain         write it readable by anybody
${placesUsage(16)}

Examples:
  countersign export --out state.backup --key-file /etc/countersign/backup.key`,
  run: (args, io) => backup('export', args, io),
}
