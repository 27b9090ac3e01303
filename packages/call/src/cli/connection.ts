// The flags that every command with a connection takes, their help, and the connection as ClientOptions.
import { BUILTIN_DIALECTS } from '@countersign/protocol/dialect/resolve'
import type { ClientOptions } from '../client_options.ts'
import { DEMO_ORIGIN } from '../demo.ts'
import type { World } from './command.ts'
import { clientOptions } from './connection_client.ts'
import type { ConnectionValues } from './connection_profile.ts'
import { resolveConnection } from './connection_profile.ts'

export const CONNECTION_OPTIONS = {
  profile: { type: 'string' },
  preset: { type: 'string' },
  demo: { type: 'boolean' },
  origin: { type: 'string' },
  realm: { type: 'string' },
  issuer: { type: 'string' },
  'token-url': { type: 'string' },
  'revocation-url': { type: 'string' },
  'usage-url': { type: 'string' },
  dialect: { type: 'string' },
  grant: { type: 'string' },
  'client-id': { type: 'string' },
  'client-secret-env': { type: 'string' },
  'client-secret-file': { type: 'string' },
  'client-secret-command': { type: 'string' },
  'client-secret-keychain': { type: 'string' },
  'private-key-file': { type: 'string' },
  dpop: { type: 'boolean' },
  username: { type: 'string' },
  'password-env': { type: 'string' },
  'password-file': { type: 'string' },
  'password-command': { type: 'string' },
  'password-keychain': { type: 'string' },
  'api-key-env': { type: 'string' },
  'api-key-file': { type: 'string' },
  'api-key-command': { type: 'string' },
  'api-key-keychain': { type: 'string' },
  scope: { type: 'string' },
  audience: { type: 'string' },
  resource: { type: 'string', multiple: true },
  'api-origin': { type: 'string', multiple: true },
  'redirect-uri': { type: 'string' },
  'no-cache': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export const CONNECTION_HELP = `Which connection (one of these; without any, the profile that callsign profiles use chose):
  --profile NAME           one that callsign login or callsign profiles add made (or CALLSIGN_PROFILE)
  --preset NAME            willba, wych, wogeez, wave or webcommander
  --preset NAME --demo     the demo of that name on ${DEMO_ORIGIN}, with its published credentials
  --issuer URL             any provider with discovery; exactly as it writes its issuer
  --token-url URL          any other token endpoint; --revocation-url and --usage-url where it has them
  --dialect NAME|FILE      how it speaks: ${[...BUILTIN_DIALECTS.keys()].join(', ')}, or a JSON document (default: standard)
  --origin URL             where the demo runs, if not on ${DEMO_ORIGIN}
  --realm NAME             the realm of the preset willba

Which token:
  --scope 'A B'  --audience NAME  --resource URI (may be repeated)
  --grant NAME             client_credentials, password, device_code or authorization_code (the last two through callsign login)
  --redirect-uri URI       what is registered for a sign-in in the browser (default: http://127.0.0.1/callback, on any free port)

Who asks (secrets are never arguments, which every process on the machine can read):
  --client-id ID           or CALLSIGN_CLIENT_ID
  --username NAME          or CALLSIGN_USERNAME
  CALLSIGN_CLIENT_SECRET, CALLSIGN_PASSWORD, CALLSIGN_API_KEY, or a place of your own:
  --client-secret-env NAME          another variable
  --client-secret-file FILE         a file, - for standard input
  --client-secret-command 'W W'     what a program prints, run without a shell (words, or a JSON list of them)
  --client-secret-keychain NAME     an entry of the system's keychain
                                    (--password-... and --api-key-... likewise)
  --private-key-file FILE  sign in with a key (private_key_jwt): a JWK or a PEM of PKCS#8
  --dpop                   ask for tokens that are bound to a key of this machine (RFC 9449)

Tokens are kept in a folder of yours, so that one serves many commands; --no-cache does without.`

/** @throws UsageError, ConfigurationError */
export async function readConnection(values: ConnectionValues, world: World): Promise<ClientOptions> {
  return clientOptions(await resolveConnection(values, world), world, { cached: !values['no-cache'] })
}
