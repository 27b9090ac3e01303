// Where a secret is: an environment variable, a file, the output of a command, or the keychain. A profile and a flag say this and never
// the secret itself.
import { readFile, stat } from 'node:fs/promises'
import type { World } from './command.ts'
import { CommandFailed, errorCode, readStream, UsageError } from './command.ts'
import { lookUp } from './keychain.ts'
import { childEnvironment, runProgram } from './run_program.ts'

export type SecretSource =
  | { readonly env: string }
  /** `-` is standard input, on the command line only. */
  | { readonly file: string }
  /** Program and arguments, run without a shell. */
  | { readonly command: readonly string[] }
  /** Name of the entry. */
  | { readonly keychain: string }

export const MAX_SECRET_BYTES = 64 * 1024

/**
 * The secret, without the line break that an editor or a command ends it with; never empty.
 * @param purpose what it is, in words: `client secret`.
 * @throws UsageError, CommandFailed: they name the place, never the secret.
 */
export async function readSource(source: SecretSource, purpose: string, world: World): Promise<string> {
  const text = await rawSource(source, purpose, world)
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw new CommandFailed(`The ${purpose} from ${describeSource(source)} is empty: put it there.`)
  return secret
}

/** As it is at its place, line break and all, for whoever looks for what is wrong with it. */
export async function rawSource(source: SecretSource, purpose: string, world: World): Promise<string> {
  if ('env' in source) return fromVariable(source.env, purpose, world)
  if ('file' in source) return fromFile(source.file, purpose, world)
  if ('command' in source) return fromCommand(source.command, purpose, world)
  const secret = await lookUp(source.keychain, world)
  if (secret === undefined) {
    throw new CommandFailed(`The keychain has no entry '${source.keychain}' for the ${purpose}: callsign login puts it there.`)
  }
  return secret
}

/** A place in words; of a command only its program, since its arguments are somebody's own business. */
export function describeSource(source: SecretSource): string {
  if ('env' in source) return `the variable ${source.env}`
  if ('file' in source) return source.file === '-' ? 'standard input' : `the file ${source.file}`
  return 'command' in source ? `the command ${source.command[0]}` : `the keychain entry ${source.keychain}`
}

const COMMAND_TIMEOUT_MS = 60_000

function fromVariable(name: string, purpose: string, { env }: World): string {
  const value = env[name]
  if (value === undefined || value === '') throw new UsageError(`${name} is not set, and the ${purpose} should be in it: export it.`)
  return value
}

async function fromFile(path: string, purpose: string, { stdin }: World): Promise<string> {
  if (path === '-') return (await readStream(stdin, MAX_SECRET_BYTES)).toString('utf8')
  try {
    if ((await stat(path)).size <= MAX_SECRET_BYTES) return await readFile(path, 'utf8')
  } catch (error) {
    throw new UsageError(`The file ${path} for the ${purpose} cannot be read (${errorCode(error)}): give a readable one.`)
  }
  throw new UsageError(`The file ${path} is too long for a ${purpose}: give one that holds nothing else.`)
}

async function fromCommand(words: readonly string[], purpose: string, world: World): Promise<string> {
  const options = { env: childEnvironment(world.env), timeoutMs: COMMAND_TIMEOUT_MS, maxBytes: MAX_SECRET_BYTES, showErrors: true }
  const result = await runProgram(words, options)
  if (result.ended === 'exit' && result.code === 0) return result.out.toString('utf8')
  throw new CommandFailed(`The command ${words[0]} for the ${purpose} ${REASONS[result.ended]}: run it by hand to see why.`)
}

const REASONS = {
  exit: 'failed',
  missing: 'is not on the PATH',
  unstartable: 'cannot be started',
  timeout: `took longer than ${COMMAND_TIMEOUT_MS / 1000} s`,
  too_much: `printed more than ${MAX_SECRET_BYTES} bytes`,
} as const
