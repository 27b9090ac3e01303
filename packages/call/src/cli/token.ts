// `callsign token`: one access token on standard output, in the form a script needs.
import { createClient } from '../client.ts'
import type { Command } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS, readConnection } from './connection.ts'
import { renewing } from './token_folder.ts'
import { TOKEN_FORMATS } from './token_format.ts'

export const token: Command = {
  name: 'token',
  summary: 'get an access token and print it',
  help: `Usage: callsign token [options]

Gets an access token and prints it. A token that was kept by an earlier command is used while it is good.

${CONNECTION_HELP}
  --fresh                  a new one, even where a good one is kept

How it is printed:
  --format raw             the token alone (default)
  --format header          the header lines to show to the API
  --format json            access_token, token_type, expires_in, expires_at, scope
  --format env             lines for eval: CALLSIGN_ACCESS_TOKEN and CALLSIGN_EXPIRES_AT
  --format curl            a configuration for curl -K -, so that the token is in no list of processes
  --format kubernetes      an ExecCredential, for the users of a kubeconfig
  --url URL --method M     where a header will be shown: needed with --dpop, and checked against --api-origin

Examples:
  callsign token --preset willba --demo
  callsign token --profile production --format curl | curl -K - https://api.example.com/orders
  callsign token --issuer https://login.example.com/ --scope 'orders:read' --format json
  eval "$(callsign token --preset wave --issuer https://auth.example.com --format env)"
  callsign token --preset wych --format header | curl -H @- https://api.wych.app/v1/accounts
`,
  async run(args, world) {
    const { values, positionals } = readArguments('token', args, TOKEN_OPTIONS)
    if (positionals.length > 0) throw new UsageError('callsign token takes options only; see callsign token --help.')
    const format = Object.hasOwn(TOKEN_FORMATS, values.format) ? TOKEN_FORMATS[values.format] : undefined
    if (!format) throw new UsageError(`--format must be one of ${Object.keys(TOKEN_FORMATS).join(', ')}.`)
    if (values.method !== undefined && values.url === undefined) throw new UsageError('--method goes with --url.')
    const options = await readConnection(values, world)
    const cache = values.fresh && options.cache ? { cache: renewing(options.cache) } : {}
    const client = createClient({ ...options, ...cache })
    world.stdout.write(`${await format(client, { now: world.now, env: world.env, url: values.url, method: values.method })}\n`)
    return 0
  },
}

const TOKEN_OPTIONS = {
  ...CONNECTION_OPTIONS,
  format: { type: 'string', default: 'raw' },
  fresh: { type: 'boolean' },
  url: { type: 'string' },
  method: { type: 'string' },
} as const
