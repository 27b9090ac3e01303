// `callsign quota`: what is left of the token budget, and how long it will last.
import { createClient } from '../client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'
import { quotaWords } from './quota_words.ts'

export const quota: Command = {
  name: 'quota',
  summary: 'say what is left of the token budget, and how long it lasts',
  help: `Usage: callsign quota [options]

Says how many tokens this client may still get in this window, when there are new ones, and whether they last at this pace.
Asking costs no token. What the provider tells is taken from its usage endpoint, or from the fields of its last answer.

  --json                   limit, used, remaining, reset_at, enough_until (epoch seconds), source, told_at

${CONNECTION_HELP}

Examples:
  callsign quota --preset wave --demo
  callsign quota --profile production --json
`,
  async run(args, world) {
    const { values, positionals } = readArguments('quota', args, { ...CONNECTION_OPTIONS, json: { type: 'boolean' } })
    if (positionals.length > 0) throw new UsageError('callsign quota takes options only; see callsign quota --help.')
    const found = await createClient(await readConnection(values, world)).quota()
    if (values.json) {
      world.stdout.write(`${JSON.stringify(found === undefined ? null : { ...wire(found) }, null, 2)}\n`)
      return 0
    }
    if (found === undefined) {
      world.stdout.write('The provider tells of no token budget.\n')
      return 0
    }
    const { left, reset, pace } = quotaWords(found, world.now())
    world.stdout.write(`${left}\n${reset}\n${pace}\n`)
    return 0
  },
}

function wire({
  limit,
  used,
  remaining,
  resetAt,
  enoughUntil,
  source,
  toldAt,
}: NonNullable<Awaited<ReturnType<ReturnType<typeof createClient>['quota']>>>) {
  return { limit, used, remaining, reset_at: resetAt, enough_until: enoughUntil, source, told_at: toldAt }
}
