#!/usr/bin/env node
// `callsign`: chooses the command, and turns whatever goes wrong into one sentence and an exit code (0 done, 1 did not work, 2 asked wrongly).
import { ConfigurationError, TokenRequestFailed } from '../errors.ts'
import { systemCode } from '../provider_exchange.ts'
import type { Command, World } from './command.ts'
import { UsageError } from './command.ts'
import { decode } from './decode.ts'
import { fetch } from './fetch.ts'
import { token } from './token.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map([token, fetch, decode].map((command) => [command.name, command]))

const HELP = `Usage: callsign COMMAND [options]

Gets access tokens and shows them to APIs, as each provider wants it.

Commands:
${[...COMMANDS.values()].map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

callsign COMMAND --help tells more.

Examples:
  callsign token --preset willba --demo
  callsign fetch http://127.0.0.1:8080/apis/willba/some-endpoint --preset willba --demo
  callsign token --preset willba --demo | callsign decode

Exit codes: 0 done, 1 it did not work, 2 asked wrongly, 22 the API answered 400 or more (fetch --fail).
`

async function main(args: readonly string[], world: World): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const wanted = name === 'help' ? COMMANDS.get(rest[0] ?? '')?.help : undefined
    const out = name === undefined ? world.stderr : world.stdout
    out.write(wanted ?? HELP)
    return name === undefined ? 2 : 0
  }
  try {
    const command = COMMANDS.get(name)
    if (!command) throw new UsageError(`There is no command '${name.slice(0, 40)}': use ${[...COMMANDS.keys()].join(', ')}.`)
    if (asksForHelp(rest)) {
      world.stdout.write(command.help)
      return 0
    }
    return await command.run(rest, world)
  } catch (error) {
    world.stderr.write(`callsign: ${sentence(error)}\n`)
    return error instanceof UsageError || error instanceof ConfigurationError ? 2 : 1
  }
}

/** Before the options are checked, so that help is there for whoever got them wrong; not behind `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).some((argument) => argument === '--help' || argument === '-h')
}

const MENDS: Readonly<Record<string, string>> = {
  unreachable: 'Check that the address is right and the server is running.',
  timeout: 'Try again, or check the network in between.',
  invalid_client: 'Check CALLSIGN_CLIENT_ID and CALLSIGN_CLIENT_SECRET.',
  invalid_grant: 'Check CALLSIGN_USERNAME and CALLSIGN_PASSWORD.',
  invalid_scope: 'Ask for fewer scopes with --scope.',
  invalid_target: 'Check --audience and --resource.',
  unauthorized_client: 'Ask the provider to allow this client the grant.',
}

function sentence(error: unknown): string {
  if (error instanceof TokenRequestFailed) {
    const later = error.retryAfter === undefined ? '' : `Try again in ${error.retryAfter} s.`
    return [error.message, MENDS[error.code] ?? '', later].filter((part) => part !== '').join(' ')
  }
  if (error instanceof TypeError && systemCode(error) !== '')
    return `The API cannot be reached${systemCode(error)}: check the URL and the network.`
  return error instanceof Error && error.message !== '' ? error.message : 'It failed without a word of why.'
}

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  fetch: globalThis.fetch,
  now: () => Date.now() / 1000,
})
