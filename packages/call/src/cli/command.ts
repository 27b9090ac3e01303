// What a command of `callsign` is, the world it is given, and the reading of its arguments. Secrets never come as arguments: every
// process of the machine can read them there.
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseArgs } from 'node:util'

/** The world, so that a command reaches for nothing else. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  readonly fetch: typeof globalThis.fetch
  /** Epoch seconds. */
  readonly now: () => number
  /** As Node names it: `linux`, `darwin`, `win32`. */
  readonly platform: string
}

export interface Command {
  readonly name: string
  /** Half a sentence for the list of commands. */
  readonly summary: string
  readonly help: string
  /** @returns the exit code: 0 done, 1 it did not work, 2 asked wrongly. */
  readonly run: (args: readonly string[], world: World) => Promise<number>
}

/** The command line asks for something that cannot be: one sentence with the mend, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** It was asked rightly and did not work: one sentence with the mend, exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** `ENOENT` and the like of a system call that failed. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}

/**
 * Reads the arguments of a command strictly; values are never quoted in errors.
 * @throws UsageError
 */
export function readArguments<Options extends ParseArgsOptionsConfig>(command: string, args: readonly string[], options: Options) {
  refuseSecrets(args)
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new UsageError(`${explain(error)}; see callsign ${command} --help.`)
  }
}

/** A whole stream as bytes. @throws UsageError beyond `maxBytes`. */
export async function readStream(stream: NodeJS.ReadableStream, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    length += bytes.length
    if (length > maxBytes) throw new UsageError(`Standard input is longer than ${maxBytes} bytes.`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks)
}

const SECRET_FLAGS: ReadonlyMap<string, string> = new Map([
  ['--client-secret', 'set CALLSIGN_CLIENT_SECRET, or give --client-secret-file FILE (- for standard input)'],
  ['--password', 'set CALLSIGN_PASSWORD, or give --password-file FILE'],
  ['--api-key', 'set CALLSIGN_API_KEY, or give --api-key-file FILE'],
])

function refuseSecrets(args: readonly string[]): void {
  for (const argument of args) {
    const flag = argument.split('=', 1)[0] ?? ''
    const mend = SECRET_FLAGS.get(flag)
    if (mend)
      throw new UsageError(`${flag} does not exist, because every process on this machine can read the arguments of the others: ${mend}.`)
  }
}

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  const option = /'(-{1,2}[A-Za-z][A-Za-z0-9-]{0,40})/.exec(message)?.[1] ?? 'an option'
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `There is no option ${option}`
  const long = /'(?:-\w, )?(--[a-z-]+)/.exec(message)?.[1] ?? option
  return /does not take an argument/.test(message) ? `${long} takes no value` : `${long} needs a value`
}
