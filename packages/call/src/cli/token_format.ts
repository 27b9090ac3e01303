// The forms in which `callsign token` prints a token, one row each.
import type { AccessToken, Client } from '../client.ts'
import { CommandFailed } from './command.ts'

export interface FormatWorld {
  /** Epoch seconds. */
  readonly now: () => number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the token will be shown, if it was said: a DPoP proof is for one URL and method. */
  readonly url: string | undefined
  readonly method: string | undefined
}

export const TOKEN_FORMATS: Readonly<Record<string, (client: Client, world: FormatWorld) => Promise<string>>> = {
  raw: async (client) => (await client.token()).accessToken,
  header: async (client, world) => (await headers(client, world)).map(([name, value]) => `${name}: ${value}`).join('\n'),
  json: async (client, { now }) => {
    const { accessToken, tokenType, expiresAt, scope } = await client.token()
    const answer = {
      access_token: accessToken,
      token_type: tokenType,
      expires_in: Math.max(0, Math.floor(expiresAt - now())),
      expires_at: expiresAt,
      scope: scope?.join(' '),
    }
    return JSON.stringify(answer, null, 2)
  },
  env: async (client) => {
    const { accessToken, expiresAt } = await client.token()
    return `export CALLSIGN_ACCESS_TOKEN=${shellQuoted(accessToken)}\nexport CALLSIGN_EXPIRES_AT=${shellQuoted(String(expiresAt))}`
  },
  curl: async (client, world) =>
    (await headers(client, world)).map(([name, value]) => `header = ${curlQuoted(`${name}: ${value}`)}`).join('\n'),
  kubernetes: async (client, { env }) => JSON.stringify(execCredential(await client.token(), env['KUBERNETES_EXEC_INFO'])),
}

async function headers(client: Client, { url, method }: FormatWorld): Promise<readonly (readonly [string, string])[]> {
  // A proof for no URL would be refused everywhere.
  if (url === undefined && (await client.token()).tokenType.toLowerCase() === 'dpop') {
    throw new CommandFailed(
      'This token is bound to a key, and each proof is for one address: add --url URL and --method METHOD, or use callsign fetch.',
    )
  }
  return Object.entries(await client.headers(url, method))
}

/** For a POSIX shell. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** As curl reads quoted words in a configuration file. */
function curlQuoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`
}

const CREDENTIAL_VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']

/** What `kubectl` expects of a credential plugin; it names the version it wants. */
function execCredential({ accessToken, expiresAt }: AccessToken, info: string | undefined): Record<string, unknown> {
  const expirationTimestamp = new Date(expiresAt * 1000).toISOString().replace('.000Z', 'Z')
  return { apiVersion: wantedVersion(info), kind: 'ExecCredential', status: { token: accessToken, expirationTimestamp } }
}

function wantedVersion(info: string | undefined): string {
  const [newest = ''] = CREDENTIAL_VERSIONS
  try {
    const value: unknown = info === undefined || info === '' ? undefined : JSON.parse(info)
    const wanted = typeof value === 'object' && value !== null && 'apiVersion' in value ? value.apiVersion : newest
    return CREDENTIAL_VERSIONS.find((version) => version === wanted) ?? newest
  } catch {
    return newest
  }
}
