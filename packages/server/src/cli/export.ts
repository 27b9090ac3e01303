// countersign export: a backup under the name one looks for when the state moves to another engine.
import { AT_REST_USAGE } from './at_rest.ts'
import { backup } from './backup.ts'
import type { Command } from './command.ts'

export const command: Command = {
  summary: 'the same as backup: one form for SQLite and PostgreSQL',
  usage: `Usage: countersign export --out FILE|- (--key-file FILE | --plain) [--data DIR | --database URL]

Writes what \`countersign backup\` writes. \`countersign import --from-data DIR --database URL\` moves without a file in between.
${AT_REST_USAGE}`,
  run: (args, io) => backup('export', args, io),
}
