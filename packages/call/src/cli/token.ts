// `callsign token`: one access token on standard output, in the form a script needs.
import type { Client } from '../client.ts'
import { createClient } from '../client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'

export const token: Command = {
  name: 'token',
  summary: 'get an access token and print it',
  help: `Usage: callsign token [options]

Gets an access token and prints it.

${CONNECTION_HELP}

How it is printed:
  --format raw             the token alone (default)
  --format header          the header lines to show to the API
  --format json            access_token, token_type, expires_in, expires_at, scope
  --format env             lines for eval: CALLSIGN_ACCESS_TOKEN and CALLSIGN_EXPIRES_AT

Examples:
  callsign token --preset willba --demo
  callsign token --issuer https://login.example.com/ --scope 'orders:read' --format json
  eval "$(callsign token --preset wave --issuer https://auth.example.com --format env)"
  callsign token --preset wych --format header | curl -H @- https://api.wych.app/v1/accounts
`,
  async run(args, world) {
    const { values, positionals } = readArguments('token', args, { ...CONNECTION_OPTIONS, format: { type: 'string', default: 'raw' } })
    if (positionals.length > 0) throw new UsageError('callsign token takes options only; see callsign token --help.')
    const format = FORMATS[values.format]
    if (!format) throw new UsageError(`--format must be one of ${Object.keys(FORMATS).join(', ')}.`)
    const client = createClient(await readConnection(values, world))
    world.stdout.write(`${await format(client, world.now)}\n`)
    return 0
  },
}

const FORMATS: Readonly<Record<string, (client: Client, now: () => number) => Promise<string>>> = {
  raw: async (client) => (await client.token()).accessToken,
  header: async (client) => {
    const fields = Object.entries(await client.headers())
    return fields.map(([name, value]) => `${name}: ${value}`).join('\n')
  },
  json: async (client, now) => {
    const { accessToken, tokenType, expiresAt, scope } = await client.token()
    const expiresIn = Math.max(0, Math.floor(expiresAt - now()))
    const answer = {
      access_token: accessToken,
      token_type: tokenType,
      expires_in: expiresIn,
      expires_at: expiresAt,
      scope: scope?.join(' '),
    }
    return JSON.stringify(answer, null, 2)
  },
  env: async (client) => {
    const { accessToken, expiresAt } = await client.token()
    return `export CALLSIGN_ACCESS_TOKEN=${quoted(accessToken)}\nexport CALLSIGN_EXPIRES_AT=${quoted(String(expiresAt))}`
  },
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
