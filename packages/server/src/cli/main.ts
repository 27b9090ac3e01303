#!/usr/bin/env node
// The countersign program: finds the command, runs it, and turns what went wrong into one sentence and an exit code.
import { ConfigError } from '../config/error.ts'
import type { Command, Io } from './command.ts'
import { UsageError } from './command.ts'

/** Loaded when called for: `countersign version` need not wait for a server. */
const COMMANDS: ReadonlyMap<string, () => Promise<{ readonly command: Command }>> = new Map([
  ['serve', () => import('./serve.ts')],
  ['init', () => import('./init.ts')],
  ['client', () => import('./client.ts')],
  ['secret', () => import('./secret.ts')],
  ['api-key', () => import('./api_key.ts')],
  ['key', () => import('./key.ts')],
  ['usage', () => import('./usage.ts')],
  ['audit', () => import('./audit.ts')],
  ['backup', () => import('./backup.ts')],
  ['restore', () => import('./restore.ts')],
  ['export', () => import('./export.ts')],
  ['import', () => import('./import.ts')],
  ['hash', () => import('./hash.ts')],
  ['version', () => import('./version.ts')],
])

const NEEDED_NODE = 24
const EXIT_MALFUNCTION = 1
const EXIT_BAD_USE = 2
const EXIT_CODES = 'Exit codes: 0 done, 1 a malfunction, 2 it cannot be done as it was asked; one sentence on standard error says why.'
const LINGER_MS = 500

const io: Io = {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
}

process.stderr.on('error', () => undefined)
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  // Whoever stops reading (`| head`) has seen enough; a disk that is full has half a bill.
  if (code === 'EPIPE') return
  process.once('exit', (exitCode) => {
    if (exitCode !== 0) return
    io.err(`Not all could be written to standard output (${code ?? 'unknown'}): what is there is not whole.\n`)
    process.exitCode = EXIT_MALFUNCTION
  })
})
process.exitCode = await main(process.argv.slice(2))
// A handle that somebody forgot must not keep the program alive when its work is done.
setTimeout(() => process.exit(), LINGER_MS).unref()

async function main([name = 'help', ...args]: readonly string[]): Promise<number> {
  try {
    if (Number.parseInt(process.versions.node, 10) < NEEDED_NODE) {
      throw new UsageError(
        `Countersign needs Node ${NEEDED_NODE} or newer and this is ${process.version}: install a newer one from https://nodejs.org.`,
      )
    }
    return await run(name, args)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof UsageError)) throw error
    io.err(`${error.message}\n`)
    return EXIT_BAD_USE
  }
}

async function run(name: string, args: readonly string[]): Promise<number> {
  if (name === 'help' || name === '--help' || name === '-h') return await help(args[0])
  const load = COMMANDS.get(name === '--version' || name === '-v' ? 'version' : name)
  if (!load) throw new UsageError(`There is no command '${name}': the commands are ${[...COMMANDS.keys()].join(', ')}, help.`)
  const { command } = await load()
  if (args.includes('--help') || args.includes('-h')) return show(command)
  return await command.run(args, io)
}

async function help(name: string | undefined): Promise<number> {
  const load = name === undefined ? undefined : COMMANDS.get(name)
  if (load) return show((await load()).command)
  const commands = await Promise.all(
    [...COMMANDS].map(async ([each, loadEach]) => `  ${each.padEnd(9)} ${(await loadEach()).command.summary}`),
  )
  io.out(
    `${['countersign: API authentication in one place', '', 'Usage: countersign COMMAND [OPTIONS]', '', ...commands, '', 'countersign COMMAND --help says more.', '', EXIT_CODES].join('\n')}\n`,
  )
  return 0
}

function show({ usage }: Command): number {
  io.out(`${usage}\n`)
  return 0
}
