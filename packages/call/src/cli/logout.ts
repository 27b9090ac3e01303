// `callsign logout`: revokes what is held, and forgets the tokens and the secrets that were put away. RFC 7009.
import { createClient } from '../client.ts'
import { ConfigurationError } from '../errors.ts'
import type { Command, World } from './command.ts'
import { readArguments, UsageError } from './command.ts'
import { CONNECTION_HELP, CONNECTION_OPTIONS } from './connection.ts'
import { clientOptions } from './connection_client.ts'
import type { Connection } from './connection_profile.ts'
import { resolveConnection } from './connection_profile.ts'
import { forgetOwn } from './own_secrets.ts'
import { sentence } from './sentence.ts'

export const logout: Command = {
  name: 'logout',
  summary: 'revoke and forget what is held',
  help: `Usage: callsign logout [options]

Revokes the tokens that are kept for a connection, where the provider can revoke, and forgets them. Of a profile it also forgets the
secrets that callsign login put into the keychain or a file; the profile itself stays, and callsign login fills it again.
Secrets that you keep elsewhere stay where they are.

${CONNECTION_HELP}

Exit codes: 0 all of it is done, 1 something could not be revoked (it is forgotten here all the same).

Examples:
  callsign logout
  callsign logout --profile production
`,
  async run(args, world) {
    const { values, positionals } = readArguments('logout', args, CONNECTION_OPTIONS)
    if (positionals.length > 0) throw new UsageError('callsign logout takes options only; see callsign logout --help.')
    const connection = await resolveConnection(values, world)
    const done = await forgetTokens(connection, world)
    const secrets = connection.name === undefined ? [] : await forgetOwn(connection.name, connection.profile, world)
    if (secrets.length > 0) world.stdout.write(`What was kept secret for '${connection.name}' is forgotten.\n`)
    return done ? 0 : 1
  },
}

/** @returns false if something is left at the provider. */
async function forgetTokens(connection: Connection, world: World): Promise<boolean> {
  let client: ReturnType<typeof createClient>
  try {
    client = createClient(await clientOptions(connection, world, { cached: true }))
    await client.revoke()
    await client.invalidate()
    world.stdout.write('What was held is revoked and forgotten.\n')
    return true
  } catch (error) {
    return explain(error, connection, world)
  }
}

async function explain(error: unknown, connection: Connection, world: World): Promise<boolean> {
  try {
    await createClient(await clientOptions(connection, world, { cached: true })).invalidate()
  } catch {
    // A token is filed under what asked for it, secret and all: without the secret it cannot be found.
    world.stderr.write(`callsign: ${sentence(error)} The kept token cannot be found without it; it ends by itself.\n`)
    return false
  }
  if (error instanceof ConfigurationError) {
    world.stdout.write('What was held is forgotten here; the provider has no way to revoke it, so it ends by itself.\n')
    return true
  }
  world.stderr.write(`callsign: ${sentence(error)} It is forgotten here, and ends by itself there.\n`)
  return false
}
