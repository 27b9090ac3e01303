// Chooses the command of `callsign`, and turns whatever goes wrong into one sentence and an exit code (0 done, 1 did not work, 2 asked wrongly).
import { ConfigurationError } from '../errors.ts'
import type { Command, World } from './command.ts'
import { UsageError } from './command.ts'
import { decode } from './decode.ts'
import { doctor } from './doctor.ts'
import { fetch } from './fetch.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { profiles } from './profiles.ts'
import { quota } from './quota.ts'
import { sentence } from './sentence.ts'
import { sidecar } from './sidecar.ts'
import { token } from './token.ts'
import { visible } from './visible.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  [login, token, fetch, quota, doctor, decode, sidecar, profiles, logout].map((command) => [command.name, command]),
)

const HELP = `Usage: callsign COMMAND [options]

Gets access tokens and shows them to APIs, as each provider wants it.

Commands:
${[...COMMANDS.values()].map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join('\n')}

callsign COMMAND --help tells more.

Examples:
  callsign login https://login.example.com --profile production
  callsign doctor --profile production
  callsign token --preset willba --demo
  callsign fetch http://127.0.0.1:8080/apis/willba/some-endpoint --preset willba --demo
  callsign token --preset willba --demo | callsign decode

Exit codes: 0 done, 1 it did not work, 2 asked wrongly, 22 the API answered 400 or more (fetch --fail).
`

/** @returns the exit code. */
export async function run(args: readonly string[], world: World): Promise<number> {
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
    // Names of files and words of strangers are in it.
    world.stderr.write(`callsign: ${visible(sentence(error), 2000)}\n`)
    return error instanceof UsageError || error instanceof ConfigurationError ? 2 : 1
  }
}

/** Before the options are checked, so that help is there for whoever got them wrong; not behind `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).some((argument) => argument === '--help' || argument === '-h')
}
