// What a command is, how it reads its options, and how it refuses. The commands are files beside this one.
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export interface Command {
  /** For the list of commands: a few words. */
  readonly summary: string
  /** What `--help` prints. */
  readonly usage: string
  /** @returns the exit code. @throws UsageError, ConfigError: one sentence each, exit 2 */
  readonly run: (args: readonly string[], io: Io) => Promise<number>
}

/** The command cannot do what was asked; `message` names the thing and the mend. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The values of the options. @throws UsageError for an unknown option, a missing value or a word too many */
export function readOptions<const Options extends ParseArgsOptionsConfig>(command: string, args: readonly string[], options: Options) {
  const mend = `\`countersign ${command} --help\` lists the options`
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    if (positionals[0] !== undefined) throw new UsageError(`'${positionals[0]}' is a word too many: ${mend}.`)
    return values
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof Error)) throw error
    const option = /'([^' ]*)/.exec(error.message)?.[1] ?? '(unnamed)'
    const code = 'code' in error ? error.code : undefined
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') throw new UsageError(`There is no option '${option}': ${mend}.`)
    if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') {
      const how = error.message.includes('missing') ? 'needs a value' : 'takes no value'
      throw new UsageError(`The option '${option}' is not used like that, since it ${how}: ${mend}.`)
    }
    throw error
  }
}
