// Commands of two words: `countersign secret rotate`. Finds the second word's work. Owns no work.
import type { Io } from './command.ts'
import { UsageError } from './command.ts'

/** What one second word does. @returns the exit code */
export type Subcommand = (args: readonly string[], io: Io) => Promise<number>

/** @throws UsageError that lists the words, for none or another one */
export async function runSubcommand(
  command: string,
  subcommands: ReadonlyMap<string, Subcommand>,
  [word, ...args]: readonly string[],
  io: Io,
): Promise<number> {
  const run = word === undefined ? undefined : subcommands.get(word)
  if (run) return await run(args, io)
  const words = [...subcommands.keys()]
  if (word === undefined || word.startsWith('-'))
    throw new UsageError(`It is not said what to do: write \`countersign ${command}\` and one of ${words.join(', ')}.`)
  throw new UsageError(`There is no '${command} ${word}': behind \`countersign ${command}\` comes one of ${words.join(', ')}.`)
}
